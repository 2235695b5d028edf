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

from edge.site.camera import Camera
from edge.site.canvas import Canvas, Light
from edge.site.crowd import Actor, Crowd, gather, measure
from edge.site.shadows import paint_shadows

__all__ = ["Seen", "draw_crowd", "paint_people"]

_SMALL_PX = 64  # drawn four times as large, others twice


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


def paint_people(canvas: Canvas, camera: Camera, actors: Sequence[Actor], light: Light) -> Seen:
    """Draw actors and tell where they are seen.

    Args:
        canvas: the picture so far; changed.
        camera: of the picture's size.
        actors: in any order.
        light: the same for all.
    """
    height, width = canvas.blockers_m.shape
    crowd = gather(camera, actors)
    if crowd is None:
        return Seen(
            np.zeros(0, np.int64),
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros(0, np.float32),
            np.zeros((0, 18, 3), np.float32),
        )
    owners = np.zeros((height, width), np.uint8)
    totals = draw_crowd(canvas, camera, crowd, light, owners)
    counts = np.bincount(owners.ravel(), minlength=len(totals) + 1)[1:]
    kept = np.flatnonzero(totals > 0)
    kept = kept[np.argsort(crowd.actors[kept], kind="stable")]
    boxes, inside, keypoints = measure(crowd, kept, (width, height))
    points = np.empty((len(kept), 18, 3), np.float32)
    points[:, :, :2] = keypoints
    columns, lines = np.round(np.moveaxis(crowd.keypoints_px[kept], 2, 0)).astype(np.int64)
    within = (columns >= 0) & (columns < width) & (lines >= 0) & (lines < height)
    owner = owners[np.clip(lines, 0, height - 1), np.clip(columns, 0, width - 1)]
    points[:, :, 2] = np.where(within, 1 + (owner == (kept + 1)[:, None]), 0)
    return Seen(
        actors=crowd.actors[kept],
        boxes_px=boxes,
        visible=(counts[kept] / totals[kept]).astype(np.float32),
        inside=inside,
        keypoints_px=points,
    )


def draw_crowd(
    canvas: Canvas, camera: Camera, crowd: Crowd, light: Light, owners: NDArray[np.uint8] | None = None
) -> NDArray[np.int64]:
    """Draw the shadows of all, then everybody.

    Args:
        canvas: the picture so far; changed.
        camera: of the picture's size.
        crowd: who.
        light: the same for all.
        owners: uint8 (h, w), receives 1 + the row of whoever is seen in a pixel.

    Returns:
        int64 (n,): how many pixels of each lie in the picture, hidden ones too; 0 for somebody who is wholly
        behind things.
    """
    if light.shadow > 0:
        paint_shadows(canvas, camera, crowd, light)
    height, width = canvas.blockers_m.shape
    lows = np.maximum(np.floor(crowd.lows).astype(np.int64) - 1, 0)
    highs = np.minimum(np.ceil(crowd.highs).astype(np.int64) + 2, (width, height))
    sizes = highs - lows
    finer = np.where(sizes[:, 1] < _SMALL_PX, 4, 2)
    counts, polygons, colours = _faces(crowd, light, lows, finer)
    totals = np.zeros(len(lows), np.int64)
    fill = cv2.fillConvexPoly
    first = 0
    for row, count in enumerate(counts):
        last = first + count
        wide, tall = int(sizes[row, 0]), int(sizes[row, 1])
        if wide > 0 and tall > 0 and not _is_behind(canvas, crowd, row, lows[row], highs[row]):
            patch = np.zeros((tall * finer[row], wide * finer[row], 4), np.uint8)
            for polygon, colour in zip(polygons[first:last], colours[first:last], strict=True):
                fill(patch, polygon, colour)
            small = np.asarray(cv2.resize(patch, (wide, tall), interpolation=cv2.INTER_AREA), np.uint8)
            mark = (owners, row + 1)
            totals[row] = _lay_over(canvas, small, lows[row], float(crowd.middles_m[row]), mark)
        first = last
    return totals


def _is_behind(
    canvas: Canvas, crowd: Crowd, row: int, low: NDArray[np.int64], high: NDArray[np.int64]
) -> bool:
    """Whether something nearer fills the whole box, so that drawing would be in vain."""
    return bool(canvas.blockers_m[low[1] : high[1], low[0] : high[0]].max() < crowd.middles_m[row])


def _lay_over(
    canvas: Canvas,
    patch: NDArray[np.uint8],
    corner: NDArray[np.int64],
    depth_m: float,
    mark: tuple[NDArray[np.uint8] | None, int],
) -> int:
    """Lay a patch, whose fourth channel says how much it covers, over the picture where nothing is nearer."""
    left, top = corner
    area = slice(top, top + patch.shape[0]), slice(left, left + patch.shape[1])
    blockers = canvas.blockers_m[area]
    owners, number = mark
    total = 1
    body = None
    if owners is not None:
        body = patch[:, :, 3] > 127
        total = int(np.count_nonzero(body))
    if blockers.min() < depth_m:
        hidden = blockers < depth_m
        patch[hidden] = 0
        if body is not None:
            body &= ~hidden
    region = canvas.image_bgr_hwc[area]
    through = cv2.bitwise_not(patch[:, :, 3])
    cv2.multiply(region, cv2.merge([through, through, through]), region, scale=1 / 255)
    cv2.add(region, patch[:, :, :3], region)
    if owners is not None and body is not None:
        owners[area][body] = number
    return total


def _faces(
    crowd: Crowd, light: Light, corners: NDArray[np.int64], finer: NDArray[np.int64]
) -> tuple[list[int], NDArray[np.int32], list[list[float]]]:
    """The faces that look at the camera, person by person, the far ones of each first.

    Returns:
        How many each person has; int32 (f, 4, 2) corners in the person's patch; and their colours.
    """
    people = len(crowd.figures)
    faces = np.concatenate(
        [one.faces + begin for one, begin in zip(crowd.figures, crowd.begins, strict=False)]
    )
    person = np.repeat(np.arange(people), [len(one.faces) for one in crowd.figures])
    flat = crowd.pixels.astype(np.float32)[faces]
    first, second = flat[:, 2] - flat[:, 0], flat[:, 3] - flat[:, 1]
    towards = np.flatnonzero(first[:, 0] * second[:, 1] < first[:, 1] * second[:, 0])
    faces, person = faces[towards], person[towards]
    depth = crowd.depths_m[faces].sum(axis=1)
    order = np.lexsort((-depth, person))
    towards, faces, person = towards[order], faces[order], person[order]
    points = flat[towards]
    points -= (corners[person] - 0.5).astype(np.float32)[:, None]
    points *= finer[person].astype(np.float32)[:, None, None]
    points -= 0.5
    solid = crowd.vertices_m[faces].astype(np.float32)
    first, second = solid[:, 2] - solid[:, 0], solid[:, 3] - solid[:, 1]
    x = first[:, 1] * second[:, 2] - first[:, 2] * second[:, 1]
    y = first[:, 2] * second[:, 0] - first[:, 0] * second[:, 2]
    z = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    length = np.sqrt(x * x + y * y + z * z) + 1e-9
    lamp = light.towards
    lit = np.maximum((x * lamp[0] + y * lamp[1] + z * lamp[2]) / length, -0.25)
    shade = light.ambient * (0.82 + 0.18 * z / length) + light.direct * lit
    colours = np.full((len(faces), 4), 255, np.float32)
    colours[:, :3] = np.concatenate([one.colours_bgr for one in crowd.figures])[towards] * shade[:, None]
    counts = np.bincount(person, minlength=people).tolist()
    return counts, np.rint(points).astype(np.int32), np.clip(colours, 0, 255).tolist()
