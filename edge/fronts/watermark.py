"""Event time: up to when everything has been seen."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Watermark"]

_LATENESS_NS = 500_000_000
_SILENT_S = 5.0


class Watermark:
    """The event time before which no frame is expected any more; it never goes back.

    Files arrive merged in the order of their time, so the frame in hand is the mark. Live cameras arrive as
    their networks please: the newest frame of any, less ``lateness_ns``. Where there are both, the earlier
    of the two; but a side that has given nothing for five seconds (its files have ended, its cameras are
    down) is not waited for.

    Args:
        lateness_ns: how much later than others a live frame may come.
        now_s: a monotonic clock.
    """

    def __init__(self, lateness_ns: int = _LATENESS_NS, now_s: Callable[[], float] = time.monotonic) -> None:
        self._lateness_ns = lateness_ns
        self._now_s = now_s
        self._files_ns = 0
        self._live_ns = 0
        self._files_s: float | None = None
        self._live_s: float | None = None
        self._mark_ns = 0

    def pass_frame(self, captured_at_ns: int, *, live: bool) -> int:
        """Take notice of a frame and return the mark in nanoseconds.

        Args:
            captured_at_ns: the frame's wall time.
            live: whether its camera is live.
        """
        now_s = self._now_s()
        if live:
            self._live_ns = max(self._live_ns, captured_at_ns - self._lateness_ns)
            self._live_s = now_s
            mark_ns, other_ns, other_s = self._live_ns, self._files_ns, self._files_s
        else:
            self._files_ns = captured_at_ns
            self._files_s = now_s
            mark_ns, other_ns, other_s = self._files_ns, self._live_ns, self._live_s
        if other_s is not None and now_s - other_s < _SILENT_S:
            mark_ns = min(mark_ns, other_ns)
        self._mark_ns = max(self._mark_ns, mark_ns)
        return self._mark_ns
