"""The threads of a run: who ended, who failed first, and how all of them are stopped."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Sequence

from edge.errors import EdgeError, StageError
from edge.flow.channel import Closed
from edge.flow.signals import StopSignals

__all__ = ["Workers"]

_log = logging.getLogger(__name__)


class Workers:
    """Owns the threads of one run.

    **Start.** Register what stops the run with :meth:`on_stop` and what tears it down with
    :meth:`on_abort`, then :meth:`spawn` the workers. Threads are named and daemonic: a thread stuck in
    foreign code cannot keep the process alive.

    **End.** A worker ends when its function returns or raises :class:`edge.flow.Closed` (its neighbour
    has gone). In either case, and after an error too, its ``at_end`` callbacks run; let them close
    both its channel ends, and no neighbour waits for ever.

    **Stop and abort.** :meth:`stop` asks politely: the ``on_stop`` callbacks run once (e.g. the cameras
    are told to stop), the rest drains. :meth:`abort` tears down: the ``on_stop`` callbacks run unless
    they have, then the ``on_abort`` callbacks with the error (e.g. every channel's ``fail``). The first
    error a worker raises aborts the run and is kept; errors that follow from it are not.

    All methods may be called from any thread; :meth:`supervise` belongs to the main thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._threads: list[threading.Thread] = []
        self._running: set[str] = set()
        self._on_stop: list[Callable[[], None]] = []
        self._on_abort: list[Callable[[BaseException], None]] = []
        self._stopping = False
        self._aborting = False
        self._error: BaseException | None = None
        self._failed = ""

    def on_stop(self, ask: Callable[[], None]) -> None:
        """Register what :meth:`stop` calls; called at once if the run is stopping already."""
        with self._changed:
            late = self._stopping
            if not late:
                self._on_stop.append(ask)
        if late:
            ask()

    def on_abort(self, tear_down: Callable[[BaseException], None]) -> None:
        """Register what :meth:`abort` calls with the error; called at once if aborted already."""
        with self._changed:
            late = self._aborting
            if not late:
                self._on_abort.append(tear_down)
        if late:
            tear_down(self._error or Closed("aborted"))

    def spawn(
        self,
        name: str,
        work: Callable[[], object],
        *,
        at_end: Sequence[Callable[[], None]] = (),
        stage: str = "",
        camera: str = "",
    ) -> None:
        """Start a thread.

        Args:
            name: unique; the thread's name and what :attr:`failed` says.
            work: runs once in the thread.
            at_end: called in the thread after ``work``, whatever happened, each of them.
            stage: stage named in the :class:`edge.errors.StageError` that an error which is not an
                :class:`edge.errors.EdgeError` is wrapped in; ``name`` when empty.
            camera: camera named there; empty when there are several.

        Raises:
            ValueError: a worker of that name runs already.
        """

        def run() -> None:
            try:
                self._run_guarded(name, work, at_end, stage or name, camera)
            finally:
                with self._changed:
                    self._running.discard(name)
                    self._changed.notify_all()

        thread = threading.Thread(target=run, name=name, daemon=True)
        with self._changed:
            if name in self._running:
                raise ValueError(f"a worker '{name}' runs already")
            self._running.add(name)
            self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Ask the run to finish: what is under way is completed. Later calls do nothing."""
        with self._changed:
            asks = [] if self._stopping else list(self._on_stop)
            self._stopping = True
        for ask in asks:
            self._call("stop", ask)

    def abort(self, error: BaseException | None = None) -> None:
        """Tear the run down now; the first error is kept, later calls do nothing.

        Args:
            error: why; None when the user wants it.
        """
        self._abort(error, "")

    def join(self, timeout_s: float | None = None) -> tuple[str, ...]:
        """Wait until every worker has ended.

        Args:
            timeout_s: longest wait; None waits as long as it takes.

        Returns:
            the names of the workers that still run.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout_s)
            return tuple(sorted(self._running))

    def supervise(
        self,
        signals: StopSignals | None = None,
        on_tick: Callable[[], None] | None = None,
        *,
        tick_s: float = 0.1,
        patience_s: float = 3.0,
    ) -> None:
        """Wait in the main thread until every worker has ended, then raise the first error.

        The first stop request (a signal, or a KeyboardInterrupt where no handler is installed) calls
        :meth:`stop`, the second :meth:`abort`. After an abort it waits ``patience_s`` at most and leaves
        behind, with a log line, whatever still hangs.

        Args:
            signals: where stop requests are counted.
            on_tick: called about every ``tick_s`` from this thread; what it raises aborts the run.
            tick_s: how often the signals are looked at.
            patience_s: longest wait after an abort.

        Raises:
            BaseException: the first error, of a worker or of ``on_tick``.
        """
        interrupts = 0
        aborted_s: float | None = None
        while True:
            try:
                running = self.join(tick_s)
                if not running:
                    break
                requests = interrupts + (signals.count if signals is not None else 0)
                if requests >= 2:
                    self.abort()
                elif requests == 1:
                    self.stop()
                if self.aborted:
                    aborted_s = aborted_s if aborted_s is not None else time.monotonic()
                    if time.monotonic() - aborted_s > patience_s:
                        _log.warning("left behind, still busy: %s", ", ".join(running))
                        break
                elif on_tick is not None:
                    on_tick()
            except KeyboardInterrupt:
                interrupts += 1
            except BaseException as error:
                self.abort(error)
                raise
        self.raise_error()

    def raise_error(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error

    @property
    def error(self) -> BaseException | None:
        """The first error; None while all is well."""
        return self._error

    @property
    def failed(self) -> str:
        """Name of the worker that raised the first error; empty when none did."""
        return self._failed

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop, or aborted."""
        return self._stopping

    @property
    def aborted(self) -> bool:
        """Whether the run was torn down."""
        return self._aborting

    def _abort(self, error: BaseException | None, worker: str) -> None:
        with self._changed:
            if self._aborting:
                return
            self._aborting = True
            self._error = error
            self._failed = worker
            asks = [] if self._stopping else list(self._on_stop)
            self._stopping = True
            tear_downs = list(self._on_abort)
        for ask in asks:
            self._call("stop", ask)
        reason = error if error is not None else Closed("the run was stopped")
        for tear_down in tear_downs:
            self._call("abort", functools.partial(tear_down, reason))

    def _run_guarded(
        self,
        name: str,
        work: Callable[[], object],
        at_end: Sequence[Callable[[], None]],
        stage: str,
        camera: str,
    ) -> None:
        try:
            work()
        except Closed:
            pass
        except BaseException as error:  # noqa: BLE001 - a thread's outermost edge
            self._fail(name, stage, camera, error)
        for callback in at_end:
            try:
                callback()
            except Closed:
                pass
            except BaseException as error:  # noqa: BLE001 - a thread's outermost edge
                self._fail(name, stage, camera, error)

    def _fail(self, name: str, stage: str, camera: str, error: BaseException) -> None:
        if not isinstance(error, EdgeError):
            wrapped = StageError(stage, camera, error)
            wrapped.__cause__ = error
            error = wrapped
        self._abort(error, name)

    def _call(self, verb: str, callback: Callable[[], None]) -> None:
        """Call a stopper; one that fails must not keep the others from being called."""
        try:
            callback()
        except Exception:  # noqa: BLE001 - whatever it raises, the next one has to be called
            _log.exception("could not %s cleanly", verb)
