"""What the probe copies out of DeepStream's metadata: nothing else outlives the buffer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SeenFrame", "seen_frame"]


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """One frame of one source, as DeepStream's metadata describes it; row i of every array is one person.

    source: DeepStream's number of the camera.
    number: of the frame, from 0.
    pts_ns: stream time in nanoseconds.
    ntp_ns: wall time by the camera's RTCP sender report in nanoseconds; 0 where there is none.
    size_px: (width, height) of the camera's picture.
    track_ids: int64 (n,)     from 0, unique in this source
    boxes_px:  float32 (n, 4) left, top, right, bottom in pixels of the mux
    scores:    float32 (n,)   as the detector or the tracker gave them
    vectors: row to float32 (d,); the ReID vectors there are, their own memory, of any length.
    """

    source: int
    number: int
    pts_ns: int
    ntp_ns: int
    size_px: tuple[int, int]
    track_ids: NDArray[np.int64]
    boxes_px: NDArray[np.float32]
    scores: NDArray[np.float32]
    vectors: Mapping[int, NDArray[np.float32]]


def seen_frame(
    facts: tuple[int, int, int, int],
    size_px: tuple[int, int],
    people: list[tuple[int, tuple[float, float, float, float], float]],
    vectors: Mapping[int, NDArray[np.float32]],
) -> SeenFrame:
    """Make a record of what a reader has read.

    Args:
        facts: source, frame number, stream time and NTP time in nanoseconds.
        size_px: of the camera's picture.
        people: track id; left, top, width and height; score of each.
        vectors: row to vector.
    """
    source, number, pts_ns, ntp_ns = facts
    boxes = np.array([box for _, box, _ in people], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return SeenFrame(
        source=source,
        number=number,
        pts_ns=pts_ns,
        ntp_ns=ntp_ns,
        size_px=size_px,
        track_ids=np.array([track for track, _, _ in people], np.int64),
        boxes_px=boxes,
        scores=np.array([score for _, _, score in people], np.float32),
        vectors=vectors,
    )
