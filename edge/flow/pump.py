"""The loop of a stage: take, work, pass on; measured, and ended properly."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from edge.flow.channel import Closed, Inlet, Outlet
from edge.flow.meter import StageMeter

__all__ = ["pump", "pump_batches"]

A = TypeVar("A")
B = TypeVar("B")


def pump(
    source: Outlet[A],
    work: Callable[[A], Iterable[B]],
    target: Inlet[B] | None,
    meter: StageMeter,
    finish: Callable[[], Iterable[B]] | None = None,
) -> None:
    """Run a stage that takes one item at a time until its source is closed.

    It closes neither end, neither when it returns nor when it raises: :meth:`edge.flow.Workers.spawn`
    does that.

    Args:
        source: where items come from.
        work: the stage: an item to zero or more results.
        target: where results go; None throws them away.
        meter: told the time in ``work`` (and ``finish``) only, not the waiting.
        finish: called once after the last item, for what the stage still holds.

    Raises:
        Closed: ``target``'s consumer has gone.
        BaseException: what ``work`` raised, or the error either channel was failed with.
    """
    for item in source:
        started_s = time.perf_counter()
        results = list(work(item))
        meter.record(time.perf_counter() - started_s)
        _pass_on(results, target)
    _finish(finish, target, meter)


def pump_batches(
    source: Outlet[A],
    work: Callable[[list[A]], Iterable[B]],
    target: Inlet[B] | None,
    meter: StageMeter,
    *,
    max_items: int,
    wait_s: float,
    finish: Callable[[], Iterable[B]] | None = None,
) -> None:
    """Run a stage that takes several items at once; otherwise as :func:`pump`.

    Args:
        source: where items come from.
        work: the stage: 1 to ``max_items`` items to zero or more results.
        target: where results go; None throws them away.
        meter: told the time in ``work`` (and ``finish``) only, not the waiting.
        max_items: most items per call.
        wait_s: how long to wait for more once there is one.
        finish: called once after the last item, for what the stage still holds.
    """
    while True:
        try:
            batch = source.get_batch(max_items, wait_s)
        except Closed:
            break
        started_s = time.perf_counter()
        results = list(work(batch))
        meter.record(time.perf_counter() - started_s, len(batch))
        _pass_on(results, target)
    _finish(finish, target, meter)


def _pass_on(results: list[B], target: Inlet[B] | None) -> None:
    if target is not None:
        for result in results:
            target.put(result)


def _finish(finish: Callable[[], Iterable[B]] | None, target: Inlet[B] | None, meter: StageMeter) -> None:
    if finish is None:
        return
    started_s = time.perf_counter()
    results = list(finish())
    meter.record(time.perf_counter() - started_s, 0)
    _pass_on(results, target)
