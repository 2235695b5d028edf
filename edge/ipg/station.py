"""One worker as the live process sees it: its process, what it has in hand, and when it is started again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Literal

from edge.ipg.gauge import Gauge
from edge.ipg.jobs import Ticket
from edge.ipg.messages import Done, Draw, Failed, Idle, Ready, Stop, Unusable
from edge.ipg.process import Setup, main

__all__ = ["Message", "Station"]

Message = Done | Failed | Idle | Ready | Unusable
State = Literal["waiting", "starting", "idle", "drawing"]

BACKOFF_S = (0.5, 60.0)  # before the first new start, and at most; doubles with each that follows
LOAD_S = 600.0  # how long loading may take
HAND_OVER_S = 10.0  # how long handing over a batch may take
STARVED = 0.1  # share of a processor below which a process that wants more is not to blame for being slow
STARVED_FACTOR = 10.0
STOP_S, KILL_S = 1.0, 2.0  # patience after a request to stop, and after a kill


class Station:
    """One worker's place. The supervisor's thread alone calls it, apart from :attr:`pid` and :attr:`state`.

    tickets: what the worker has in hand, by number.
    starts: how often a process was started.

    Args:
        number: from 1.
        setup: what a worker is started with.
        context: of its process.
    """

    def __init__(self, number: int, setup: Setup, context: SpawnContext) -> None:
        self.number = number
        self.state: State = "waiting"
        self.tickets: dict[int, Ticket] = {}
        self.starts = 0
        self._setup = setup
        self._context = context
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._gauge: Gauge | None = None
        self._failures = 0
        self._due_s = 0.0
        self._paused = False
        self._progress_s = self._used_s = 0.0

    @property
    def pid(self) -> int | None:
        """The process' number, where there is one."""
        process = self._process
        try:
            return process.pid if process is not None else None
        except ValueError:  # it has just been closed
            return None

    @property
    def handles(self) -> list[Connection | int]:
        """What to wait for: a message, or the process' end."""
        found: list[Connection | int] = [] if self._pipe is None else [self._pipe]
        return found if self._process is None else [*found, self._process.sentinel]

    @property
    def is_due(self) -> bool:
        """Whether it is time to start a process."""
        return self.state == "waiting" and time.monotonic() >= self._due_s

    @property
    def is_hung(self) -> bool:
        """Whether the process has got nowhere for too long; ask it every round.

        One that waits for work need not get anywhere, and one that others leave no processor may take ten
        times as long.
        """
        if self._gauge is None or self.state not in ("starting", "drawing"):
            return False
        now_s, progress_s = time.monotonic(), self._gauge.progress_at_s
        if progress_s != self._progress_s:
            self._progress_s, self._used_s = progress_s, self._processor()[1]
        bound_s = LOAD_S if self.state == "starting" else self._setup.spec.hang_s
        silent_s = now_s - progress_s
        if silent_s <= bound_s:
            return False
        runnable, used_s = self._processor()
        starved = runnable and used_s - self._used_s < STARVED * silent_s
        return not starved or silent_s > STARVED_FACTOR * bound_s

    def _processor(self) -> tuple[bool, float]:
        """Whether the process could go on if it were let, and the seconds of processor it has had."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
            fields = text.rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
        except (OSError, ValueError, IndexError):
            return False, 0.0
        return fields[0] == "R", ticks / os.sysconf("SC_CLK_TCK")

    def start(self) -> None:
        """Start a process.

        Raises:
            OSError: the machine has no room for one just now.
        """
        gauge = Gauge(self._context)
        gauge.pause(self._paused)
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=main, args=(self._setup, theirs, gauge), name=f"ipg worker {self.number}", daemon=True
        )
        # Ctrl-C goes to the whole group; the child must not even see it while it starts up.
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
            theirs.close()
        self._process, self._pipe, self._gauge = process, ours, gauge
        self.starts += 1
        self.state = "starting"

    def hand(self, tickets: Sequence[Ticket]) -> bool:
        """Give the worker a batch; False when it is gone, or does not take it."""
        if self._pipe is None or self._process is None or self._gauge is None:
            return False
        self.tickets = {ticket.number: ticket for ticket in tickets}
        self._gauge.mark()
        self.state = "drawing"
        return self._send(Draw(tuple(self.tickets), [ticket.job for ticket in tickets]), HAND_OVER_S)

    def pause(self, wanted: bool) -> None:
        """Let the worker wait after its present step, or go on."""
        self._paused = wanted
        if self._gauge is not None:
            self._gauge.pause(wanted)

    def messages(self) -> list[Message]:
        """What the worker has said since; also the last words of one that is gone."""
        found: list[Message] = []
        try:
            while self._pipe is not None and self._pipe.poll():
                found.append(self._pipe.recv())
        except (EOFError, OSError):
            self._pipe = None
        return found

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended, or cut the connection."""
        return self._process is not None and (not self._process.is_alive() or self._pipe is None)

    @property
    def last_words(self) -> str:
        """How the process ended."""
        self.join(0.5)
        code = self._process.exitcode if self._process is not None else None
        if code is None:
            return "it broke the connection off"
        if code < 0:
            names = {one.value: one.name for one in signal.Signals}
            killed = " (out of memory?)" if code == -signal.SIGKILL else ""
            return f"it was ended by {names.get(-code, f'signal {-code}')}{killed}"
        return f"it ended with exit code {code}"

    def well(self) -> None:
        """The worker has done something right: the next new start comes soon."""
        self._failures = 0

    def bury(self) -> list[Ticket]:
        """End the process, and wait before the next; returns what it had in hand."""
        self._end()
        least_s, most_s = BACKOFF_S
        self._due_s = time.monotonic() + min(least_s * 2.0**self._failures, most_s)
        self._failures += 1
        self.state = "waiting"
        tickets, self.tickets = list(self.tickets.values()), {}
        return tickets

    def ask_to_stop(self) -> None:
        """Ask the process to end; it does after its present step."""
        if self._pipe is not None:
            self._send(Stop(), STOP_S)

    def join(self, timeout_s: float) -> None:
        """Wait until the process has ended."""
        if self._process is not None:
            self._process.join(max(timeout_s, 0.0))

    def _send(self, message: Draw | Stop, patience_s: float) -> bool:
        """Send; a process that does not take it in time is ended, for nobody may wait for it."""
        if self._pipe is None or self._process is None:
            return False
        guard = threading.Timer(patience_s, self._process.kill)
        guard.daemon = True
        guard.start()
        try:
            self._pipe.send(message)
        except OSError:
            return False
        finally:
            guard.cancel()
        return True

    def _end(self) -> None:
        process, self._process = self._process, None  # others may ask for its number meanwhile
        if process is not None:
            if process.is_alive():
                process.kill()
            process.join(KILL_S)
            if process.exitcode is not None:
                process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._pipe, self._gauge = None, None
