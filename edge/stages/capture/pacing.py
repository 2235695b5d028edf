"""Hand pictures out at their own speed."""

from __future__ import annotations

import threading

from edge.clock import Clock

__all__ = ["Pacer"]


class Pacer:
    """Holds each picture back until its time has come, counted from the first one.

    A picture that is late already is let through at once, and the ones after it catch up.

    Args:
        clock: the time, and how to wait.
        stop: when set, waiting ends.
    """

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop
        self._zero_s: float | None = None

    def release(self, elapsed_s: float) -> bool:
        """Wait until ``elapsed_s`` of stream time have passed.

        Args:
            elapsed_s: the picture's stream time in seconds, of a clock that never goes back.

        Returns:
            False when ``stop`` was set meanwhile; the picture is not wanted any more.
        """
        now_s = self._clock.monotonic_s()
        if self._zero_s is None:
            self._zero_s = now_s - elapsed_s
        early_s = self._zero_s + elapsed_s - now_s
        if early_s > 0:
            return not self._clock.wait(self._stop, early_s)
        return not self._stop.is_set()
