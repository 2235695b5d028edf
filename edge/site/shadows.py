"""Shadows of people on the floor."""

from __future__ import annotations

import cv2
import numpy as np

from edge.site.camera import Camera
from edge.site.canvas import Canvas, Light
from edge.site.crowd import Crowd

__all__ = ["paint_shadows"]

_CLEAR = 255


def paint_shadows(canvas: Canvas, camera: Camera, crowd: Crowd, light: Light) -> None:
    """Darken the floor where bodies keep the lamp's light away, and a little under every foot."""
    height, width = canvas.blockers_m.shape
    half = np.full(((height + 1) // 2, (width + 1) // 2), _CLEAR, np.uint8)
    dark = round(255 * (1 - light.shadow))
    slope = np.array(light.towards[:2]) / max(light.towards[2], 0.2)
    floor = crowd.vertices_m.copy()
    floor[:, :2] -= floor[:, 2:] * slope
    floor[:, 2] = 0.0
    pixels, depths = camera.project(floor)
    corners = np.round(np.clip(pixels / 2, -4000, 4000)).astype(np.int32)
    drawn = np.minimum.reduceat(depths, crowd.begins[:-1]) > 0.3
    touched = np.repeat(drawn, np.diff(crowd.begins))
    if not touched.any():
        return
    for one, begin, is_drawn in zip(crowd.figures, crowd.begins, drawn, strict=False):
        if is_drawn:
            for first, last in one.reach:
                cv2.fillConvexPoly(half, cv2.convexHull(corners[begin + first : begin + last]), dark)
    touched_low, touched_high = pixels[touched].min(axis=0), pixels[touched].max(axis=0)
    edge = 3 * light.softness_px + 4
    left, top = (max(0, int(max(v - edge, 0)) // 2 * 2) for v in touched_low)
    right, bottom = (
        int(min(max(v + edge, 0), limit)) for v, limit in zip(touched_high, (width, height), strict=True)
    )
    if right <= left or bottom <= top:
        return
    mask = half[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2]
    mask = cv2.GaussianBlur(mask, (0, 0), max(0.6, light.softness_px / 2))
    mask = cv2.resize(mask, (2 * mask.shape[1], 2 * mask.shape[0]))[: bottom - top, : right - left]
    mask[np.isfinite(canvas.blockers_m[top:bottom, left:right])] = _CLEAR
    region = canvas.image_bgr_hwc[top:bottom, left:right]
    cv2.multiply(region, cv2.merge([mask, mask, mask]), region, scale=1 / 255)
