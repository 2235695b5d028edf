"""The jobs that wait for the background worker: bounded, the most valuable first.

The queue lies in the live process. A worker gets what it is to draw when it has nothing to do, so a worker
that dies loses only what it has in hand, and that is known here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge.records import IpgJob

__all__ = ["STRIKES_MAX", "Aside", "JobQueue", "QueueCounts", "Ticket"]

STRIKES_MAX = 2
ASIDE_MAX = 256  # references that are remembered as not to be tried again

Reference = tuple[str, int, int]


@dataclass(slots=True, eq=False)
class Ticket:
    """A job and what has become of it so far.

    number: unique in this run.
    put_at_s: when it was put in; a monotonic clock.
    strikes: how often it was in hand when a worker failed.
    """

    number: int
    job: IpgJob
    put_at_s: float
    strikes: int = 0


@dataclass(frozen=True, slots=True)
class Aside:
    """A job that will not be tried again, and why."""

    identity: int
    reason: str


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """What the queue has done so far.

    asked: jobs that were put in; dropped: the least valuable, for which there was no room; replaced: those
    whose person was asked for again before they were begun.
    depth, oldest_s: jobs that wait now, and how long the oldest has waited.
    """

    asked: int
    dropped: int
    replaced: int
    depth: int
    oldest_s: float


class JobQueue:
    """At most one job of each person. Any thread may call anything; nothing ever waits.

    Args:
        size: jobs that wait; of more, the least valuable are dropped and counted.
        half_s: a job that has waited so long is worth half.
        now_s: a monotonic clock.
    """

    def __init__(self, size: int, half_s: float, now_s: Callable[[], float]) -> None:
        self._size = size
        self._half_s = half_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._waiting: dict[int, Ticket] = {}
        self._aside: OrderedDict[Reference, Aside] = OrderedDict()
        self._set_aside = 0
        self._number = self._asked = self._dropped = self._replaced = 0

    def put(self, job: IpgJob) -> bool:
        """Put a job in, in place of an earlier one of the same person.

        Returns:
            False when it was dropped at once: there was no room for it, or its reference was set aside.
        """
        with self._lock:
            if _reference(job) in self._aside:
                return False
            self._asked += 1
            self._number += 1
            if self._waiting.pop(job.identity, None) is not None:
                self._replaced += 1
            ticket = Ticket(self._number, job, self._now_s())
            self._waiting[job.identity] = ticket
            return self._make_room() is not ticket

    def take(self, most: int) -> list[Ticket]:
        """Take the most valuable jobs out.

        A job that was in hand when a worker failed is taken alone, so that no other one suffers with it.
        """
        with self._lock:
            now_s = self._now_s()
            best = sorted(self._waiting.values(), key=lambda one: (-self._worth(one, now_s), one.number))
            if best and best[0].strikes:
                best = best[:1]
            taken = [one for one in best[:most] if not one.strikes or one is best[0]]
            for ticket in taken:
                del self._waiting[ticket.job.identity]
            return taken

    def give_back(self, tickets: Sequence[Ticket], reason: str = "") -> list[Aside]:
        """Put jobs back that could not be done.

        Args:
            tickets: from :meth:`take`.
            reason: what a worker failed of while it had them in hand; empty where they are not to blame.

        Returns:
            Those that are set aside, since a worker has failed with them twice.
        """
        aside = []
        with self._lock:
            for ticket in tickets:
                ticket.strikes += bool(reason)
                if ticket.strikes >= STRIKES_MAX:
                    found = Aside(ticket.job.identity, reason)
                    aside.append(found)
                    self._aside[_reference(ticket.job)] = found
                    self._set_aside += 1
                    while len(self._aside) > ASIDE_MAX:
                        self._aside.popitem(last=False)
                elif ticket.job.identity not in self._waiting:  # else there is a newer job
                    self._waiting[ticket.job.identity] = ticket
                    self._make_room()
        return aside

    def rename(self, old: int, new: int) -> None:
        """A person bears another number now."""
        with self._lock:
            ticket = self._waiting.pop(old, None)
            if ticket is not None and new not in self._waiting:
                ticket.job = replace(ticket.job, identity=new)
                self._waiting[new] = ticket

    def counts(self) -> QueueCounts:
        """Return the numbers so far."""
        with self._lock:
            oldest_s = min((one.put_at_s for one in self._waiting.values()), default=self._now_s())
            age_s = self._now_s() - oldest_s
            return QueueCounts(self._asked, self._dropped, self._replaced, len(self._waiting), age_s)

    @property
    def set_aside(self) -> int:
        """Jobs that will not be tried again, all in all."""
        return self._set_aside

    def _make_room(self) -> Ticket | None:
        if len(self._waiting) <= self._size:
            return None
        now_s = self._now_s()
        least = min(self._waiting.values(), key=lambda one: (self._worth(one, now_s), -one.number))
        del self._waiting[least.job.identity]
        self._dropped += 1
        return least

    def _worth(self, ticket: Ticket, now_s: float) -> float:
        return float(ticket.job.value * 0.5 ** ((now_s - ticket.put_at_s) / self._half_s))


def _reference(job: IpgJob) -> Reference:
    crop = job.reference
    return crop.camera, crop.track, crop.captured_at_ns
