"""Painting: who hides whom, what the labels say, and where shadows fall."""

from __future__ import annotations

import numpy as np

from edge.site.backdrop import paint_place
from edge.site.camera import Camera, aim
from edge.site.canvas import Canvas, Light
from edge.site.crowd import Actor, extents
from edge.site.paint import Seen, paint_people
from edge.site.people import person_look
from edge.site.places import Floor, Place, box
from edge.site.samples import random_scene
from edge.site.skeleton import articulate, place_joints
from edge.site.stance import stand

SIZE = (320, 240)
CAMERA = aim((0.0, -6.0, 2.2), (0.0, 0.0, 0.9), fov_deg=55.0, size_px=SIZE)
FLAT = Light(shadow=0.0)


def canvas_of(grey: int = 127) -> Canvas:
    return Canvas(
        np.full((SIZE[1], SIZE[0], 3), grey, np.uint8), np.full((SIZE[1], SIZE[0]), np.inf, np.float32)
    )


def person(seed: int, x: float, y: float) -> Actor:
    look = person_look(seed)
    return Actor(look, place_joints(articulate(look, stand(look)), (x, y), 0.3 * seed))


def paint(
    actors: list[Actor], canvas: Canvas | None = None, light: Light = FLAT, camera: Camera = CAMERA
) -> Seen:
    return paint_people(canvas_of() if canvas is None else canvas, camera, actors, light)


def test_a_lone_person_is_wholly_visible() -> None:
    seen = paint([person(1, 0, 0)])
    assert seen.visible.tolist() == [1.0]
    assert seen.inside.tolist() == [1.0]
    assert (seen.keypoints_px[0, :, 2] == 2).mean() > 0.8


def test_keypoints_are_where_the_camera_projects_them() -> None:
    actor = person(2, 0.5, 0.5)
    seen = paint([actor])
    pixels, _ = CAMERA.project(actor.joints_m[:18])
    np.testing.assert_allclose(seen.keypoints_px[0, :, :2], pixels + 0.5, atol=1e-4)


def test_the_box_is_tight_around_what_was_painted() -> None:
    canvas = canvas_of()
    seen = paint([person(3, -0.5, 0.0)], canvas)
    lines, columns = np.nonzero((canvas.image_bgr_hwc != 127).any(axis=2))
    painted = [columns.min(), lines.min(), columns.max() + 1, lines.max() + 1]
    np.testing.assert_allclose(seen.boxes_px[0], painted, atol=2.0)


def test_a_box_contains_its_keypoints_in_any_pose() -> None:
    people = 0
    for seed in range(25):
        scene = random_scene(seed, (320, 180))
        for (left, top, right, bottom), points in zip(scene.boxes_px, scene.keypoints_px, strict=True):
            inside = points[points[:, 2] > 0]
            assert (inside[:, 0] >= left - 0.6).all()
            assert (inside[:, 0] <= right + 0.6).all()
            assert (inside[:, 1] >= top - 0.6).all()
            assert (inside[:, 1] <= bottom + 0.6).all()
            people += 1
    assert people > 50


def test_the_nearer_person_hides_the_farther_one_in_whatever_order_they_come() -> None:
    near, far = person(4, 0, -1.0), person(5, 0.05, 1.0)
    for actors, number in (([near, far], 1), ([far, near], 0)):
        seen = paint(actors)
        assert seen.visible[number] < 0.6
        assert seen.visible[1 - number] == 1.0
        assert (seen.keypoints_px[number, :, 2] == 1).any()


def test_somebody_behind_a_wall_is_not_seen_and_before_it_is() -> None:
    wall = box((0.0, 0.0), (8.0, 0.2, 3.0), (90, 90, 90))
    place = Place(Floor(), solids=(wall,))
    before, behind = person(6, 0.5, -1.5), person(7, -0.5, 1.5)
    seen = paint([behind, before], paint_place(place, CAMERA, FLAT))
    assert seen.actors.tolist() == [1]
    assert seen.visible.tolist() == [1.0]


def test_a_low_box_hides_the_legs_only() -> None:
    counter = box((0.0, -1.0), (4.0, 0.4, 0.9), (90, 90, 90))
    seen = paint([person(8, 0.0, 0.5)], paint_place(Place(Floor(), solids=(counter,)), CAMERA, FLAT))
    assert 0.2 < seen.visible[0] < 0.8
    flags = seen.keypoints_px[0, :, 2]
    assert (flags[[10, 13]] == 1).all()  # ankles
    assert flags[1] == 2  # neck


def test_who_is_partly_out_of_the_picture_says_so() -> None:
    left = paint([person(9, -3.05, 0.0)])
    assert 0.2 < left.inside[0] < 0.9
    assert left.boxes_px[0, 0] == 0.0
    assert (left.keypoints_px[0, :, 2] == 0).any()


def test_nobody_behind_or_around_the_camera_is_painted() -> None:
    canvas = canvas_of()
    assert len(paint([person(1, 0, -9.0), person(2, 0, -6.1)], canvas).actors) == 0
    assert (canvas.image_bgr_hwc == 127).all()
    assert len(paint([]).boxes_px) == 0


def test_shadows_darken_the_floor_and_never_what_stands_on_it() -> None:
    light = Light((0.5, 0.4, 0.77), shadow=0.5)
    wall = box((0.0, 2.0), (9.0, 0.2, 3.0), (120, 120, 120))
    canvas = paint_place(Place(Floor(contrast=0.0), solids=(wall,)), CAMERA, light)
    empty = canvas.image_bgr_hwc.astype(int)
    paint([person(1, 0.0, 0.0)], canvas, light)
    change = canvas.image_bgr_hwc.astype(int) - empty
    seen = paint([person(1, 0.0, 0.0)])
    left, top, right, bottom = np.round(seen.boxes_px[0]).astype(int)
    body = np.zeros(change.shape[:2], bool)
    body[top - 1 : bottom + 1, left - 1 : right + 1] = True
    beside = change.max(axis=2)[~body]
    assert beside.max() <= 0
    assert (change.min(axis=2)[~body] < -15).sum() > 40
    on_wall = np.isfinite(canvas.blockers_m) & ~body
    assert (change[on_wall] == 0).all()


def test_extents_are_those_of_the_painted_people() -> None:
    actors = [person(1, -1.0, 0.0), person(2, 1.0, 1.0)]
    seen = paint(actors)
    boxes, inside, points = extents(CAMERA, actors)
    np.testing.assert_allclose(boxes, seen.boxes_px)
    np.testing.assert_allclose(inside, seen.inside)
    np.testing.assert_allclose(points, seen.keypoints_px[:, :, :2])
