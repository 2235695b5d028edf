"""Non-maximum suppression: of boxes that overlap much, only the best stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["suppress"]

# Up to this many boxes one matrix of all pairs is faster; beyond it, it would cost much memory.
_MATRIX_MAX = 512


def suppress(boxes_px: NDArray[np.float32], scores: NDArray[np.float32], iou_max: float) -> NDArray[np.int64]:
    """Greedy suppression: take the best box, drop those that overlap it by more than ``iou_max``, repeat.

    Args:
        boxes_px: float32 (n, 4) left, top, right, bottom; finite, right > left and bottom > top.
        scores: float32 (n,); of equal scores the lower index counts as better.
        iou_max: largest overlap (intersection over union) two kept boxes may have.

    Returns:
        int64 (k,), indices of the kept boxes, best first.
    """
    order = np.argsort(-scores, kind="stable")
    if order.size < 2:
        return order
    boxes = boxes_px[order]
    with np.errstate(over="ignore", invalid="ignore"):
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        if order.size <= _MATRIX_MAX:
            return order[_by_matrix(boxes, areas, iou_max)]
        return order[_by_rounds(boxes, areas, iou_max)]


def _by_matrix(boxes: NDArray[np.float32], areas: NDArray[np.float32], iou_max: float) -> NDArray[np.bool_]:
    """Which of the boxes, best first, stay; bool (n,)."""
    too_close = np.triu(_ious(boxes[:, None, :], areas[:, None], boxes[None], areas[None]) > iou_max, k=1)
    keep = np.ones(len(boxes), dtype=np.bool_)
    for index in np.flatnonzero(too_close.any(axis=1)):
        if keep[index]:
            keep &= ~too_close[index]
    return keep


def _by_rounds(boxes: NDArray[np.float32], areas: NDArray[np.float32], iou_max: float) -> NDArray[np.int64]:
    """Positions of the boxes, best first, that stay; one round per kept box, little memory."""
    kept: list[int] = []
    left = np.arange(len(boxes))
    while left.size:
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[~(_ious(boxes[best], areas[best], boxes[left], areas[left]) > iou_max)]
    return np.array(kept, dtype=np.int64)


def _ious(
    first: NDArray[np.float32],
    first_areas: NDArray[np.float32] | np.float32,
    second: NDArray[np.float32],
    second_areas: NDArray[np.float32],
) -> NDArray[np.float32]:
    """IoU of boxes (…, 4) that broadcast against each other."""
    width = np.minimum(first[..., 2], second[..., 2]) - np.maximum(first[..., 0], second[..., 0])
    height = np.minimum(first[..., 3], second[..., 3]) - np.maximum(first[..., 1], second[..., 1])
    overlap = np.maximum(width, 0) * np.maximum(height, 0)
    ious: NDArray[np.float32] = overlap / (first_areas + second_areas - overlap)
    return ious
