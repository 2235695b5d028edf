"""How good a crop is, as a number from 0 to 1.

Five small functions, each from 0 (useless) to 1 (nothing to wish for), and their combination::

    quality = unhidden * uncut * (LEAST_LOOKS + (1 - LEAST_LOOKS) * cube root of size * shape * sharpness)

What shows somebody else, or only a part of the person, spoils an embedding, so those two count in full.
Small, oddly shaped or blurred pictures only make it noisier: they cost at most ``1 - LEAST_LOOKS`` of the
quality. Hence a person who is covered by less than a quarter and not cut off always has at least
``LEAST_LOOKS * unhidden(0.25)`` = 0.32.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DETAIL_HALF",
    "DETAIL_HEIGHT_PX",
    "LEAST_LOOKS",
    "NOISE_VARIANCE",
    "at_sharpness",
    "crop_quality",
    "quality_range",
    "shape",
    "sharpness",
    "size",
    "uncut",
    "unhidden",
]

Floats = NDArray[np.float64]

# The quality of the smallest, oddest, most blurred picture of somebody who is fully in view.
LEAST_LOOKS = 0.4

# Height from which more pixels add nothing that the small ReID networks (input 96 to 256 px high) would see.
_HEIGHT_FULL_PX = 128.0

# Width by height: people who stand or walk are inside; beyond the outer pair it is hardly one person.
_WIDTH_BY_HEIGHT = (0.12, 0.28, 0.55, 1.2)

# Overlap at which half of the quality is gone, and how abruptly.
_OVERLAP_HALF = 0.35
_OVERLAP_POWER = 4

# A box this near to the frame's edge goes on beyond it: detectors end such boxes at the edge.
_EDGE_PX = 2.0
_CUT = 0.25

# Detail is measured at this height at most, so that a large picture is not called blurred for being large.
DETAIL_HEIGHT_PX = 64
DETAIL_HALF = 0.2
NOISE_VARIANCE = 25.0


def size(heights_px: Floats) -> Floats:
    """More pixels are better, ever less so: square root of the height, 1 from 128 px on. (n,) to (n,)."""
    return np.sqrt(np.clip(heights_px / _HEIGHT_FULL_PX, 0.0, 1.0))


def shape(widths_px: Floats, heights_px: Floats) -> Floats:
    """1 for boxes shaped like somebody upright, falling to 0 for poles and lying boxes. Each (n,)."""
    ratios = np.divide(widths_px, heights_px, out=np.zeros_like(widths_px), where=heights_px > 0)
    return np.interp(ratios, _WIDTH_BY_HEIGHT, (0.0, 1.0, 1.0, 0.0))


def unhidden(overlaps: Floats) -> Floats:
    """Near 1 up to an overlap of 0.2 with somebody else, 0.5 at 0.35, near 0 from 0.6 on. (n,) to (n,)."""
    half = (np.clip(overlaps, 0.0, 1.0) / _OVERLAP_HALF) ** _OVERLAP_POWER
    return np.reciprocal(1.0 + half)


def uncut(boxes_px: Floats, size_px: tuple[int, int]) -> Floats:
    """0.25 for boxes that touch the edge of the frame, 1 from 2 px away.

    Args:
        boxes_px: (n, 4) corners.
        size_px: (width, height) of the frame.
    """
    width, height = size_px
    gaps_px = np.minimum(boxes_px[:, :2], (width, height) - boxes_px[:, 2:]).min(axis=1)
    shares: Floats = np.clip(gaps_px / _EDGE_PX, 0.0, 1.0)
    return _CUT + (1.0 - _CUT) * shares


def sharpness(image_bgr_hwc: NDArray[np.uint8]) -> float:
    """How much fine detail there is for the contrast there is: about 0.8 in focus, 0.3 blurred, 0 flat.

    The variance of the picture's Laplacian by the picture's own variance, which light does not change.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(image_bgr_hwc), cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    if height > DETAIL_HEIGHT_PX:
        smaller = (max(1, round(width * DETAIL_HEIGHT_PX / height)), DETAIL_HEIGHT_PX)
        grey = cv2.resize(grey, smaller, interpolation=cv2.INTER_AREA)
    contrast = cv2.meanStdDev(grey)[1].item() ** 2
    detail = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1].item() ** 2
    relative = detail / (contrast + NOISE_VARIANCE)
    return relative / (relative + DETAIL_HALF)


def quality_range(
    boxes_px: NDArray[np.float32], overlaps: NDArray[np.float32], size_px: tuple[int, int]
) -> tuple[Floats, Floats]:
    """What can be said about the quality of several boxes of one frame without looking at pixels.

    Args:
        boxes_px: float32 (n, 4) corners.
        overlaps: float32 (n,), see :class:`edge.records.Tracks`.
        size_px: (width, height) of the frame.

    Returns:
        float64 (n,) each, 0 to 1: the qualities if sharpness is 0, and if it is 1.
    """
    boxes = boxes_px.astype(np.float64)
    heights = boxes[:, 3] - boxes[:, 1]
    looks = np.cbrt(size(heights) * shape(boxes[:, 2] - boxes[:, 0], heights))
    in_view = unhidden(overlaps.astype(np.float64)) * uncut(boxes, size_px)
    return in_view * LEAST_LOOKS, in_view * (LEAST_LOOKS + (1.0 - LEAST_LOOKS) * looks)


def at_sharpness(least: float, most: float, detail: float) -> float:
    """The quality within a :func:`quality_range` at a :func:`sharpness` of 0 to 1."""
    return least + (most - least) * float(np.cbrt(detail))


def crop_quality(
    box_px: NDArray[np.float32], overlap: float, size_px: tuple[int, int], image_bgr_hwc: NDArray[np.uint8]
) -> float:
    """Quality of one box (4,) of a frame, given the picture in it; 0 to 1."""
    least, most = quality_range(box_px[None], np.array((overlap,), dtype=np.float32), size_px)
    return at_sharpness(float(least[0]), float(most[0]), sharpness(image_bgr_hwc))
