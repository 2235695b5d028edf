"""One run from start to end: supervise it, give up or finish it, and say how it went."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from edge.errors import EdgeError, RunError, StageError
from edge.flow import StageMeter, StopSignals, Workers
from edge.fronts.board import Board
from edge.fronts.parts import Drawing
from edge.fronts.tail import Association
from edge.stages.sink import ChannelRow, DeviceRow, LiveSnapshot, Outputs, RunSummary, StageLine, StageRow

__all__ = ["Facts", "Front", "Result", "Run", "View"]

_log = logging.getLogger(__name__)

INTERRUPTED = 130
_VIEW_EVERY_S = 0.25
_ABORT_PATIENCE_S = 2.0
_PATIENCE_S = 1.0


class Front(Protocol):
    """Where frames come from and who works on them; see :class:`edge.fronts.NativeFront`."""

    def spawn(self, workers: Workers) -> None:
        """Start all threads."""
        ...

    @property
    def watched(self) -> Mapping[str, StageMeter]:
        """The stages' meters by name, to be watched while they run."""
        ...

    def stage_rows(self) -> dict[str, StageRow]:
        """Return the stages' numbers so far."""
        ...

    def stage_lines(self) -> list[StageLine]:
        """Return the stages' lines of the live view."""
        ...

    def channel_rows(self) -> dict[str, ChannelRow]:
        """Return the channels' numbers so far."""
        ...


class View(Protocol):
    """Who is shown how the run goes on; see :class:`edge.stages.sink.TerminalView`."""

    def update(self, snapshot: LiveSnapshot) -> None:
        """Show the newest numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a run before it starts.

    run: its id, also in its events.
    site: the site's name.
    started_at_ns: wall time of its start.
    start_timeout_s: how long all cameras together may take for a first frame.
    pipeline, models: what computes it.
    """

    run: str
    site: str
    started_at_ns: int
    start_timeout_s: float
    pipeline: str = ""
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    exit_code: 0 done; 3 no camera gave a frame; 4 died, or a camera did; 130 stopped at once.
    problems: what went wrong, the cause first; each is one line for the user.
    summary: what summary.json says.
    """

    exit_code: int
    problems: tuple[EdgeError, ...]
    summary: RunSummary


class Run:
    """A run that is ready to start; it can be run once.

    Whatever happens, every output is closed and holds what was known by then. Ctrl-C (``signals``) lets the
    cameras stop and everything under way be completed; the second one tears the run down.

    Args:
        facts: what is known beforehand.
        front: the threads.
        association: finished from here when the run breaks off elsewhere.
        board: what the cameras do.
        outputs: closed at the end.
        resources: closed after that, unless a thread still hangs.
        mask: takes credentials out of a text.
        drawing: draws people in the background while the run goes on; None: nobody does.
        device: asked for the numbers of the device that pictures lie on.
    """

    def __init__(
        self,
        facts: Facts,
        front: Front,
        association: Association,
        board: Board,
        outputs: Outputs,
        resources: ExitStack,
        mask: Callable[[str], str],
        drawing: Drawing | None = None,
        device: Callable[[], DeviceRow | None] = lambda: None,
    ) -> None:
        self.facts = facts
        self._front = front
        self._association = association
        self._board = board
        self._outputs = outputs
        self._resources = resources
        self._mask = mask
        self._drawing = drawing
        self._device = device
        self._workers = Workers()
        self._started_s = time.monotonic()
        self._ended_s: float | None = None
        self._heard = False
        self._silence: tuple[EdgeError, ...] = ()
        self._view_due_s = 0.0

    def run(
        self, signals: StopSignals | None = None, *, duration_s: float | None = None, view: View | None = None
    ) -> Result:
        """Run until every camera has ended, or as long as is wanted; in the main thread.

        Args:
            signals: counts the user's wishes to stop.
            duration_s: finish after so many seconds; None goes on until the cameras end.
            view: shown how it goes on.
        """
        self._started_s = time.monotonic()
        error: EdgeError | None = None
        try:
            if self._drawing is not None:
                self._drawing.start()
            self._front.spawn(self._workers)
            self._workers.supervise(
                signals, lambda: self._tick(duration_s, view), tick_s=0.1, patience_s=_ABORT_PATIENCE_S
            )
        except EdgeError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - the outputs have to be closed whatever it was
            error = StageError("run", "", raised)
            error.__cause__ = raised
        hanging = self._workers.join(_PATIENCE_S if error is not None else 0.0)
        if isinstance(error, StageError):
            _log.error("%s", error, exc_info=error.__cause__)
        asked = signals is not None and signals.count > 0
        return self._end(error, asked, hanging)

    def _tick(self, duration_s: float | None, view: View | None) -> None:
        """Look after everything; called ten times a second."""
        now_s = time.monotonic()
        passed_s = now_s - self._started_s
        stopping = self._workers.stopping
        enough = duration_s is not None and passed_s >= duration_s
        if not stopping and not self._heard:
            self._heard = self._board.has_frames
            if not self._heard and (enough or passed_s >= self.facts.start_timeout_s):
                self._give_up(passed_s)
        if not stopping and enough:
            self._workers.stop()
        self._outputs.progress(self.summary)
        if view is not None and now_s >= self._view_due_s:
            self._view_due_s = now_s + _VIEW_EVERY_S
            view.update(self.snapshot())

    def _give_up(self, passed_s: float) -> None:
        """End a run that nobody gave a frame, with what each camera said last.

        Raises:
            EdgeError: always.
        """
        self._silence = self._board.silence(
            f"no picture within {passed_s:.0f} s; check that the camera is on and its address right"
        )
        raise self._silence[0]

    def summary(self, exit_code: int | None = None, error: str = "") -> RunSummary:
        """Return the numbers so far.

        Args:
            exit_code: how it ended; None while it goes on.
            error: why it failed.
        """
        ended_s = time.monotonic() if self._ended_s is None else self._ended_s
        wall_s = ended_s - self._started_s
        facts = self.facts
        return RunSummary(
            run=facts.run,
            site=facts.site,
            started_at_ns=facts.started_at_ns,
            wall_s=wall_s,
            identities=self._association.people,
            unknown=self._association.unknown,
            boxes_left_out=self._association.left_out,
            events=self._outputs.events,
            cameras=self._board.rows(wall_s),
            stages=self._front.stage_rows(),
            channels=self._front.channel_rows(),
            exit=exit_code,
            error=self._mask(error),
            pipeline=facts.pipeline,
            models=facts.models,
            worker=self._drawing.row() if self._drawing is not None else None,
            device=self._device(),
        )

    def snapshot(self) -> LiveSnapshot:
        """Return what the live view shows."""
        now_s = time.monotonic()
        return LiveSnapshot(
            elapsed_s=now_s - self._started_s,
            cameras=self._board.lines(now_s),
            stages=self._front.stage_lines(),
            identities=self._association.people,
            unknown=self._association.unknown,
            worker=self._drawing.row() if self._drawing is not None else None,
        )

    def _end(self, error: EdgeError | None, asked: bool, hanging: tuple[str, ...]) -> Result:
        """Finish what can be finished, close the outputs, and judge."""
        torn_down = self._workers.aborted and error is None
        if error is not None and "associate" not in hanging and self._association.intact:
            try:
                self._association.finish()
            except EdgeError as later:
                _log.error("%s", later)
        self._ended_s = time.monotonic()
        if self._drawing is not None:
            self._drawing.close()
        code, problems = self._judge(error, asked, torn_down)
        summary = self.summary(code, str(problems[0]) if problems else "")
        try:
            summary = self._outputs.close(summary)
        except EdgeError as failure:
            problems = (*problems, failure)
            code = code or failure.exit_code
            summary = replace(summary, exit=code, error=summary.error or self._mask(str(failure)))
        if not hanging:
            self._resources.close()
        return Result(code, problems, summary)

    def _judge(
        self, error: EdgeError | None, asked: bool, torn_down: bool
    ) -> tuple[int, tuple[EdgeError, ...]]:
        failures = self._board.failures
        if self._silence:
            return _worst(self._silence), self._silence
        if error is not None:
            return error.exit_code, (error, *(one for one in failures if one is not error))
        if torn_down:
            return INTERRUPTED, failures
        if not self._board.has_frames:
            if asked:
                return INTERRUPTED, failures
            silence = self._board.silence("no picture came")
            return _worst(silence), silence
        return (RunError.exit_code, failures) if failures else (0, ())


def _worst(problems: tuple[EdgeError, ...]) -> int:
    return max(problem.exit_code for problem in problems)
