"""The piece of a track that is still growing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.records import Embedding, Tracklet

__all__ = ["Piece"]

END_S = 0.4


@dataclass(slots=True, eq=False)
class Piece:
    """Boxes and embeddings of one track since its last cut; the lists run in time order.

    joined: it goes on where the piece before it ended, without a doubtful moment.
    crossing: a crossing with another person is under way.
    peak: index of the box most covered in that crossing.
    covered_at_ns: when the crossing was last seen.
    reported_at_ns: when the growing piece was last handed on.
    """

    camera: str
    track: int
    part: int
    size_px: tuple[int, int]
    joined: bool = False
    frames: list[int] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    boxes: list[NDArray[np.float32]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)
    embeddings: list[Embedding] = field(default_factory=list)
    crossing: bool = False
    peak: int = 0
    covered_at_ns: int = 0
    reported_at_ns: int = 0

    def split(self, index: int) -> Piece:
        """Cut before box ``index``: keep what lies before, return the rest as the next piece."""
        cut_ns = self.times_ns[index]
        rest = Piece(self.camera, self.track, self.part + 1, self.size_px)
        for name in ("frames", "times_ns", "boxes", "scores", "overlaps"):
            values = getattr(self, name)
            setattr(rest, name, values[index:])
            del values[index:]
        rest.embeddings = [e for e in self.embeddings if e.crop.captured_at_ns >= cut_ns]
        self.embeddings = [e for e in self.embeddings if e.crop.captured_at_ns < cut_ns]
        rest.reported_at_ns = self.reported_at_ns
        return rest

    def tracklet(self, *, closed: bool, crops_max: int) -> Tracklet:
        """The piece as a record; arrays are copies."""
        times = np.array(self.times_ns, dtype=np.int64)
        vectors, vector, weight = self._appearance()
        best = sorted(self.embeddings, key=lambda e: -e.crop.quality)[:crops_max]
        near = int(END_S * 1e9)
        first, last = self.times_ns[0], self.times_ns[-1]
        start = max(o for o, t in zip(self.overlaps, self.times_ns, strict=True) if t <= first + near)
        end = max(o for o, t in zip(self.overlaps, self.times_ns, strict=True) if t >= last - near)
        return Tracklet(
            uid=f"{self.camera}/{self.track}/{self.part}",
            camera=self.camera,
            track=self.track,
            part=self.part,
            started_at_ns=first,
            ended_at_ns=last,
            frames=np.array(self.frames, dtype=np.int64),
            times_ns=times,
            boxes_px=np.stack(self.boxes).astype(np.float32),
            scores=np.array(self.scores, dtype=np.float32),
            size_px=self.size_px,
            vector=vector,
            vectors=vectors,
            weight=weight,
            crops=tuple(e.crop for e in best),
            model=self.embeddings[0].model if self.embeddings else "",
            joined=self.joined,
            overlap_start=start,
            overlap_end=end,
            closed=closed,
        )

    def _appearance(self) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
        if not self.embeddings:
            return np.zeros((0, 0), np.float32), np.zeros(0, np.float32), 0.0
        vectors = np.stack([e.vector for e in self.embeddings])
        qualities = np.array([max(e.crop.quality, 1e-3) for e in self.embeddings])
        mean = qualities @ vectors.astype(np.float64)
        unit = mean / max(float(np.linalg.norm(mean)), 1e-12)
        return vectors, unit.astype(np.float32), float(qualities.sum())
