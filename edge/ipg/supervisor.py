"""The background workers as the live process sees them: kept alive, fed, paced, and never waited for.

One thread does everything here: it hands out jobs, hears what came of them, starts again whoever died, hung
or ran out of memory, and reads the store. The live path calls :meth:`Supervisor.ask` and
:meth:`Supervisor.take`, which touch a lock for microseconds, and nothing that goes wrong in here gets out.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import connection

from edge.errors import EdgeError, StoreError
from edge.flow import StageMeter
from edge.ipg.jobs import JobQueue, Ticket
from edge.ipg.messages import Done, Failed, Idle, Ready, Unusable
from edge.ipg.pace import Guard, Pace
from edge.ipg.process import Setup
from edge.ipg.reader import StoreReader
from edge.ipg.station import Message, Station
from edge.ipg.tally import Tally
from edge.records import Arrivals, Decision, IpgJob
from edge.stages.sink import WorkerRow
from edge.stores import KeptPicture

__all__ = ["Supervisor"]

_log = logging.getLogger(__name__)

ROUND_S = 0.1
STORE_RETRY_S = 5.0  # after it could not be written
CLOSE_S = 1.0
NAMES_MAX = 10_000  # changes of name that wait for a store that cannot be written


class Supervisor:
    """Owns the workers of one run.

    **The live path** calls :meth:`ask`, :meth:`take` and :meth:`decide`: they never wait and never raise.
    **The main thread** calls :meth:`start`, :meth:`row` and :meth:`close`, which takes seconds at most.

    Args:
        setup: what a worker is started with.
        owner: whose identities these are: another gallery's prototypes are erased.
        stages: meters of the live stages that are watched; empty watches none.
    """

    def __init__(
        self,
        setup: Setup,
        owner: str,
        stages: Callable[[], Mapping[str, StageMeter]] = dict,
    ) -> None:
        spec = setup.spec
        self._spec = spec
        self._setup = setup
        self._owner = owner
        self._queue = JobQueue(spec.queue, spec.value_half_s, time.monotonic)
        self._pace = Pace(spec.budget.per_minute, spec.batch_max, time.monotonic)
        self._guard = Guard(spec.protect, stages, time.monotonic)
        self._tally = Tally(time.monotonic)
        context = multiprocessing.get_context("spawn")
        self._stations = [Station(number, setup, context) for number in range(1, spec.workers + 1)]
        self._reader: StoreReader | None = None
        self._renamed: deque[tuple[str, int, int]] = deque(maxlen=NAMES_MAX)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ipg supervisor", daemon=True)
        self._off = ""
        self._hand_out_from_s = 0.0
        self._wrote_badly = False
        self._ended = False

    def ask(self, job: IpgJob) -> None:
        """Ask for a person to be drawn; of too many jobs the least valuable is dropped."""
        if not self._off:
            self._queue.put(job)

    def take(self) -> Arrivals | None:
        """What has changed in the store since the last time; None when nothing has."""
        reader = self._reader
        return reader.take() if reader is not None else None

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Take notice of who was seen, and of merges: what was drawn goes to whom they turned out to be."""
        reader = self._reader
        for one in decisions:
            if reader is not None and one.identity > 0:
                reader.use(one.identity)
            if one.type == "identity.merge" and one.previous > 0 and one.identity > 0:
                self._queue.rename(one.previous, one.identity)
                self._renamed.append(("merge", one.previous, one.identity))

    def rename(self, old: int, new: int) -> None:
        """What was drawn of ``old`` shows ``new``: its reference turned out to be that person's."""
        self._renamed.append(("rename", old, new))

    def start(self) -> None:
        """Start the supervising thread, which starts the workers."""
        self._thread.start()

    def close(self) -> None:
        """Stop the workers; what they have in hand is given up."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * CLOSE_S)
        for station in self._stations:
            station.bury()
        self._ended = True

    def pictures(self, identity: int) -> list[KeptPicture]:
        """What was generated of somebody, and the reference; until :meth:`release`."""
        return self._reader.pictures(identity) if self._reader is not None else []

    def release(self) -> None:
        """Let go of the store, after :meth:`close`."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def row(self) -> WorkerRow:
        """Return the numbers so far."""
        state = _common([station.state for station in self._stations])
        if self._off or self._ended:
            state = "off" if self._off else "ended"
        elif self._guard.reason:
            state = "paused"
        return self._tally.row(
            self._queue,
            state=state,
            reason=self._off or (self._guard.reason if state == "paused" else ""),
            workers=len(self._stations),
            in_hand=sum(len(station.tickets) for station in self._stations),
            restarts=sum(max(station.starts - 1, 0) for station in self._stations),
            paused_s=self._guard.paused_s,
        )

    @property
    def pids(self) -> tuple[int, ...]:
        """The workers' processes."""
        return tuple(pid for station in self._stations if (pid := station.pid) is not None)

    def _run(self) -> None:
        try:
            self._open_reader()
            while not self._stopping.is_set() and not self._off:
                self._round()
        except EdgeError as error:
            self._turn_off(" ".join(str(error).split()))
        except Exception as error:  # noqa: BLE001 - a thread's outermost edge: the run goes on
            _log.exception("the worker's supervision broke off")
            self._turn_off(f"{type(error).__name__}: {error}")
        try:
            self._end()
        except Exception:  # noqa: BLE001 - the same; close() ends what is left
            _log.debug("the workers did not end in good order", exc_info=True)

    def _open_reader(self) -> None:
        """Open the store; while that cannot be done just now, it is tried again."""
        while not self._stopping.is_set():
            try:
                reader = StoreReader(self._setup)
                reader.claim(self._owner)
            except StoreError as error:
                self._tell_of_store(str(error))
                self._stopping.wait(STORE_RETRY_S)
            else:
                self._reader, self._wrote_badly = reader, False
                return

    def _end(self) -> None:
        """Let the workers end; what they told last still counts."""
        for station in self._stations:
            station.ask_to_stop()
        until_s = time.monotonic() + CLOSE_S
        for station in self._stations:
            station.join(until_s - time.monotonic())
        self._apply_names()

    def _turn_off(self, reason: str) -> None:
        self._off = reason
        _log.warning("generated prototypes are off: %s; the run goes on without", reason)

    def _round(self) -> None:
        handles = [handle for station in self._stations for handle in station.handles]
        if handles:
            connection.wait(handles, ROUND_S)
        else:
            self._stopping.wait(ROUND_S)
        for station in self._stations:
            for message in station.messages():
                self._hear(station, message)
            if station.is_hung:
                self._lose(station, f"it gave no sign of life for {self._spec.hang_s:g} s")
            elif station.is_gone:
                self._lose(station, station.last_words)
            if station.is_due and not self._off:
                self._start(station)
        paused = self._guard.look()
        for station in self._stations:
            station.pause(paused)
        if not paused:
            self._hand_out()
        self._apply_names()
        if self._reader is not None:
            self._reader.look()

    def _start(self, station: Station) -> None:
        try:
            station.start()
        except OSError as error:  # no more processes, files or memory just now
            self._lose(station, f"it could not be started: {error.strerror or error}")

    def _hand_out(self) -> None:
        if time.monotonic() < self._hand_out_from_s:
            return
        for station in self._stations:
            most = min(self._pace.allowed, self._spec.batch_max)
            if station.state != "idle" or most < 1:
                continue
            tickets = self._queue.take(most)
            if not tickets:
                return
            self._pace.spend(len(tickets))
            if not station.hand(tickets):
                self._queue.give_back(tickets)
                station.tickets.clear()

    def _hear(self, station: Station, message: Message) -> None:
        if isinstance(message, Ready):
            station.state = "idle"
            if self._reader is not None:
                self._reader.follow(message.generator)
            self._tally.generator = message.generator
        elif isinstance(message, Done):
            station.tickets.pop(message.number, None)
            station.well()
            self._tally.done(message)
            self._wrote_badly = False
            if self._reader is not None:
                self._reader.expect()
        elif isinstance(message, Failed):
            tickets = [station.tickets.pop(number) for number in message.numbers if number in station.tickets]
            self._fail(tickets, message.reason, to_blame=message.to_blame)
        elif isinstance(message, Idle):
            station.state = "idle"
            self._tally.busy_s += message.busy_s
        elif isinstance(message, Unusable):
            self._turn_off(message.reason)

    def _fail(self, tickets: Sequence[Ticket], reason: str, *, to_blame: bool) -> None:
        if not to_blame:
            self._hand_out_from_s = time.monotonic() + STORE_RETRY_S
            self._tell_of_store(reason)
        self._give_back(tickets, reason if to_blame else "")

    def _tell_of_store(self, reason: str) -> None:
        """Say once that the store cannot be written, until it could."""
        if not self._wrote_badly:
            _log.warning("prototypes cannot be kept: %s; trying again", reason)
        self._wrote_badly = True

    def _give_back(self, tickets: Sequence[Ticket], reason: str) -> None:
        for aside in self._queue.give_back(tickets, reason):
            _log.warning("identity %d will not be drawn from this crop: %s", aside.identity, aside.reason)
            self._tally.aside(aside)

    def _lose(self, station: Station, why: str) -> None:
        """A process died or hangs: end it, and give what it had in hand another try."""
        if self._stopping.is_set() or self._off:
            return
        tickets = station.bury()
        _log.log(
            logging.WARNING if station.starts <= 3 or station.starts % 10 == 0 else logging.DEBUG,
            "worker %d is started again: %s",
            station.number,
            why,
        )
        self._tally.lost(why)
        self._give_back(tickets, why)

    def _apply_names(self) -> None:
        """Tell the store who turned out to be whom."""
        while self._renamed and self._reader is not None:
            kind, old, new = self._renamed[0]
            if not self._reader.rename(kind, old, new):
                return  # the store cannot be written just now; later
            self._renamed.popleft()


def _common(states: Sequence[str]) -> str:
    """What the workers do, the liveliest first."""
    return next((state for state in ("drawing", "idle", "starting") if state in states), "waiting")
