"""Tracking scores of one camera: HOTA, IDF1 and MOTA, computed by TrackEval's own metric classes.

The metrics are given the boxes in memory, so no folder in a benchmark's layout is needed. Every box of
the truth is a pedestrian and counts, also one whose seventh column is 0 (which MOTChallenge's own
evaluation of 2015 leaves out, and so does :mod:`edge.evaluate.site_score`); a box is found at an IoU of
0.5 (HOTA averages over 0.05 to 0.95).
"""

from __future__ import annotations

import contextlib
import importlib
import io
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, MissingExtraError
from edge.evaluate.mot import MotBoxes, read_mot
from edge.evaluate.visits import join_people, split_visits

__all__ = [
    "TrackingScore",
    "box_ious",
    "read_people",
    "read_truth",
    "require_metrics",
    "score_boxes",
    "score_tracking",
]

_Boxes = NDArray[np.float64]
_Data = dict[str, int | list[NDArray[np.int64]] | list[_Boxes]]


class _Metric(Protocol):
    def eval_sequence(self, data: _Data) -> Mapping[str, float | NDArray[np.float64]]: ...


@dataclass(frozen=True, slots=True)
class TrackingScore:
    """How well a result follows the truth; shares are 0 to 1 (MOTA may be negative).

    idf1, idp, idr: share of boxes under the right identity: F1, precision, recall.
    hota, deta, assa: HOTA and its detection and association halves, mean over the IoU thresholds.
    mota: 1 minus misses, false boxes and identity switches per true box.
    precision, recall: of the boxes alone, at IoU 0.5.
    id_switches: how often a true person's matched identity changes.
    truth_boxes, result_boxes, truth_ids, result_ids: what was compared; unknown boxes
        (id below 1) are not counted as identities.
    """

    idf1: float
    hota: float
    mota: float
    id_switches: int
    precision: float
    recall: float
    idp: float
    idr: float
    deta: float
    assa: float
    truth_boxes: int
    result_boxes: int
    truth_ids: int
    result_ids: int

    def as_json(self) -> dict[str, float | int]:
        """The scores by their lower-case names, ready for ``json.dumps``."""
        return asdict(self)


def score_tracking(
    truth: Path, result: Path, scale: float = 1.0, *, same: Path | None = None, per_visit: int | None = None
) -> TrackingScore:
    """Score a MOTChallenge result file against a truth file of the same camera.

    Args:
        truth: the ground truth.
        result: what the tracker wrote; may be empty (all scores are then 0).
        scale: see :func:`read_truth`.
        same: see :func:`read_truth`.
        per_visit: an identity of the result that is absent for more frames than this counts as another one
            from then on; for truths in which people who return have a new id.

    Raises:
        ConfigError: a file is missing or malformed, the truth is empty, or a number is out of range.
        MissingExtraError: TrackEval is not installed.
    """
    truth_boxes = read_truth(truth, scale, same)
    result_boxes = read_mot(result)
    if per_visit is not None:
        result_boxes = split_visits(result_boxes, per_visit)
    return score_boxes(truth_boxes, result_boxes)


def read_truth(truth: Path, scale: float = 1.0, same: Path | None = None) -> MotBoxes:
    """Read a ground truth.

    Args:
        truth: MOTChallenge lines.
        scale: what to multiply its boxes by, e.g. 0.625 when it is drawn for 768x576 and the result is of a
            480x360 copy.
        same: which of its ids are one person; see :func:`edge.evaluate.visits.join_people`.

    Raises:
        ConfigError: a file is missing or malformed, the truth is empty, or the scale is no positive number.
    """
    boxes = read_people(truth, scale)
    if not len(boxes):
        raise ConfigError("holds no boxes, so nothing can be scored against it", file=str(truth))
    return boxes if same is None else join_people(boxes, same)


def read_people(truth: Path, scale: float = 1.0) -> MotBoxes:
    """The same for one camera of several, which may have seen nobody."""
    if not (math.isfinite(scale) and scale > 0):
        raise ConfigError(f"must be a positive number (got {scale:g})", key="--scale")
    boxes = read_mot(truth)
    if boxes.ids.min(initial=0) < 0:
        raise ConfigError("a truth needs an identity for every box (found a negative id)", file=str(truth))
    return boxes.scaled(scale)


def score_boxes(truth: MotBoxes, result: MotBoxes) -> TrackingScore:
    """Score boxes in memory; see :func:`score_tracking`.

    A result's boxes with an id below 1 belong to people nobody has named: each counts as found, under an
    identity of its own.

    Raises:
        MissingExtraError: TrackEval is not installed.
    """
    hota_metric, clear_metric, identity_metric = _open_metrics()
    truth_ids, truth_count = _dense_ids(truth.ids)
    result_ids, result_count = _dense_ids(_name_the_unknown(result.ids))
    data = _by_frame(truth, truth_ids, result, result_ids)
    data |= {
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(result),
        "num_gt_ids": truth_count,
        "num_tracker_ids": result_count,
    }
    hota = hota_metric.eval_sequence(data)
    clear = clear_metric.eval_sequence(data)
    identity = identity_metric.eval_sequence(data)
    return TrackingScore(
        idf1=float(identity["IDF1"]),
        hota=float(np.mean(hota["HOTA"])),
        mota=_mota(clear),
        id_switches=int(clear["IDSW"]),
        precision=float(clear["CLR_Pr"]),
        recall=float(clear["CLR_Re"]),
        idp=float(identity["IDP"]),
        idr=float(identity["IDR"]),
        deta=float(np.mean(hota["DetA"])),
        assa=float(np.mean(hota["AssA"])),
        truth_boxes=len(truth),
        result_boxes=len(result),
        truth_ids=truth_count,
        result_ids=len(np.unique(result.ids[result.ids >= 1])),
    )


def require_metrics() -> None:
    """Find out now whether scores can be computed, before a long run whose scores are wanted.

    Raises:
        MissingExtraError: TrackEval is not installed.
    """
    _open_metrics()


def box_ious(first_ltwh: _Boxes, second_ltwh: _Boxes) -> _Boxes:
    """IoU of every pair.

    Args:
        first_ltwh: float64 (n, 4) left, top, width, height.
        second_ltwh: float64 (m, 4) likewise.

    Returns:
        float64 (n, m), 0 to 1; 0 where both boxes are empty.
    """
    first, second = first_ltwh[:, None, :], second_ltwh[None, :, :]
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    overlap = np.prod(np.maximum(high - low, 0.0), axis=-1)
    union = np.prod(first[..., 2:], axis=-1) + np.prod(second[..., 2:], axis=-1) - overlap
    ious: _Boxes = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return np.minimum(ious, 1.0)


def _open_metrics() -> tuple[_Metric, _Metric, _Metric]:
    """TrackEval's HOTA, CLEAR and Identity; importing it prints, which is swallowed."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            metrics = importlib.import_module("trackeval.metrics")
        except ModuleNotFoundError as error:
            missing = (error.name or "").split(".")[0]
            if missing in ("", "edge"):
                raise
            raise MissingExtraError(
                f"tracking scores need the package '{missing}'; pip install 'edge-reid[eval]'"
            ) from None
        quiet = {"PRINT_CONFIG": False}
        opened = (metrics.HOTA(), metrics.CLEAR(quiet), metrics.Identity(quiet))
    return cast("tuple[_Metric, _Metric, _Metric]", opened)


def _mota(clear: Mapping[str, float | NDArray[np.float64]]) -> float:
    """MOTA from the counts (TrackEval leaves it 0 when it returns early)."""
    true = float(clear["CLR_TP"]) + float(clear["CLR_FN"])
    good = float(clear["CLR_TP"]) - float(clear["CLR_FP"]) - float(clear["IDSW"])
    return good / max(1.0, true)


def _name_the_unknown(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each id below 1 becomes a new one that occurs nowhere else."""
    unknown = ids < 1
    named = ids.copy()
    highest = int(ids.max(initial=0))
    named[unknown] = np.arange(highest + 1, highest + 1 + int(unknown.sum()))
    return named


def _dense_ids(ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Ids renumbered 0, 1, 2, … and how many there are."""
    unique, dense = np.unique(ids, return_inverse=True)
    return dense.astype(np.int64), len(unique)


def _by_frame(
    truth: MotBoxes, truth_ids: NDArray[np.int64], result: MotBoxes, result_ids: NDArray[np.int64]
) -> _Data:
    """TrackEval's lists, one entry per frame that either side has a box in.

    A frame without any box changes no score: CLEAR carries its last identities from frame to frame, and
    TrackEval too skips empty frames there.
    """
    frames = np.union1d(truth.frames, result.frames)
    truth_rows = _rows_per_frame(truth.frames, frames)
    result_rows = _rows_per_frame(result.frames, frames)
    return {
        "num_timesteps": len(frames),
        "gt_ids": [truth_ids[rows] for rows in truth_rows],
        "tracker_ids": [result_ids[rows] for rows in result_rows],
        "similarity_scores": [
            box_ious(truth.boxes_ltwh_px[theirs], result.boxes_ltwh_px[ours])
            for theirs, ours in zip(truth_rows, result_rows, strict=True)
        ],
    }


def _rows_per_frame(frames_of_rows: NDArray[np.int64], frames: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """For each of the sorted ``frames`` the rows that lie in it, in file order."""
    order = np.argsort(frames_of_rows, kind="stable")
    bounds = np.searchsorted(frames_of_rows[order], frames, side="left")
    return [rows.astype(np.int64) for rows in np.split(order, bounds[1:])]
