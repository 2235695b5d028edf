"""What the live process and a worker say to each other over their pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.records import IpgJob

__all__ = ["Done", "Draw", "Failed", "Idle", "Ready", "Stop", "Unusable"]


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """To the worker: draw these people. ``numbers`` are their tickets'."""

    numbers: tuple[int, ...]
    jobs: Sequence[IpgJob]


@dataclass(frozen=True, slots=True)
class Stop:
    """To the worker: end."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has loaded everything.

    generator: fingerprint of the generator, for the store.
    """

    generator: str


@dataclass(frozen=True, slots=True)
class Done:
    """A prototype is in the store.

    number: the ticket's; identity: the person's.
    kept: pictures that were kept; too_far, like_another: those the fidelity gate rejected, and why.
    """

    number: int
    identity: int
    kept: int
    too_far: int
    like_another: int


@dataclass(frozen=True, slots=True)
class Failed:
    """These jobs could not be done.

    to_blame: whether the jobs may be the cause; not so where the store could not be written.
    """

    numbers: tuple[int, ...]
    reason: str
    to_blame: bool = True


@dataclass(frozen=True, slots=True)
class Idle:
    """The batch is over; the worker waits for the next one. ``busy_s``: seconds it computed for it."""

    busy_s: float


@dataclass(frozen=True, slots=True)
class Unusable:
    """The worker cannot begin, and starting it again would not help."""

    reason: str
