"""From what DeepStream has seen to what the tracklet stage takes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.fronts.deepstream.capture_time import CaptureTime
from edge.fronts.deepstream.picker import Picker
from edge.fronts.deepstream.roster import Roster
from edge.fronts.deepstream.seen import SeenFrame
from edge.fronts.region import Region
from edge.records import EmbeddedFrame, Tracks
from edge.stages.capture.thinning import FpsLimit
from edge.stages.track.overlap import largest_overlaps

__all__ = ["Probe"]

_log = logging.getLogger(__name__)

_SIDE_MIN_PX = 1.0


class Probe:
    """Names the camera, finds the time, and brings boxes to the camera's own pixels; one thread at a time.

    Args:
        roster: which source is which camera.
        times: camera to its clock.
        mux_px: (width, height) of the mux's pictures, in which DeepStream's boxes are.
        picker: chooses the embeddings.
        regions: camera to its region of interest, for those that have one.
        limits: camera to its largest frame rate, for those that have one.
    """

    def __init__(
        self,
        roster: Roster,
        times: Mapping[str, CaptureTime],
        mux_px: tuple[int, int],
        picker: Picker,
        regions: Mapping[str, Region],
        limits: Mapping[str, FpsLimit],
    ) -> None:
        self._roster = roster
        self._times = dict(times)
        self._mux_px = mux_px
        self._picker = picker
        self._regions = dict(regions)
        self._limits = dict(limits)
        self._numbers: dict[str, int] = {}
        self._strangers: set[int] = set()

    def take(self, frames: Sequence[SeenFrame]) -> list[EmbeddedFrame]:
        """Return the frames of a batch that belong to a camera of cams.yaml and are due.

        Frames of a source that nobody knows are left out, with one log line for each source.
        """
        taken: list[EmbeddedFrame] = []
        for seen in frames:
            camera = self._roster.name_of(seen.source)
            if camera is None:
                if seen.source not in self._strangers:
                    self._strangers.add(seen.source)
                    _log.warning("DeepStream's source %d is no camera of cams.yaml; left out", seen.source)
                continue
            limit = self._limits.get(camera)
            if limit is None or limit.keeps(seen.pts_ns / 1e9, 0):
                taken.append(self._frame(camera, seen))
        return taken

    def _frame(self, camera: str, seen: SeenFrame) -> EmbeddedFrame:
        captured_at_ns = self._times[camera].of(seen.pts_ns, seen.ntp_ns)
        number = max(seen.number + 1, self._numbers.get(camera, 0) + 1)
        self._numbers[camera] = number
        boxes, kept = self._boxes(camera, seen)
        tracks = Tracks(
            camera=camera,
            number=number,
            captured_at_ns=captured_at_ns,
            size_px=seen.size_px,
            track_ids=seen.track_ids[kept] + 1,
            boxes_px=boxes,
            scores=np.clip(seen.scores[kept], 0.0, 1.0),
            overlaps=largest_overlaps(boxes),
        )
        rows = {old: new for new, old in enumerate(kept.tolist())}
        vectors = {rows[old]: vector for old, vector in seen.vectors.items() if old in rows}
        return EmbeddedFrame(tracks, self._picker.pick(tracks, vectors))

    def _boxes(self, camera: str, seen: SeenFrame) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Boxes in the camera's pixels, inside the picture and the region, and their rows."""
        width, height = seen.size_px
        scale = np.array((width / self._mux_px[0], height / self._mux_px[1]) * 2, np.float32)
        limits = np.array((width, height) * 2, np.float32)
        boxes = np.clip(seen.boxes_px * scale, 0.0, limits).astype(np.float32)
        keep = ((boxes[:, 2:] - boxes[:, :2]) >= _SIDE_MIN_PX).all(axis=1)
        region = self._regions.get(camera)
        if region is not None and len(boxes):
            feet = np.stack(((boxes[:, 0] + boxes[:, 2]) / (2 * width), boxes[:, 3] / height), axis=1)
            keep &= region.contains(feet.astype(np.float64))
        rows = np.flatnonzero(keep)
        return boxes[rows], rows
