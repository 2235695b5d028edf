"""The literal table of trackers, all from the library ``trackers``, and how one of them is opened.

The library (and ``supervision``, on which it is built) takes about a second to import, so it is imported
when the first tracker is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import TrackSpec

__all__ = ["TRACKERS", "BoxTracker", "open_tracker"]

# The library counts its memory of lost tracks in frames of this rate, and divides by it again to get seconds.
_BUFFER_HZ = 30.0

_Matches = tuple[NDArray[np.int64], NDArray[np.int64]]


class BoxTracker(Protocol):
    """What is used of a tracker of the library."""

    def update(self, boxes_px: NDArray[np.float32], scores: NDArray[np.float32], time_s: float) -> _Matches:
        """Take the boxes of the next frame.

        Args:
            boxes_px: float32 (n, 4) corners.
            scores: float32 (n,).
            time_s: later than at the call before.

        Returns:
            int64 (m,) rows of the boxes that belong to confirmed tracks; int64 (m,) those tracks' ids from 0.
        """
        ...

    def reset(self) -> None:
        """Forget all tracks; ids start again from 0."""
        ...


@dataclass(frozen=True, slots=True)
class _Row:
    """Where a tracker's class is, and which numbers of a :class:`TrackSpec` it takes, by its own names."""

    target: str
    numbers: Mapping[str, Callable[[TrackSpec], float | int]]


TRACKERS: Mapping[str, _Row] = {
    "bytetrack": _Row(
        "trackers:ByteTrackTracker",
        {
            "track_activation_threshold": lambda spec: spec.activation_score,
            "high_conf_det_threshold": lambda spec: spec.high_score,
            "minimum_iou_threshold": lambda spec: spec.match_iou,
            "minimum_consecutive_frames": lambda spec: spec.confirm_frames,
        },
    ),
    # It begins a track with every box above high_score and never looks at weaker ones.
    "ocsort": _Row(
        "trackers:OCSORTTracker",
        {
            "high_conf_det_threshold": lambda spec: spec.high_score,
            "minimum_iou_threshold": lambda spec: spec.match_iou,
            "minimum_consecutive_frames": lambda spec: spec.confirm_frames,
        },
    ),
}


def open_tracker(spec: TrackSpec) -> BoxTracker:
    """A new tracker with the numbers of ``spec``; the first one imports the library."""
    row = TRACKERS[spec.name]
    module, _, attribute = row.target.partition(":")
    numbers = {name: read(spec) for name, read in row.numbers.items()}
    numbers["lost_track_buffer"] = round(spec.lost_s * _BUFFER_HZ)
    numbers["frame_rate"] = spec.motion_hz
    tracker_class = cast("Callable[..., _LibraryTracker]", getattr(import_module(module), attribute))
    return _Opened(tracker_class(**numbers))


class _Opened:
    """A tracker of the library behind plain arrays."""

    def __init__(self, tracker: _LibraryTracker) -> None:
        supervision = import_module("supervision")
        self._pack = cast("Callable[..., _LibraryBoxes]", supervision.Detections)
        self._tracker = tracker

    def update(self, boxes_px: NDArray[np.float32], scores: NDArray[np.float32], time_s: float) -> _Matches:
        # The library reorders the boxes; the class ids, which it hands through, say which is which.
        rows = np.arange(len(scores))
        tracked = self._tracker.update(
            self._pack(xyxy=boxes_px, confidence=scores, class_id=rows), timestamp=time_s
        )
        confirmed = tracked.tracker_id >= 0
        if tracked.class_id is None or not confirmed.any():
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return tracked.class_id[confirmed].astype(np.int64), tracked.tracker_id[confirmed].astype(np.int64)

    def reset(self) -> None:
        self._tracker.reset()


class _LibraryBoxes(Protocol):
    tracker_id: NDArray[np.int64]
    class_id: NDArray[np.int64] | None


class _LibraryTracker(Protocol):
    def update(self, detections: _LibraryBoxes, *, timestamp: float) -> _LibraryBoxes: ...

    def reset(self) -> None: ...
