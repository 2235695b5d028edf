"""What identify decides: events, and boxes whose identity is settled."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.records.crop import Crop

__all__ = ["Decision", "LiveIdentity", "Settled"]


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """One decision, or change of mind, about who a tracklet is. It becomes one event.

    type: ``tracklet`` (closed; says where it ended up), ``identity.new``, ``identity.match``,
        ``identity.unknown``, ``identity.rename`` (one tracklet moves), ``identity.merge``
        (``previous`` ends, all its past belongs to ``identity``), ``identity.split`` (part of
        ``previous`` becomes ``identity``).
    time_ns: event time, wall clock.
    camera, track, tracklet: the tracklet concerned (``tracklet`` is its uid); camera may be empty
        and track 0 for a merge.
    identity: the global id, from 1; 0 when unknown.
    previous: the global id before a revision; 0 when there was none.
    probability: estimated probability that the decision is right, 0 to 1.
    evidence: numbers the decision rests on (similarity, runner-up, number of tracklets …).
    crop: best crop so far, for the report; None where there is none.
    """

    type: str
    time_ns: int
    camera: str
    track: int
    tracklet: str
    identity: int
    previous: int
    probability: float
    evidence: dict[str, float | int | str] = field(default_factory=dict)
    crop: Crop | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LiveIdentity:
    """Present belief about the people in one frame, for live views and annotated video.

    camera, number, captured_at_ns: the frame.
    identities: int64 (n,)    global ids, 0 while unknown
    track_ids:  int64 (n,)    the camera's track ids
    boxes_px:   float32 (n, 4)
    """

    camera: str
    number: int
    captured_at_ns: int
    identities: NDArray[np.int64]
    track_ids: NDArray[np.int64]
    boxes_px: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Boxes of one camera whose identity will not be revised any more, in frame order.

    camera: the camera.
    identities: int64 (n,)   global ids, 0 for people who stayed unknown
    frames: int64 (n,)       frame numbers from 1
    times_ns: int64 (n,)     wall time
    boxes_px: float32 (n, 4) left, top, right, bottom in source pixels
    scores: float32 (n,)
    """

    camera: str
    identities: NDArray[np.int64]
    frames: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    boxes_px: NDArray[np.float32]
    scores: NDArray[np.float32]
