"""Fill short gaps of one identity in one camera with interpolated boxes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Row", "fill"]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One box of one identity.

    frame: number from 1.
    time_ns: wall time.
    box_px: float32 (4,)  left, top, right, bottom in source pixels
    score: the detector's, 0 for an interpolated box.
    step: how many frames apart its tracklet's boxes usually are (1, or more when frames are skipped).
    """

    frame: int
    identity: int
    time_ns: int
    box_px: NDArray[np.float32]
    score: float
    step: int


def fill(rows: Iterable[Row], gap_max_ns: int) -> Iterator[Row]:
    """Boxes on the straight line between the last one before a gap and the first one after it.

    Args:
        rows: boxes of one camera in any order.
        gap_max_ns: longer gaps stay open.

    Yields:
        The interpolated boxes only, with score 0.
    """
    last: dict[int, Row] = {}
    for row in sorted(rows, key=lambda r: (r.frame, r.identity)):
        before = last.get(row.identity)
        last[row.identity] = row
        if before is None or row.time_ns - before.time_ns > gap_max_ns:
            continue
        length = row.frame - before.frame
        step = min(before.step, row.step)
        for offset in range(step, length, step):
            share = offset / length
            yield Row(
                frame=before.frame + offset,
                identity=row.identity,
                time_ns=before.time_ns + int(share * (row.time_ns - before.time_ns)),
                box_px=((1.0 - share) * before.box_px + share * row.box_px).astype(np.float32),
                score=0.0,
                step=step,
            )
