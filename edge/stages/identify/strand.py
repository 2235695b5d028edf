"""A strand: the pieces of one track between two doubtful moments, taken as one person."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.records import Crop, Tracklet

__all__ = ["Strand"]

END_S = 1.0
FIT_MIN = 4
Point = tuple[float, float]


@dataclass(slots=True, eq=False)
class Strand:
    """One person in one camera, as surely as the tracker can tell.

    number: unique in this run, ascending with first appearance.
    start_s, end_s: seconds of event time (wall clock).
    height_px: median height of the boxes of its latest piece.
    head, tail: centre of the first and the last box, in pixels.
    head_speed, tail_speed: pixels per second over its first and last second.
    overlap_start, overlap_end: largest overlap with somebody else near its ends, 0 to 1.
    boxes: how many boxes it has.
    growing: True while its latest piece is open.
    identity: the person it is taken for, 0 while unknown.
    probability: estimated probability that ``identity`` is right, 0 to 1.
    pinned: True once boxes of it are written under that identity.
    crop: its best picture.
    pieces: uids of its first and its latest tracklet.
    """

    number: int
    camera: str
    track: int
    start_s: float
    end_s: float
    height_px: float
    head: Point
    head_speed: Point
    tail: Point
    tail_speed: Point
    overlap_start: float
    overlap_end: float
    boxes: int = 0
    growing: bool = False
    identity: int = 0
    probability: float = 0.0
    pinned: bool = False
    crop: Crop | None = None
    _closed_sum: NDArray[np.float64] | None = None
    _closed_weight: float = 0.0
    _closed_boxes: int = 0
    _open_sum: NDArray[np.float64] | None = None
    _open_weight: float = 0.0
    pieces: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, number: int, tracklet: Tracklet) -> Strand:
        """A strand of one piece."""
        head, head_speed = _motion(tracklet, first=True)
        strand = cls(
            number=number,
            camera=tracklet.camera,
            track=tracklet.track,
            start_s=tracklet.started_at_ns / 1e9,
            end_s=tracklet.ended_at_ns / 1e9,
            height_px=1.0,
            head=head,
            head_speed=head_speed,
            tail=head,
            tail_speed=head_speed,
            overlap_start=tracklet.overlap_start,
            overlap_end=tracklet.overlap_end,
        )
        strand.extend(tracklet)
        return strand

    def extend(self, tracklet: Tracklet) -> None:
        """Take in a piece, or a grown version of the piece that is still open."""
        heights = tracklet.boxes_px[:, 3] - tracklet.boxes_px[:, 1]
        self.height_px = max(float(np.median(heights)), 1.0)
        self.tail, self.tail_speed = _motion(tracklet, first=False)
        if not self.pieces or self.pieces[0] == tracklet.uid:
            self.head, self.head_speed = _motion(tracklet, first=True)
            self.overlap_start = tracklet.overlap_start
        self.end_s = tracklet.ended_at_ns / 1e9
        self.overlap_end = tracklet.overlap_end
        if tracklet.uid not in self.pieces[-1:]:
            self.pieces = [*self.pieces[:1], tracklet.uid]
        total = tracklet.vector.astype(np.float64) * tracklet.weight if tracklet.weight > 0 else None
        self.growing = not tracklet.closed
        if tracklet.closed:
            self._open_sum, self._open_weight = None, 0.0
            if total is not None:
                self._closed_sum = total if self._closed_sum is None else self._closed_sum + total
                self._closed_weight += tracklet.weight
            self._closed_boxes += len(tracklet.frames)
            self.boxes = self._closed_boxes
        else:
            self._open_sum, self._open_weight = total, tracklet.weight
            self.boxes = self._closed_boxes + len(tracklet.frames)
        for crop in tracklet.crops:
            if self.crop is None or crop.quality > self.crop.quality:
                self.crop = crop

    def absorb(self, later: Strand) -> None:
        """Take in the strand that follows in the same visit; both must be closed."""
        self.end_s, self.tail, self.tail_speed = later.end_s, later.tail, later.tail_speed
        self.height_px, self.overlap_end = later.height_px, later.overlap_end
        if later._closed_sum is not None:
            self._closed_sum = (
                later._closed_sum if self._closed_sum is None else self._closed_sum + later._closed_sum
            )
        self._closed_weight += later._closed_weight
        self._closed_boxes += later._closed_boxes
        self.boxes = self._closed_boxes
        self.pieces = [self.pieces[0], later.pieces[-1]]
        self.track = later.track

    def close_with(self, total: NDArray[np.float64], weight: float) -> None:
        """What was embedded of it, as it was written down: the weighted sum float64 (d,), and the weight."""
        self._closed_sum, self._closed_weight = total, weight
        self._closed_boxes = self.boxes

    @property
    def weight(self) -> float:
        """Sum of the qualities of its embeddings."""
        return self._closed_weight + self._open_weight

    @property
    def vector(self) -> NDArray[np.float32] | None:
        """float32 (d,), unit length: the quality-weighted mean; None when nothing was embedded."""
        if self._closed_sum is None:
            total = self._open_sum
        else:
            total = self._closed_sum if self._open_sum is None else self._closed_sum + self._open_sum
        if total is None:
            return None
        return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), dtype=np.float32)


def _motion(tracklet: Tracklet, *, first: bool) -> tuple[Point, Point]:
    """Centre of the first or last box, and the speed in the second beside it (least squares)."""
    boxes = tracklet.boxes_px
    times_s = (tracklet.times_ns - tracklet.times_ns[0]) / 1e9
    near = times_s <= END_S if first else times_s >= times_s[-1] - END_S
    centres = (boxes[near, :2] + boxes[near, 2:]).astype(np.float64) / 2.0
    at = centres[0] if first else centres[-1]
    speed = (0.0, 0.0)
    if len(centres) >= FIT_MIN:
        since = times_s[near] - times_s[near].mean()
        spread = float(since @ since)
        if spread > 0 and math.isfinite(spread):
            slope = since @ centres / spread
            speed = (float(slope[0]), float(slope[1]))
    return (float(at[0]), float(at[1])), speed
