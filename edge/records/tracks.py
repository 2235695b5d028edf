"""Tracked people of one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tracks"]


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Tracked people of one frame, without its picture; row i of every array is one person.

    camera, number, captured_at_ns: as in :class:`edge.records.Frame`.
    size_px: (width, height) of the frame.
    track_ids: int64 (n,)     unique in this camera for the whole run, from 1
    boxes_px:  float32 (n, 4) left, top, right, bottom in source pixels
    scores:    float32 (n,)   0 to 1, the detector's
    overlaps:  float32 (n,)   largest overlap with one other person's box, as a share of the smaller
                              of the two, 0 to 1
    """

    camera: str
    number: int
    captured_at_ns: int
    size_px: tuple[int, int]
    track_ids: NDArray[np.int64]
    boxes_px: NDArray[np.float32]
    scores: NDArray[np.float32]
    overlaps: NDArray[np.float32]
