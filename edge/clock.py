"""Where time comes from, so that a test can run a day in a millisecond."""

from __future__ import annotations

import threading
import time
from typing import Protocol

__all__ = ["Clock", "FakeClock", "SystemClock"]


class Clock(Protocol):
    """Wall time, elapsed time, and waiting that another thread can cut short."""

    def now_ns(self) -> int:
        """Return wall time in nanoseconds since 1970 UTC; it may jump."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds since some fixed moment; it never goes back."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until ``event`` is set, at most ``seconds``; return whether it is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Return wall time in nanoseconds since 1970 UTC."""
        return time.time_ns()

    def monotonic_s(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until ``event`` is set, at most ``seconds`` (none when negative)."""
        return event.wait(max(0.0, seconds))


class FakeClock:
    """A clock that moves only when it is told to, or when somebody waits on it.

    ``wait`` returns at once and moves the time on by what would have been waited, so code that
    paces itself or backs off runs at full speed. May be shared between threads.

    waits: every wait in seconds, in order; those cut short by an event that was set already are not
        in it.

    Args:
        now_ns: wall time at the start.
        monotonic_s: elapsed time at the start.
    """

    def __init__(self, now_ns: int = 1_700_000_000_000_000_000, monotonic_s: float = 0.0) -> None:
        self.waits: list[float] = []
        self._lock = threading.Lock()
        self._start_ns = now_ns
        self._start_s = monotonic_s
        self._passed_s = 0.0

    def now_ns(self) -> int:
        """Return wall time in nanoseconds since 1970 UTC."""
        with self._lock:
            return self._start_ns + round(self._passed_s * 1e9)

    def monotonic_s(self) -> float:
        """Return seconds since some fixed moment."""
        with self._lock:
            return self._start_s + self._passed_s

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        with self._lock:
            self._passed_s += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let ``seconds`` pass unless ``event`` is set already; return whether it is set."""
        if event.is_set():
            return True
        with self._lock:
            self.waits.append(max(0.0, seconds))
            self._passed_s += max(0.0, seconds)
        return event.is_set()
