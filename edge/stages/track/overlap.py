"""How much the people of one frame cover each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["largest_overlaps"]


def largest_overlaps(boxes_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each box the largest overlap with any other one.

    The overlap of two boxes is their common area by the smaller one's area: it is 1 as soon as one lies
    within the other, whoever of the two stands in front.

    Args:
        boxes_px: float32 (n, 4) corners.

    Returns:
        float32 (n,), 0 to 1; 0 for a box that is alone or has no area.
    """
    count = len(boxes_px)
    if count < 2:
        return np.zeros(count, np.float32)
    low = np.maximum(boxes_px[:, None, :2], boxes_px[None, :, :2])
    high = np.minimum(boxes_px[:, None, 2:], boxes_px[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    common = sides[..., 0] * sides[..., 1]
    areas = common.diagonal().copy()
    smaller = np.minimum(areas[:, None], areas[None, :])
    shares = np.divide(common, smaller, out=np.zeros_like(common), where=smaller > 0)
    np.fill_diagonal(shares, 0.0)
    largest: NDArray[np.float32] = np.minimum(shares.max(axis=1), 1.0).astype(np.float32)
    return largest
