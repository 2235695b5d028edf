"""What a camera reports about itself: changes of state, and counts."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["CameraState", "CaptureCounts", "Report", "StateKind", "Tally"]

StateKind = Literal["connected", "lost", "retrying", "frozen", "ended", "failed"]
"""``connected``: the first picture of a connection came. ``lost``: it broke off. ``frozen``: it went
silent, or repeated one picture, and was given up. ``retrying``: waiting before the next attempt.
``ended``: read to its end, or stopped. ``failed``: given up for good."""


@dataclass(frozen=True, slots=True)
class CameraState:
    """A change in what a camera is doing.

    camera: its name in cams.yaml.
    kind: see :data:`StateKind`.
    message: one line for people that names the camera; holds no credentials.
    at_ns: wall time.
    epoch: the connection it is about, from 0; the last one while there is none.
    attempt: failed attempts in a row, 0 while connected.
    retry_in_s: seconds until the next attempt; None unless ``retrying``.
    """

    camera: str
    kind: StateKind
    message: str
    at_ns: int
    epoch: int = 0
    attempt: int = 0
    retry_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class CaptureCounts:
    """What a camera has done so far.

    decoded: pictures decoded; the number of the last one.
    delivered: pictures handed on as frames.
    thinned: pictures left out because of ``fps_max``.
    corrupt: packets or pictures that could not be read, decoded or converted, and were skipped.
    reconnects: connections after the first; for a looped file, passes after the first.
    """

    decoded: int
    delivered: int
    thinned: int
    corrupt: int
    reconnects: int


class Report(Protocol):
    """How the parts of capture tell the reader about a change of state."""

    def __call__(
        self, kind: StateKind, text: str, *, epoch: int = 0, attempt: int = 0, retry_in_s: float | None = None
    ) -> None:
        """Report a change; ``text`` is the message without the camera's name."""
        ...


class Tally:
    """The counts while they grow. Any thread may read; only :meth:`count_corrupt` is for several writers."""

    def __init__(self) -> None:
        self.decoded = 0
        self.delivered = 0
        self.thinned = 0
        self.corrupt = 0
        self.reconnects = 0
        self._lock = threading.Lock()

    def count_corrupt(self) -> None:
        """Count a packet or picture that was skipped."""
        with self._lock:
            self.corrupt += 1

    def counts(self) -> CaptureCounts:
        """Return a copy that stays as it is."""
        return CaptureCounts(self.decoded, self.delivered, self.thinned, self.corrupt, self.reconnects)
