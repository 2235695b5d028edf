"""The track stage of one camera."""

from __future__ import annotations

import numpy as np

from edge.config.pipeline import TrackSpec
from edge.records import Detections, Tracks
from edge.stages.track.library import open_tracker
from edge.stages.track.overlap import largest_overlaps
from edge.stages.track.steady import SteadyTime

__all__ = ["CameraTracker"]


class CameraTracker:
    """Follows the people of one camera.

    Motion, and how long a lost track is remembered, are reckoned in the time the frames were taken, not in
    frames, so ``fps_max``, dropped frames and slow cameras change nothing in what the numbers mean. Clocks
    that jitter, stand still or go back do no harm (:class:`~edge.stages.track.steady.SteadyTime`).

    A new epoch of the camera (it was connected again) forgets all tracks; their ids are not used again.

    Ids are counted from 1 by this object alone, so the same frames give the same ids whatever other cameras
    do. Owns no thread; one thread at a time may call :meth:`track`, in frame order. Constructing the first
    one imports the tracker library, which takes about a second.

    Args:
        spec: which tracker, and its numbers.
    """

    def __init__(self, spec: TrackSpec) -> None:
        self._tracker = open_tracker(spec)
        self._epoch: int | None = None
        self._time = SteadyTime()
        self._first_id = 1
        self._next_id = 1

    def track(self, detections: Detections) -> Tracks:
        """Take the next frame's boxes, also when there are none.

        Returns:
            The boxes that belong to confirmed tracks, as detected, ordered by track id.
        """
        frame = detections.frame
        if frame.epoch != self._epoch:
            self._begin(frame.epoch)
        time_s = self._time.of(frame.number, frame.captured_at_ns)
        rows, ids = self._tracker.update(detections.boxes_px, detections.scores, time_s)
        ids = ids + self._first_id
        order = np.argsort(ids, kind="stable")
        rows, ids = rows[order], ids[order]
        if len(ids):
            self._next_id = max(self._next_id, int(ids[-1]) + 1)
        boxes = detections.boxes_px[rows]
        return Tracks(
            camera=frame.camera,
            number=frame.number,
            captured_at_ns=frame.captured_at_ns,
            size_px=frame.size_px,
            track_ids=ids,
            boxes_px=boxes,
            scores=detections.scores[rows],
            overlaps=largest_overlaps(boxes),
        )

    def _begin(self, epoch: int) -> None:
        """Start a new connection: no track of the one before goes on, and none of its ids comes again."""
        if self._epoch is not None:
            self._tracker.reset()
            self._first_id = self._next_id
        self._epoch = epoch
        self._time = SteadyTime()
