"""Portraits: one person alone in plain light before plain ground, with keypoints.

What a generator of pedestrians learns to draw: somebody as :func:`edge.site.samples.random_crop` shows them
(in any light, before anything, half hidden) becomes this. A person fills the picture's height as the standard
poses of ``edge.ipg`` do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.site.camera import Camera, aim
from edge.site.canvas import Canvas, Light
from edge.site.crowd import Actor, gather
from edge.site.paint import draw_crowd
from edge.site.people import Look, person_look
from edge.site.skeleton import KEYPOINT_NAMES, articulate, place_joints
from edge.site.stance import stand, walk

__all__ = ["Portrait", "random_portrait"]

Reals = NDArray[np.float64]

_STREAM = 0x9_08_7A
_GROUND_BGR = (168, 168, 168)
_HIGH, _LOW = 0.045, 0.95  # where the crown and the lower toes lie, as shares of the picture's height
_EYE, _EAR, _NOSE = range(14, 16), range(16, 18), 0
_FAR_M, _TALL_M = (6.0, 14.0), (1.2, 2.6)  # how far the camera is, and how high


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """One person.

    image_bgr_hwc: uint8 (h, w, 3)
    keypoints_px: float32 (18, 2)  OpenPose's COCO order; NaN outside the picture, and for what of the face
                                   is on the other side of the head
    """

    image_bgr_hwc: NDArray[np.uint8]
    keypoints_px: NDArray[np.float32]


def random_portrait(
    person_seed: int, view_seed: int, size_px: tuple[int, int] = (64, 128), *, look: Look | None = None
) -> Portrait:
    """A person standing or walking, seen from anywhere around.

    Args:
        person_seed: who; the same seed is the same person as in :func:`edge.site.samples.random_crop`.
        view_seed: pose and side.
        size_px: width and height; twice as high as wide keeps the person's proportions.
        look: somebody else than ``person_seed`` says.
    """
    rng = np.random.default_rng((_STREAM, person_seed, view_seed))
    look = person_look(person_seed) if look is None else look
    phase, aside = float(rng.uniform(0, 2 * math.pi)), float(rng.normal(0, 0.15))
    walking = rng.random() < 0.75
    stance = walk(look, phase, float(rng.uniform(0.6, 1.8)), aside) if walking else stand(look, phase, aside)
    heading = float(rng.uniform(0, 2 * math.pi))
    actor = Actor(look, place_joints(articulate(look, stance), (0.0, 0.0), heading))
    camera = _camera(rng, actor, size_px)
    width, height = size_px
    image = np.empty((height, width, 3), np.uint8)
    image[:] = _GROUND_BGR
    canvas = Canvas(image, np.full((height, width), np.inf, np.float32))
    crowd = gather(camera, [actor])
    if crowd is not None:
        draw_crowd(canvas, camera, crowd, _light(camera))
    return Portrait(canvas.image_bgr_hwc, _keypoints(camera, actor.joints_m[: len(KEYPOINT_NAMES)]))


def _camera(rng: np.random.Generator, actor: Actor, size_px: tuple[int, int]) -> Camera:
    """Somewhere around, so that the body fills the height; proportions as in a picture half as wide."""
    width, height = size_px
    far, high = float(rng.uniform(*_FAR_M)), float(rng.uniform(*_TALL_M))
    around = float(rng.uniform(0, 2 * math.pi))
    wide = aim(
        (far * math.cos(around), far * math.sin(around), high),
        (0.0, 0.0, 0.5 * actor.look.height_m),
        fov_deg=60.0,
        size_px=(1000, 1000),
    )
    pixels, _ = wide.project(actor.joints_m)
    top, bottom = float(pixels[:, 1].min()), float(pixels[:, 1].max())
    slack = rng.normal(0, 0.012, 3)
    tall = (bottom - top) / (_LOW - _HIGH + slack[0])
    corner_y = top - (_HIGH + slack[1]) * tall
    middle_x = float(pixels[[1, 8, 11], 0].mean())  # neck and hips
    corner_x = middle_x - (0.5 + slack[2]) * tall / 2
    scale = np.array([2 * width / tall, height / tall])
    shift = np.array([[scale[0], 0, -corner_x * scale[0]], [0, scale[1], -corner_y * scale[1]], [0, 0, 1]])
    return Camera(shift @ wide.intrinsics, wide.rotation, wide.shift_m, size_px)


def _light(camera: Camera) -> Light:
    """From above and from the camera, mostly from everywhere, without a shadow."""
    to_camera = -camera.rotation[2]
    lamp = np.array([0.5 * to_camera[0], 0.5 * to_camera[1], 0.9])
    lamp /= np.linalg.norm(lamp)
    return Light((float(lamp[0]), float(lamp[1]), float(lamp[2])), direct=0.35, ambient=0.7, shadow=0.0)


def _keypoints(camera: Camera, joints_m: Reals) -> NDArray[np.float32]:
    """Where the keypoints are, those of the face only where they would be drawn in a standard pose."""
    pixels, _ = camera.project(joints_m)
    points = pixels.astype(np.float32)
    right = joints_m[16, :2] - joints_m[17, :2]  # of the ears
    right /= np.linalg.norm(right) + 1e-9
    ahead = np.array([-right[1], right[0]])
    towards = -camera.rotation[2][:2] / np.linalg.norm(camera.rotation[2][:2])
    facing, right_facing = float(ahead @ towards), float(right @ towards)
    if facing < -0.3:
        points[_NOSE] = np.nan
    for index in (*_EYE, *_EAR):
        side = right_facing if index % 2 == 0 else -right_facing
        if index in _EAR:
            seen = side + 0.5 * facing > -0.6
        else:
            seen = facing > -0.3 and 0.7 * facing + 0.7 * side > -0.1
        if not seen:
            points[index] = np.nan
    width, height = camera.size_px
    outside = ((points < 0) | (points > (width - 1, height - 1))).any(axis=1)
    points[outside] = np.nan
    return points
