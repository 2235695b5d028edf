"""Places as a camera sees them: what hides what, and how far away it is."""

from __future__ import annotations

import numpy as np
import pytest

from edge.site.backdrop import paint_place
from edge.site.camera import aim
from edge.site.canvas import Light
from edge.site.places import Floor, Place, box, cylinder

SIZE = (320, 240)
CAMERA = aim((0.0, -6.0, 2.0), (0.0, 0.0, 1.0), fov_deg=60.0, size_px=SIZE)
LIGHT = Light()


def test_the_depth_of_a_wall_is_that_of_its_nearer_side() -> None:
    wall = box((0.0, 2.0), (40.0, 0.4, 3.0), (100, 100, 100), turn=0.2)
    canvas = paint_place(Place(Floor(), solids=(wall,)), CAMERA, LIGHT)
    c, s = np.cos(0.2), np.sin(0.2)
    for along in (-3.0, 0.0, 2.0):
        spot = np.array([[along * c + 0.2 * s, 2.0 + along * s - 0.2 * c, 1.2]])
        pixels, depth = CAMERA.project(spot)
        column, line = np.round(pixels[0]).astype(int)
        assert canvas.blockers_m[line, column] == pytest.approx(depth[0], rel=0.02)


def test_floor_and_sky_hide_nobody() -> None:
    canvas = paint_place(Place(Floor()), CAMERA, LIGHT)
    assert np.isinf(canvas.blockers_m).all()


def test_the_sky_is_above_the_horizon_and_the_floor_below() -> None:
    place = Place(Floor(colour_bgr=(0, 0, 200), contrast=0.0), sky_bgr=((200, 0, 0), (200, 0, 0)))
    image = paint_place(place, CAMERA, LIGHT).image_bgr_hwc
    far = CAMERA.project(np.array([[0.0, 1e6, 0.0]]))[0][0, 1]
    above, below = image[: int(far) - 1], image[int(far) + 2 :]
    assert (above[..., 0] > above[..., 2]).all()
    assert (below[..., 2] > below[..., 0]).all()


def test_the_nearer_thing_is_seen_in_whatever_order_they_are_named() -> None:
    near, far = box((0, -2), (0.6, 0.6, 1.5), (0, 0, 250)), box((0, 3), (3, 0.6, 3), (250, 0, 0))
    middle = tuple(np.round(CAMERA.project(np.array([[0.0, -2.3, 0.8]]))[0][0]).astype(int)[::-1])
    for solids in ((near, far), (far, near)):
        for exact in (True, False):
            canvas = paint_place(Place(Floor(), solids=solids), CAMERA, LIGHT, exact=exact)
            assert canvas.image_bgr_hwc[middle][2] > 100
            assert canvas.blockers_m[middle] < 5.0


def test_the_sketch_shows_the_same_things_in_the_same_places() -> None:
    solids = (
        box((-1.5, 0), (0.8, 0.8, 1.2), (40, 160, 60)),
        cylinder((1.5, 1.0), 0.3, 3.0, (60, 60, 200)),
        box((0, 4), (9, 0.2, 2.5), (160, 120, 80)),
    )
    place = Place(Floor(contrast=0.0), solids=solids)
    exact, sketched = (paint_place(place, CAMERA, LIGHT, exact=exact) for exact in (True, False))
    same = np.isfinite(exact.blockers_m) == np.isfinite(sketched.blockers_m)
    assert same.mean() > 0.98
    difference = np.abs(exact.image_bgr_hwc.astype(int) - sketched.image_bgr_hwc).max(axis=2)
    assert (difference < 40).mean() > 0.95


def test_a_wall_beside_and_behind_the_camera_is_cut_off_properly() -> None:
    wall = box((1.0, -2.0), (0.2, 20.0, 3.0), (90, 90, 90))
    canvas = paint_place(Place(Floor(), solids=(wall,)), CAMERA, LIGHT)
    hidden = np.isfinite(canvas.blockers_m)
    assert hidden[120, 300]
    assert not hidden[200, 20]


def test_tiles_of_the_floor_become_smaller_with_distance() -> None:
    place = Place(Floor("checks", tile_m=2.0, contrast=1.0))
    image = paint_place(place, CAMERA, LIGHT).image_bgr_hwc[..., 0].astype(int)
    changes = [(np.abs(np.diff(image[line])) > 15).sum() for line in (230, 170)]
    assert 0 < changes[0] < changes[1]
