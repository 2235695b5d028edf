"""The live view: a table on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from edge.stages.sink.worker import WorkerRow, worker_line

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live

__all__ = ["CameraLine", "LiveSnapshot", "StageLine", "TerminalView"]

_log = logging.getLogger(__name__)

_COLOURS = {
    "connected": "green",
    "ended": "dim",
    "lost": "red",
    "failed": "red",
    "frozen": "yellow",
    "retrying": "yellow",
}


@dataclass(frozen=True, slots=True)
class CameraLine:
    """One camera now: state as :mod:`edge.stages.capture` calls it, frames so far, queue depth."""

    name: str
    state: str
    fps: float
    frames: int
    dropped: int
    queue: int


@dataclass(frozen=True, slots=True)
class StageLine:
    """One stage now: items so far, latency in ms, and what waits in front of it."""

    name: str
    items: int
    p50_ms: float
    p95_ms: float
    queue: int = 0


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """What the live view shows.

    elapsed_s: seconds since the start.
    identities: people known now.
    unknown: people in view, not known yet.
    worker: the background worker, where there is one.
    """

    elapsed_s: float
    cameras: Sequence[CameraLine]
    stages: Sequence[StageLine]
    identities: int
    unknown: int = 0
    worker: WorkerRow | None = None


class TerminalView:
    """Shows snapshots; use it in a ``with`` block, from one thread.

    On a terminal it keeps one table up to date on standard error; :meth:`log_handler` gives a handler
    whose lines appear above it. Elsewhere it logs one line every ``log_every_s``.

    Args:
        enabled_tty: whether standard error is a terminal.
        log_every_s: seconds between log lines.
        now_s: a monotonic clock.
        console: where the table goes; standard error when None.
    """

    def __init__(
        self,
        enabled_tty: bool,
        *,
        log_every_s: float = 10.0,
        now_s: Callable[[], float] = time.monotonic,
        console: Console | None = None,
    ) -> None:
        self._tty = enabled_tty
        self._log_every_s = log_every_s
        self._now_s = now_s
        self._due_s = now_s() + log_every_s
        self._console = console
        self._live: Live | None = None

    def log_handler(self) -> logging.Handler:
        """Return a handler for the root logger that does not tear the table apart."""
        if not self._tty:
            return logging.StreamHandler()
        from rich.logging import RichHandler

        return RichHandler(console=self._open_console(), show_path=False, markup=False, highlighter=None)

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the newest numbers; cheap enough to be called ten times a second."""
        if not self._tty:
            if self._now_s() >= self._due_s:
                self._due_s = self._now_s() + self._log_every_s
                _log.info("%s", describe(snapshot))
            return
        if self._live is None:
            from rich.live import Live

            self._live = Live(
                console=self._open_console(), auto_refresh=False, transient=False, redirect_stdout=False
            )
            self._live.start()
            self._due_s = self._now_s()
        if self._now_s() >= self._due_s:
            self._due_s = self._now_s() + 0.25
            self._live.update(_tables(snapshot), refresh=True)

    def close(self) -> None:
        """Leave the last table on the screen and give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __enter__(self) -> TerminalView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open_console(self) -> Console:
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True)
        return self._console


def describe(snapshot: LiveSnapshot) -> str:
    """Return a snapshot as one line for a log."""
    cameras = ", ".join(
        f"{one.name} {one.state} {one.fps:.1f} fps"
        + (f" ({one.dropped} dropped)" if one.dropped else "")
        + (f" queue {one.queue}" if one.queue else "")
        for one in snapshot.cameras
    )
    stages = ", ".join(f"{one.name} {one.p50_ms:.1f}/{one.p95_ms:.1f} ms" for one in snapshot.stages)
    people = f"{snapshot.identities} identities"
    if snapshot.unknown:
        people += f", {snapshot.unknown} unknown"
    parts = [cameras, stages, worker_line(snapshot.worker) if snapshot.worker is not None else ""]
    return f"{snapshot.elapsed_s:.0f} s: {'; '.join([people, *filter(None, parts)])}"


def _tables(snapshot: LiveSnapshot) -> Group:
    """Return what the terminal shows: a headline, the cameras, the stages."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    minutes, seconds = divmod(int(snapshot.elapsed_s), 60)
    headline = Text.assemble(
        (f"{snapshot.identities} identities", "bold"),
        f"   {snapshot.unknown} unknown" if snapshot.unknown else "",
        (f"   {minutes}:{seconds:02d}   Ctrl-C to finish", "dim"),
    )
    cameras = Table(box=box.SIMPLE, pad_edge=False)
    cameras.add_column("camera")
    cameras.add_column("state")
    for column in ("fps", "frames", "dropped", "queue"):
        cameras.add_column(column, justify="right")
    for one in snapshot.cameras:
        cameras.add_row(
            Text(one.name),
            Text(one.state, style=_COLOURS.get(one.state.split(" ")[0], "")),
            f"{one.fps:.1f}",
            f"{one.frames:,}",
            Text(f"{one.dropped:,}", style="yellow" if one.dropped else ""),
            str(one.queue),
        )
    stages = Table(box=box.SIMPLE, pad_edge=False)
    stages.add_column("stage")
    for column in ("items", "p50 ms", "p95 ms", "queue"):
        stages.add_column(column, justify="right")
    for stage in snapshot.stages:
        stages.add_row(
            Text(stage.name),
            f"{stage.items:,}",
            f"{stage.p50_ms:.1f}",
            f"{stage.p95_ms:.1f}",
            str(stage.queue),
        )
    if snapshot.worker is None:
        return Group(headline, cameras, stages)
    return Group(headline, cameras, stages, Text(worker_line(snapshot.worker), style="dim"))
