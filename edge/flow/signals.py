"""Ctrl-C and SIGTERM, counted instead of raised in the middle of something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

__all__ = ["StopSignals"]

_Handler = Callable[[int, FrameType | None], object] | int | None


class StopSignals:
    """Counts how often the user asked to stop, from ``with`` to the end of the block.

    A handler that only counts cannot interrupt a lock or a half-written file;
    :meth:`edge.flow.Workers.supervise` looks at the count several times a second. After the second
    request the former handlers are put back, so a third Ctrl-C is Python's own. Outside the main
    thread (an embedding program, a test) no handler is installed and only :meth:`ask` counts.
    """

    def __init__(self) -> None:
        self._count = 0
        self._former: dict[signal.Signals, _Handler] = {}

    @property
    def count(self) -> int:
        """Requests so far: 0 go on, 1 finish cleanly, 2 or more stop at once."""
        return self._count

    def ask(self) -> None:
        """Count one more request, as if Ctrl-C had been pressed."""
        self._count += 1

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self._count >= 2:
            self._restore()

    def _restore(self) -> None:
        while self._former:
            number, handler = self._former.popitem()
            signal.signal(number, handler)
