"""The memory that the live process and one worker share: a sign of life, and the wish to pause."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.context import SpawnContext

__all__ = ["Beat", "Gauge", "Stopping"]

_PROGRESS, _PAUSE = 0, 1
_LOOK_S = 0.05


class Stopping(Exception):
    """The live process wants the worker to end."""


class Gauge:
    """Two numbers without a lock, so that nobody who dies can leave it locked.

    Args:
        context: of the processes that shall share it.
    """

    def __init__(self, context: SpawnContext) -> None:
        self._numbers = context.RawArray("d", 2)
        self.mark()

    @property
    def progress_at_s(self) -> float:
        """When the worker last got on, on the machine's monotonic clock."""
        return float(self._numbers[_PROGRESS])

    def mark(self) -> None:
        """The worker gets on."""
        self._numbers[_PROGRESS] = time.monotonic()

    @property
    def paused(self) -> bool:
        """Whether the worker shall wait."""
        return bool(self._numbers[_PAUSE])

    def pause(self, wanted: bool) -> None:
        """Let the worker wait, or go on."""
        self._numbers[_PAUSE] = float(wanted)


class Beat:
    """Called by the worker between the steps of its work: marks progress, pauses, rests, and stops.

    Args:
        gauge: shared with the live process.
        stop_wanted: whether the worker shall end.
        share: of the time it may compute; for every step it rests so long that this is kept.
    """

    def __init__(self, gauge: Gauge, stop_wanted: Callable[[], bool], share: float = 1.0) -> None:
        self._gauge = gauge
        self._stop_wanted = stop_wanted
        self._share = share
        self._since_s = time.perf_counter()
        self.busy_s = 0.0

    def begin(self) -> None:
        """The work begins, or goes on after something else."""
        self._since_s = time.perf_counter()
        self._gauge.mark()

    def __call__(self) -> None:
        """A step is done.

        Raises:
            Stopping: the worker shall end.
        """
        took_s = time.perf_counter() - self._since_s
        self.busy_s += took_s
        self._wait(took_s * (1.0 - self._share) / self._share)
        self.begin()

    def _wait(self, rest_s: float) -> None:
        until_s = time.perf_counter() + rest_s
        while True:
            self._gauge.mark()
            if self._stop_wanted():
                raise Stopping
            left_s = until_s - time.perf_counter()
            if left_s <= 0 and not self._gauge.paused:
                return
            time.sleep(_LOOK_S if self._gauge.paused else min(left_s, _LOOK_S))
