"""Boxes whose identity may still be revised, and their way out once it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edge.records import Settled, Tracklet
from edge.stages.identify.gaps import Row, fill
from edge.stages.identify.strand import Strand

__all__ = ["Ledger"]


@dataclass(slots=True, eq=False)
class _Entry:
    strand: Strand
    tracklet: Tracklet
    step: int
    done: int = 0


class Ledger:
    """The closed tracklets of one camera, until their boxes are settled.

    Boxes leave in frame order, each once.

    Args:
        camera: the camera's name.
        fill_s: gaps of one identity up to this long are filled with interpolated boxes.
    """

    def __init__(self, camera: str, *, fill_s: float = 0.0) -> None:
        self._camera = camera
        self._fill_ns = int(fill_s * 1e9)
        self._entries: list[_Entry] = []
        self._last: dict[int, Row] = {}
        self._settled_frame = 0
        self.left_out = 0

    def add(self, strand: Strand, tracklet: Tracklet) -> None:
        """Take in a closed tracklet."""
        steps = np.diff(tracklet.frames)
        step = max(int(np.median(steps)), 1) if len(steps) else 1
        self._entries.append(_Entry(strand, tracklet, step))

    def waiting(self) -> Iterator[tuple[Strand, Tracklet, int]]:
        """Tracklets with boxes that are not settled, and how many of them are."""
        for entry in self._entries:
            yield entry.strand, entry.tracklet, entry.done

    def restore(self, strand: Strand, tracklet: Tracklet, done: int) -> None:
        """Take in what :meth:`waiting` said of an earlier run."""
        self.add(strand, tracklet)
        self._entries[-1].done = done

    def settle(self, until_ns: int, identity_of: Callable[[Strand], int]) -> Settled | None:
        """Let go of all boxes up to a time.

        Args:
            until_ns: wall time; boxes at or before it are settled. Every box up to it must have
                been added.
            identity_of: the identity of a strand, 0 for nobody (its boxes are left out and
                counted). Called once per tracklet that has boxes to settle.

        Returns:
            The boxes in frame order, or None when there are none. Of two boxes of one identity in
            one frame the better scored stays; the other is left out and counted. Interpolated
            boxes have score 0.
        """
        due: list[Row] = []
        ahead: list[Row] = []
        for entry in self._entries:
            times = entry.tracklet.times_ns
            end = int(np.searchsorted(times, until_ns, side="right"))
            if end > entry.done:
                identity = identity_of(entry.strand)
                if identity:
                    due += _rows(entry, entry.done, end, identity)
                else:
                    self.left_out += end - entry.done
                entry.done = end
            if self._fill_ns and entry.strand.identity and end < len(times):
                far = int(np.searchsorted(times, until_ns + self._fill_ns, side="right"))
                ahead += _rows(entry, end, far, entry.strand.identity)
        self._entries = [e for e in self._entries if e.done < len(e.tracklet.frames)]
        rows = self._once_per_frame(due)
        if self._fill_ns:
            rows = self._filled(rows, ahead)
        return _settled(self._camera, rows) if rows else None

    def _once_per_frame(self, rows: Iterable[Row]) -> list[Row]:
        best: dict[tuple[int, int], Row] = {}
        count = 0
        for row in rows:
            count += 1
            held = best.get((row.frame, row.identity))
            if held is None or row.score > held.score:
                best[row.frame, row.identity] = row
        self.left_out += count - len(best)
        return [best[key] for key in sorted(best)]

    def _filled(self, rows: list[Row], ahead: list[Row]) -> list[Row]:
        """Add interpolated boxes, and remember where each identity was last seen.

        They go as far as the last real box: their times are estimates, and a box of a frame that
        comes before theirs may yet be to come.
        """
        if not rows:
            return []
        made = [
            row
            for row in fill([*self._last.values(), *rows, *ahead], self._fill_ns)
            if self._settled_frame < row.frame <= rows[-1].frame
        ]
        for row in rows:
            self._last[row.identity] = row
        latest_ns = max((row.time_ns for row in self._last.values()), default=0)
        self._last = {i: row for i, row in self._last.items() if row.time_ns >= latest_ns - self._fill_ns}
        self._settled_frame = max(self._settled_frame, rows[-1].frame)
        return sorted(rows + made, key=lambda row: (row.frame, row.identity))


def _rows(entry: _Entry, begin: int, end: int, identity: int) -> list[Row]:
    tracklet = entry.tracklet
    return [
        Row(
            frame=int(tracklet.frames[i]),
            identity=identity,
            time_ns=int(tracklet.times_ns[i]),
            box_px=tracklet.boxes_px[i],
            score=float(tracklet.scores[i]),
            step=entry.step,
        )
        for i in range(begin, end)
    ]


def _settled(camera: str, rows: list[Row]) -> Settled:
    return Settled(
        camera=camera,
        identities=np.array([row.identity for row in rows], dtype=np.int64),
        frames=np.array([row.frame for row in rows], dtype=np.int64),
        times_ns=np.array([row.time_ns for row in rows], dtype=np.int64),
        boxes_px=np.stack([row.box_px for row in rows]).astype(np.float32),
        scores=np.array([row.score for row in rows], dtype=np.float32),
    )
