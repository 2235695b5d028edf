"""How well boxes find people: average precision and the best F1, at one overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DetectionScore", "PictureBoxes", "score_detections"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PictureBoxes:
    """One picture: who is there, and what was found; corners in pixels.

    true_px:  float32 (n, 4)
    ignored:  bool (n,)       true boxes that may be found or not
    found_px: float32 (m, 4)
    scores:   float32 (m,)
    """

    true_px: Floats
    ignored: NDArray[np.bool_]
    found_px: Floats
    scores: Floats


@dataclass(frozen=True, slots=True)
class DetectionScore:
    """All shares are 0 to 1.

    ap: area under the curve of precision over recall, precision made monotonic (every recall counts).
    f1, precision, recall: where F1 is best.
    score_min: least score there.
    people: how many there were to be found.
    """

    ap: float
    f1: float
    precision: float
    recall: float
    score_min: float
    people: int


def score_detections(pictures: Sequence[PictureBoxes], iou_min: float = 0.5) -> DetectionScore:
    """Score the boxes of some pictures, best first; each true box is found once.

    Args:
        pictures: truth and boxes.
        iou_min: least overlap of a box with whom it finds.
    """
    scores: list[float] = []
    hits: list[bool] = []
    people = 0
    for picture in pictures:
        people += int(np.count_nonzero(~picture.ignored))
        for score, hit in _judge(picture, iou_min):
            scores.append(score)
            hits.append(hit)
    if not hits or not people:
        return DetectionScore(0.0, 0.0, 0.0, 0.0, 1.0, people)
    order = np.argsort(-np.array(scores), kind="stable")
    right = np.cumsum(np.array(hits)[order])
    precision, recall = right / np.arange(1, len(right) + 1), right / people
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    ap = float(np.sum(np.diff(recall, prepend=0.0) * envelope))
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(np.argmax(f1))
    least = float(np.array(scores)[order][best])
    return DetectionScore(ap, float(f1[best]), float(precision[best]), float(recall[best]), least, people)


def _judge(picture: PictureBoxes, iou_min: float) -> list[tuple[float, bool]]:
    """Score and rightness of each box, without those that only find somebody who may be found or not."""
    overlaps = _ious(picture.found_px, picture.true_px)
    taken = np.zeros(len(picture.true_px), dtype=bool)
    judged: list[tuple[float, bool]] = []
    for row in np.argsort(-picture.scores, kind="stable"):
        free = np.where(taken | picture.ignored, 0.0, overlaps[row])
        best = int(np.argmax(free)) if len(free) else 0
        if len(free) and free[best] >= iou_min:
            taken[best] = True
            judged.append((float(picture.scores[row]), True))
        elif not (overlaps[row][picture.ignored] >= iou_min).any():
            judged.append((float(picture.scores[row]), False))
    return judged


def _ious(one: Floats, other: Floats) -> NDArray[np.float64]:
    """Overlaps of all pairs, (m, 4) and (n, 4) to float64 (m, n)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=2, dtype=np.float64)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1, dtype=np.float64) for boxes in (one, other)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9), np.float64)
