"""Solids drawn all at once: less exact than in :mod:`edge.site.backdrop`, and many times faster."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.camera import Camera
from edge.site.canvas import Light
from edge.site.places import Solid
from edge.site.textures import grain_field

__all__ = ["NEAR_M", "sketch_solids"]

NEAR_M = 0.12  # what is nearer to the camera is not drawn


def sketch_solids(
    image: NDArray[np.uint8],
    blockers: NDArray[np.float32],
    camera: Camera,
    solids: Sequence[Solid],
    light: Light,
) -> None:
    """Draw solids in the order given; those that reach behind the camera are left out."""
    counts = np.array([len(one.outline_m) for one in solids])
    outlines = np.concatenate([np.array(one.outline_m) for one in solids])
    solid = np.repeat(np.arange(len(solids)), counts)
    begins = np.cumsum(counts) - counts
    middles = (np.add.reduceat(outlines, begins) / counts[:, None])[solid]
    lows, highs, tapers, colours = (
        np.array([getattr(one, name) for one in solids], np.float64)
        for name in ("low_m", "high_m", "taper", "colour_bgr")
    )
    bottom = np.column_stack([outlines, lows[solid]])
    top = np.column_stack([middles + (outlines - middles) * tapers[solid, None], highs[solid]])
    pixels, depths = camera.project(np.concatenate([bottom, top]))
    points = np.round(np.clip(pixels, -20_000, 20_000) * 16).astype(np.int32)
    after = np.arange(1, len(outlines) + 1)
    after[begins + counts - 1] = begins
    here = np.arange(len(outlines))
    quads = np.column_stack([here, after, after + len(outlines), here + len(outlines)])
    first, second = pixels[quads[:, 2]] - pixels[quads[:, 0]], pixels[quads[:, 3]] - pixels[quads[:, 1]]
    faces_us = first[:, 0] * second[:, 1] < first[:, 1] * second[:, 0]
    along = outlines[after] - outlines
    lamp = light.towards
    lit = (along[:, 1] * lamp[0] - along[:, 0] * lamp[1]) / (np.hypot(along[:, 0], along[:, 1]) + 1e-9)
    shade = 0.85 * light.ambient + light.direct * np.maximum(lit, 0.0)
    sides = np.minimum(colours[solid] * shade[:, None], 255).tolist()
    lids = np.minimum(colours * (light.ambient + light.direct * lamp[2]), 255).tolist()
    ahead = np.minimum.reduceat(np.minimum(depths[: len(outlines)], depths[len(outlines) :]), begins) > NEAR_M
    away = np.add.reduceat(depths[: len(outlines)] + depths[len(outlines) :], begins) / counts / 2
    is_below = highs < camera.position_m[2]
    for number, one in enumerate(solids):
        if not ahead[number]:
            continue
        begin, end = begins[number], begins[number] + counts[number]
        lid = points[len(outlines) + begin : len(outlines) + end]
        hull = np.asarray(cv2.convexHull(np.concatenate([points[begin:end], lid])), np.int32)
        cv2.fillConvexPoly(blockers, hull, float(away[number]), cv2.LINE_8, 4)
        for side in np.flatnonzero(faces_us[begin:end]) + begin:
            cv2.fillConvexPoly(image, points[quads[side]], sides[side], cv2.LINE_8, 4)
        if is_below[number]:
            cv2.fillConvexPoly(image, lid, lids[number], cv2.LINE_8, 4)
        if one.texture:
            _texture_flat(image, hull, one.texture)


def _texture_flat(image: NDArray[np.uint8], hull: NDArray[np.int32], texture: str) -> None:
    """Multiply what lies within an outline (sixteenths of pixels) by a tile as if it faced the camera."""
    left, top, wide, high = cv2.boundingRect(hull)
    height, width = image.shape[:2]
    right, bottom = min((left + wide) // 16 + 1, width), min((top + high) // 16 + 1, height)
    left, top = max(left // 16, 0), max(top // 16, 0)
    if right - left < 8 or bottom - top < 8:
        return
    field = grain_field(texture)
    grey = cv2.resize(
        field[: min(bottom - top, 640) * 2, : min(right - left, 640) * 2], (right - left, bottom - top)
    )
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillConvexPoly(mask, hull - np.array([left * 16, top * 16], np.int32), 255, cv2.LINE_8, 4)
    grey[mask == 0] = 128
    region = image[top:bottom, left:right]
    cv2.multiply(region, cv2.merge([grey, grey, grey]), region, scale=1 / 128)
