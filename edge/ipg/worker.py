"""What a worker does: it gets jobs, lets them be drawn, and puts the prototypes into the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from edge.errors import EdgeError
from edge.ipg.gauge import Beat, Gauge, Stopping
from edge.ipg.messages import Done, Draw, Failed, Idle, Ready, Stop, Unusable
from edge.records import IpgJob, Prototype

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from edge.ipg.process import Setup

__all__ = ["Drawn", "Keeper", "Painter", "Worker", "serve"]

_log = logging.getLogger(__name__)

OUT_OF_MEMORY = 12  # exit code


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What came of one job.

    prototype: its pictures are those that were kept.
    too_far, like_another: pictures the fidelity gate rejected, and why (:mod:`edge.ipg.fidelity`).
    """

    prototype: Prototype
    too_far: int = 0
    like_another: int = 0


class Painter(Protocol):
    """Draws people; see :class:`edge.ipg.drawing.PrototypePainter`."""

    @property
    def generator(self) -> str:
        """Fingerprint of weights, settings and poses."""
        ...

    def paint(self, jobs: Sequence[IpgJob], beat: Callable[[], None]) -> list[Drawn]:
        """Draw people, each with what came of it; calls ``beat`` after every step."""
        ...


class Keeper(Protocol):
    """Where prototypes go; see :class:`edge.stores.PrototypeStore`."""

    def put(self, prototype: Prototype) -> int:
        """Keep a prototype for good; returns its sequence number."""
        ...


def serve(setup: Setup, pipe: Connection, gauge: Gauge) -> None:
    """Load what draws, then work until told to stop. What cannot be loaded is said, once."""
    try:
        painter = open_painter(setup)
        keeper = open_keeper(setup)
    except EdgeError as error:
        pipe.send(Unusable(" ".join(str(error).split())))
        return
    pipe.send(Ready(painter.generator))
    Worker(painter, keeper, pipe, gauge, share=setup.spec.budget.share).run()


def open_painter(setup: Setup) -> Painter:
    """What the setup names.

    Raises:
        EdgeError: weights or a package are missing, or a file is wrong.
    """
    module, _, name = setup.painter.partition(":")
    painter: Painter = getattr(import_module(module), name)(setup)
    return painter


def open_keeper(setup: Setup) -> Keeper:
    """The store.

    Raises:
        StartError: it cannot be opened.
    """
    from edge.stores import PrototypeStore

    return PrototypeStore(setup.store, ttl_s=setup.store_ttl_s, bytes_max=setup.store_bytes_max)


class Worker:
    """The loop of a worker's process; knows nothing of processes.

    Args:
        painter: draws.
        keeper: keeps what was drawn.
        pipe: to the live process.
        gauge: shared with it.
        share: of the time it may compute.
    """

    def __init__(
        self, painter: Painter, keeper: Keeper, pipe: Connection, gauge: Gauge, *, share: float = 1.0
    ) -> None:
        self._painter = painter
        self._keeper = keeper
        self._pipe = pipe
        self._beat = Beat(gauge, self._stop_wanted, share)
        self._gauge = gauge
        self._told: list[Draw | Stop] = []

    def run(self) -> None:
        """Work until told to stop, or until the live process is gone."""
        try:
            while True:
                self._gauge.mark()
                message = self._next()
                if isinstance(message, Stop):
                    return
                before_s = self._beat.busy_s
                self._beat.begin()
                self._draw(message)
                self._pipe.send(Idle(self._beat.busy_s - before_s))
        except (Stopping, EOFError, BrokenPipeError, ConnectionResetError):
            return

    def _next(self) -> Draw | Stop:
        if self._told:
            return self._told.pop(0)
        message: Draw | Stop = self._pipe.recv()
        return message

    def _stop_wanted(self) -> bool:
        if self._pipe.poll():
            self._told.append(self._pipe.recv())
        return any(isinstance(message, Stop) for message in self._told)

    def _draw(self, order: Draw) -> None:
        try:
            drawn = self._painter.paint(order.jobs, self._beat)
        except Stopping:
            raise
        except MemoryError as error:
            self._pipe.send(Failed(order.numbers, f"out of memory: {error}"))
            raise SystemExit(OUT_OF_MEMORY) from None  # a new process begins with all of it
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker goes on with other jobs
            _log.warning("%d jobs failed", len(order.jobs), exc_info=error)
            self._pipe.send(Failed(order.numbers, f"{type(error).__name__}: {error}"))
            return
        for number, one in zip(order.numbers, drawn, strict=True):
            self._beat()
            self._keep(number, one)

    def _keep(self, number: int, drawn: Drawn) -> None:
        begun_s = time.perf_counter()
        prototype = drawn.prototype
        try:
            self._keeper.put(prototype)
        except EdgeError as error:
            reason = " ".join(str(error).split())
            self._pipe.send(Failed((number,), reason, to_blame=False))
            return
        finally:
            self._beat.busy_s += time.perf_counter() - begun_s
        self._pipe.send(
            Done(number, prototype.identity, len(prototype.poses), drawn.too_far, drawn.like_another)
        )
