"""People in a truth whom nobody is asked to find: those whose seventh column, the confidence, is 0.

A renderer or a labeller marks so who is there but hardly visible. Finding such a person is neither right
nor wrong: the box of the truth is left out, and so is the box of the result that found it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.mot import MotBoxes
from edge.evaluate.tracking import box_ious

__all__ = ["leave_out_ignored"]

_FOUND_IOU = 0.5


def leave_out_ignored(truth: MotBoxes, result: MotBoxes) -> tuple[MotBoxes, MotBoxes]:
    """Take out the truth's boxes that do not count, and the result's boxes that found them.

    In each frame the people who count are given their boxes first, so that nobody in front loses a box to
    somebody hidden behind; what is left over is matched to those who do not count. Both times boxes are
    matched one to one, by the largest sum of overlaps, and only at an IoU of 0.5 or more.

    Args:
        truth: boxes of one camera; those with confidence 0 do not count.
        result: boxes of the same camera.

    Returns:
        Truth and result without them.
    """
    counts = truth.confidences != 0
    if counts.all():
        return truth, result
    kept = np.ones(len(result), dtype=np.bool_)
    for frame in np.unique(truth.frames[~counts]).tolist():
        ours = np.flatnonzero(result.frames == frame)
        if not len(ours):
            continue
        there = truth.frames == frame
        found = _matched(truth.boxes_ltwh_px[there & counts], result.boxes_ltwh_px[ours])
        left = ours[~found]
        kept[left[_matched(truth.boxes_ltwh_px[there & ~counts], result.boxes_ltwh_px[left])]] = False
    return truth.select(counts), result.select(kept)


def _matched(theirs_ltwh: NDArray[np.float64], ours_ltwh: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of our boxes are given to one of theirs, bool (ours,)."""
    from scipy.optimize import linear_sum_assignment

    ious = box_ious(theirs_ltwh, ours_ltwh)
    ious[ious < _FOUND_IOU] = 0.0
    rows, columns = linear_sum_assignment(ious, maximize=True)
    matched = np.zeros(len(ours_ltwh), dtype=np.bool_)
    matched[columns[ious[rows, columns] > 0]] = True
    return matched
