"""A short piece of one track: what identities are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.records.crop import Crop

__all__ = ["Tracklet"]


@dataclass(frozen=True, slots=True, eq=False)
class Tracklet:
    """One person in one camera for one stretch of time.

    A long track is cut into several tracklets (where people cross, and at a maximum length), so
    that a track that jumped from one person to another can be mended.

    uid: unique in this run, ``<camera>/<track>/<part>``.
    camera, track, part: the camera, its track, and the piece of that track (from 0).
    started_at_ns, ended_at_ns: wall time of the first and last box.
    frames: int64 (n,)            frame numbers, ascending
    times_ns: int64 (n,)          wall time of each box
    boxes_px: float32 (n, 4)      left, top, right, bottom in source pixels
    scores: float32 (n,)          the detector's
    size_px: (width, height) of the camera's frame
    vector: float32 (d,)          quality-weighted mean of the embeddings, unit length;
                                  empty (0,) when nothing was embedded
    vectors: float32 (m, d)       the embeddings kept (bounded), unit length
    weight: sum of the qualities of all embeddings that went into the mean
    crops: its best crops, best first (bounded)
    model: fingerprint of the ReID model; empty when nothing was embedded
    joined: True when it goes on where the piece before it ended, without a doubtful moment
    overlap_start, overlap_end: largest overlap with another person near its first and last box, 0 to 1
    closed: True when no more boxes will come
    """

    uid: str
    camera: str
    track: int
    part: int
    started_at_ns: int
    ended_at_ns: int
    frames: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    boxes_px: NDArray[np.float32]
    scores: NDArray[np.float32]
    size_px: tuple[int, int]
    vector: NDArray[np.float32]
    vectors: NDArray[np.float32]
    weight: float
    crops: tuple[Crop, ...]
    model: str
    joined: bool
    overlap_start: float
    overlap_end: float
    closed: bool
