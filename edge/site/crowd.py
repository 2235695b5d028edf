"""People as they lie in a picture: posed, projected, sorted by depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.site.body import Figure, pose_figures
from edge.site.camera import Camera
from edge.site.figure import figure_of
from edge.site.people import Look

__all__ = ["Actor", "Crowd", "extents", "gather", "measure"]

Reals = NDArray[np.float64]

_NEAREST_M = 0.5  # a body is more than half a metre across: nearer, it is around the camera
_LEVELS_FROM_PX = (46, 150)  # more detail from so many pixels of height on
_PELVIS = 18


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """Somebody to be drawn.

    look: who it is.
    joints_m: float64 (28, 3)  where the joints are in the world; the first 18 are the keypoints.
    """

    look: Look
    joints_m: Reals


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """Actors as they lie in the picture, the far ones first; row i of every array is one of them.

    actors: int64 (n,)            number in the list of actors
    figures: their surfaces
    begins: int64 (n + 1,)        first vertex of each, and the number of vertices
    vertices_m: float64 (v, 3)    all vertices in the world
    pixels: float64 (v, 2)        and in the picture
    depths_m: float64 (v,)        and away from the camera
    middles_m: float64 (n,)       depth of the whole body
    lows, highs: float64 (n, 2)   extent in the picture
    keypoints_px: float64 (n, 18, 2)
    """

    actors: NDArray[np.int64]
    figures: tuple[Figure, ...]
    begins: NDArray[np.int64]
    vertices_m: Reals
    pixels: Reals
    depths_m: Reals
    middles_m: Reals
    lows: Reals
    highs: Reals
    keypoints_px: Reals


def gather(camera: Camera, actors: Sequence[Actor]) -> Crowd | None:
    """Pose all actors of whom the camera can see something; None when there is nobody."""
    if not actors:
        return None
    width, height = camera.size_px
    joints = np.stack([actor.joints_m for actor in actors])
    flat, depths = camera.project(joints.reshape(-1, 3))
    flat, depths = flat.reshape(len(actors), -1, 2), depths.reshape(len(actors), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)
    tall = high[:, 1] - low[:, 1] + 1.0
    margin = (0.3 * tall)[:, None]
    near = (high > -margin).all(axis=1) & (low - margin < (width, height)).all(axis=1)
    kept = np.flatnonzero(near & (depths.min(axis=1) > _NEAREST_M))
    if not len(kept):
        return None
    kept = kept[np.argsort(-depths[kept, _PELVIS], kind="stable")]
    levels = np.digitize(tall[kept], _LEVELS_FROM_PX)
    figures = tuple(figure_of(actors[int(i)].look, int(level)) for i, level in zip(kept, levels, strict=True))
    begins = np.cumsum([0, *(len(one.bones) for one in figures)])
    vertices = pose_figures(figures, joints[kept])
    pixels, vertex_depths = camera.project(vertices)
    return Crowd(
        actors=kept,
        figures=figures,
        begins=begins,
        vertices_m=vertices,
        pixels=pixels,
        depths_m=vertex_depths,
        middles_m=depths[kept, _PELVIS],
        lows=np.minimum.reduceat(pixels, begins[:-1]),
        highs=np.maximum.reduceat(pixels, begins[:-1]),
        keypoints_px=flat[kept, :18],
    )


def extents(
    camera: Camera, actors: Sequence[Actor]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Boxes, shares of them in the picture, and keypoints without flags, of actors who all can be seen."""
    crowd = gather(camera, actors)
    if crowd is None:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 18, 2), np.float32)
    return measure(crowd, np.argsort(crowd.actors, kind="stable"), camera.size_px)


def measure(
    crowd: Crowd, rows: NDArray[np.int64], size_px: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The same for some rows of a crowd, in pixel edges: pixel 0 reaches from 0 to 1."""
    lows, highs = crowd.lows[rows] + 0.5, crowd.highs[rows] + 0.5
    boxes = np.hstack([np.clip(lows, 0, size_px), np.clip(highs, 0, size_px)])
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    inside = areas / np.maximum(np.prod(highs - lows, axis=1), 1e-6)
    points = crowd.keypoints_px[rows] + 0.5
    return boxes.astype(np.float32), inside.astype(np.float32), points.astype(np.float32)
