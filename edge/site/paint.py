"""Draws people into a picture: far ones first, behind what stands nearer, with shadows on the floor.

Every person is drawn at two or more times the size into a small patch of four channels, shrunk, and laid over
the picture; so edges are smooth and faces have no seams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.body import Figure, figure_of
from edge.site.camera import Camera
from edge.site.people import Look

__all__ = ["Actor", "Canvas", "Light", "Seen", "paint_people"]

Reals = NDArray[np.float64]

_NEAREST_M = 0.5  # a body is more than half a metre across: nearer, it is around the camera
_CLEAR = 255


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """Somebody to be drawn.

    look: who it is.
    joints_m: float64 (28, 3)  where the joints are in the world; the first 18 are the keypoints.
    """

    look: Look
    joints_m: Reals


@dataclass(frozen=True, slots=True)
class Light:
    """One lamp far away, and light from everywhere.

    towards: unit vector to the lamp; its last number is positive.
    direct, ambient: brightness of either; their sum is about 1.
    shadow: how dark a cast shadow is, 0 (none) to 1 (black).
    softness_px: blur of shadows.
    """

    towards: tuple[float, float, float] = (0.35, 0.25, 0.9)
    direct: float = 0.5
    ambient: float = 0.6
    shadow: float = 0.35
    softness_px: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A picture that is being drawn.

    image_bgr_hwc: uint8 (h, w, 3)  changed in place
    blockers_m: float32 (h, w)      depth of whatever stands there; infinite for floor and sky
    """

    image_bgr_hwc: NDArray[np.uint8]
    blockers_m: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Who can be seen; row i belongs to the i-th of those in the picture.

    actors: int64 (n,)             number in the list of actors
    boxes_px: float32 (n, 4)       left, top, right, bottom of the whole body, clipped to the picture
    visible: float32 (n,)          share of the body's pixels in the picture that nothing hides
    inside: float32 (n,)           share of the whole box that lies in the picture
    keypoints_px: float32 (n, 18, 3)  x, y, and 0 outside the picture, 1 hidden by something, 2 not
    """

    actors: NDArray[np.int64]
    boxes_px: NDArray[np.float32]
    visible: NDArray[np.float32]
    inside: NDArray[np.float32]
    keypoints_px: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Posed:
    """An actor as it lies in the picture: vertices in metres and pixels, and the extent in pixels."""

    number: int
    actor: Actor
    figure: Figure
    vertices_m: Reals
    pixels: Reals
    depths_m: Reals
    middle_m: float
    low: Reals
    high: Reals


def paint_people(canvas: Canvas, camera: Camera, actors: Sequence[Actor], light: Light) -> Seen:
    """Draw actors and tell where they are seen.

    Args:
        canvas: the picture so far; changed.
        camera: of the picture's size.
        actors: in any order.
        light: the same for all.
    """
    posed = [one for number, actor in enumerate(actors) if (one := _pose(number, actor, camera))]
    posed.sort(key=lambda one: -one.middle_m)
    if light.shadow > 0 and posed:
        _paint_shadows(canvas, camera, posed, light)
    height, width = canvas.blockers_m.shape
    owners = np.zeros((height, width), np.uint8)
    totals = [_paint_one(canvas, one, light, owners, rank + 1) for rank, one in enumerate(posed)]
    counts = np.bincount(owners.ravel(), minlength=len(posed) + 1)[1:]
    order = [rank for rank in sorted(range(len(posed)), key=lambda r: posed[r].number) if totals[rank] > 0]
    boxes = np.array([_clip(posed[r].low, posed[r].high, width, height) for r in order], np.float32).reshape(-1, 4)
    whole = np.array([np.prod(posed[r].high - posed[r].low) for r in order])
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return Seen(
        actors=np.array([posed[r].number for r in order], np.int64),
        boxes_px=boxes,
        visible=np.array([counts[r] / totals[r] for r in order], np.float32),
        inside=(areas / np.maximum(whole, 1e-6)).astype(np.float32),
        keypoints_px=_keypoints(camera, [posed[r] for r in order], [r + 1 for r in order], owners),
    )


def _pose(number: int, actor: Actor, camera: Camera) -> _Posed | None:
    """Pose an actor; None where the camera does not see any of it."""
    width, height = camera.size_px
    ends, depths = camera.project(actor.joints_m[[0, 18, 25, 27]])
    if depths.min() < _NEAREST_M:
        return None
    tall = float(np.ptp(ends[:, 1])) + 1.0
    margin = 0.6 * tall
    if (
        ends[:, 0].max() < -margin
        or ends[:, 0].min() > width + margin
        or ends[:, 1].max() < -margin
        or ends[:, 1].min() > height + margin
    ):
        return None
    figure = figure_of(actor.look, 0 if tall < 48 else 1 if tall < 150 else 2)
    vertices = figure.pose(actor.joints_m)
    pixels, depth = camera.project(vertices)
    if depth.min() < 0.15:
        return None
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if high[0] < 0 or high[1] < 0 or low[0] > width - 1 or low[1] > height - 1:
        return None
    return _Posed(number, actor, figure, vertices, pixels, depth, float(depths[1]), low, high)


def _clip(low: Reals, high: Reals, width: int, height: int) -> tuple[float, float, float, float]:
    """A box in the picture's pixel edges: pixel 0 reaches from 0 to 1 there."""
    return (
        float(min(max(low[0] + 0.5, 0.0), width)),
        float(min(max(low[1] + 0.5, 0.0), height)),
        float(min(max(high[0] + 0.5, 0.0), width)),
        float(min(max(high[1] + 0.5, 0.0), height)),
    )


def _paint_shadows(canvas: Canvas, camera: Camera, posed: Sequence[_Posed], light: Light) -> None:
    """Darken the floor where bodies keep the lamp's light away, and a little under every foot."""
    height, width = canvas.blockers_m.shape
    half = np.full(((height + 1) // 2, (width + 1) // 2), _CLEAR, np.uint8)
    dark = round(255 * (1 - light.shadow))
    slope = np.array(light.towards[:2]) / max(light.towards[2], 0.2)
    touched_low, touched_high = np.full(2, np.inf), np.full(2, -np.inf)
    for one in posed:
        floor = one.vertices_m.copy()
        floor[:, :2] -= floor[:, 2:] * slope
        floor[:, 2] = 0.0
        pixels, depths = camera.project(floor)
        if depths.min() < 0.3:
            continue
        corners = np.round(np.clip(pixels / 2, -4000, 4000)).astype(np.int32)
        for first, last in one.figure.reach:
            cv2.fillConvexPoly(half, cv2.convexHull(corners[first:last]), dark)
        touched_low = np.minimum(touched_low, pixels.min(axis=0))
        touched_high = np.maximum(touched_high, pixels.max(axis=0))
    edge = 3 * light.softness_px + 4
    left, top = (max(0, int(v - edge) // 2 * 2) for v in np.nan_to_num(touched_low, posinf=1e9))
    right, bottom = (
        int(min(v + edge, limit)) for v, limit in zip(np.nan_to_num(touched_high, neginf=-1e9), (width, height), strict=True)
    )
    if right <= left or bottom <= top:
        return
    mask = half[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2]
    mask = cv2.GaussianBlur(mask, (0, 0), max(0.6, light.softness_px / 2))
    mask = cv2.resize(mask, (2 * mask.shape[1], 2 * mask.shape[0]))[: bottom - top, : right - left]
    mask[np.isfinite(canvas.blockers_m[top:bottom, left:right])] = _CLEAR
    region = canvas.image_bgr_hwc[top:bottom, left:right]
    cv2.multiply(region, cv2.merge([mask, mask, mask]), region, scale=1 / 255)


def _paint_one(
    canvas: Canvas, one: _Posed, light: Light, owners: NDArray[np.uint8], mark: int
) -> int:
    """Draw one person and return how many pixels of it lie in the picture, hidden ones too."""
    height, width = canvas.blockers_m.shape
    left, top = max(0, int(np.floor(one.low[0])) - 1), max(0, int(np.floor(one.low[1])) - 1)
    right, bottom = min(width, int(np.ceil(one.high[0])) + 2), min(height, int(np.ceil(one.high[1])) + 2)
    if right <= left or bottom <= top:
        return 0
    tall = bottom - top
    finer = 4 if tall < 64 else 2
    patch = np.zeros((tall * finer, (right - left) * finer, 4), np.uint8)
    _fill_faces(patch, one, light, (left, top), finer)
    patch = cv2.resize(patch, (right - left, tall), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    alpha = patch[:, :, 3]
    body = alpha > 127
    total = int(np.count_nonzero(body))
    blockers = canvas.blockers_m[top:bottom, left:right]
    if blockers.min() < one.middle_m:
        hidden = blockers < one.middle_m
        patch[hidden] = 0
        body &= ~hidden
    region = canvas.image_bgr_hwc[top:bottom, left:right]
    through = cv2.bitwise_not(alpha)
    cv2.multiply(region, cv2.merge([through, through, through]), region, scale=1 / 255)
    cv2.add(region, patch[:, :, :3], region)
    owners[top:bottom, left:right][body] = mark
    return total


def _fill_faces(
    patch: NDArray[np.uint8], one: _Posed, light: Light, corner: tuple[int, int], finer: int
) -> None:
    """Draw the faces that look at the camera, the far ones first."""
    figure = one.figure
    flat = one.pixels[figure.faces]
    first, second = flat[:, 2] - flat[:, 0], flat[:, 3] - flat[:, 1]
    towards = np.flatnonzero(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0)
    corners = figure.faces[towards]
    depth = one.depths_m[corners].sum(axis=1)
    order = np.argsort(-depth, kind="stable")
    towards, corners = towards[order], corners[order]
    solid = one.vertices_m[corners]
    first, second = solid[:, 2] - solid[:, 0], solid[:, 3] - solid[:, 1]
    x = first[:, 1] * second[:, 2] - first[:, 2] * second[:, 1]
    y = first[:, 2] * second[:, 0] - first[:, 0] * second[:, 2]
    z = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    length = np.sqrt(x * x + y * y + z * z) + 1e-9
    lamp = light.towards
    lit = np.maximum((x * lamp[0] + y * lamp[1] + z * lamp[2]) / length, -0.25)
    shade = light.ambient * (0.82 + 0.18 * z / length) + light.direct * lit
    colours = np.clip(figure.colours_bgr[towards] * shade[:, None].astype(np.float32), 0, 255)
    tuples = np.column_stack([colours, np.full(len(colours), 255.0)]).tolist()
    points = np.round((flat[towards] - corner + 0.5) * finer - 0.5).astype(np.int32)
    fill = cv2.fillConvexPoly
    for polygon, colour in zip(points, tuples, strict=True):
        fill(patch, polygon, colour)


def _keypoints(
    camera: Camera, posed: Sequence[_Posed], marks: Sequence[int], owners: NDArray[np.uint8]
) -> NDArray[np.float32]:
    out = np.zeros((len(posed), 18, 3), np.float32)
    width, height = camera.size_px
    for row, (one, mark) in enumerate(zip(posed, marks, strict=True)):
        pixels, _ = camera.project(one.actor.joints_m[:18])
        out[row, :, :2] = pixels + 0.5
        inside = (pixels > -0.5).all(axis=1) & (pixels < (width - 0.5, height - 0.5)).all(axis=1)
        columns, lines = np.round(pixels[inside]).astype(int).T
        out[row, inside, 2] = 1 + (owners[lines, columns] == mark)
    return out
