"""What a stage did and how long it took, in memory that does not grow."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MeterSnapshot", "StageMeter", "percentile_ms"]

_STEPS_PER_DOUBLING = 8
_SMALLEST_S = 1e-6
_BUCKETS = 32 * _STEPS_PER_DOUBLING  # 1 µs to about 70 minutes


@dataclass(frozen=True, slots=True)
class MeterSnapshot:
    """A stage's numbers at one instant.

    name: the stage.
    items: items worked on.
    drops: items given up (the stage's own; a channel counts its own drops).
    p50_ms, p95_ms: time an item spent being worked on, within 5 %; 0 when nothing was done yet. In a
        batch every item takes as long as the batch.
    busy_s: wall seconds spent working, without waiting for neighbours.
    """

    name: str
    items: int
    drops: int
    p50_ms: float
    p95_ms: float
    busy_s: float


class StageMeter:
    """Counts a stage's items, drops, seconds and latency percentiles; any thread may call it.

    Latencies go into a histogram whose buckets grow by a factor of 2**(1/8), so percentiles are
    within 5 % and the memory is 256 numbers however long the run.

    Args:
        name: the stage's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._counts = [0] * _BUCKETS
        self._items = 0
        self._drops = 0
        self._busy_s = 0.0

    def record(self, seconds: float, items: int = 1) -> None:
        """Note that ``items`` items were worked on together for ``seconds``."""
        bucket = 0
        if seconds > _SMALLEST_S:
            bucket = int(math.log2(seconds / _SMALLEST_S) * _STEPS_PER_DOUBLING)
            bucket = min(bucket, _BUCKETS - 1)
        with self._lock:
            self._busy_s += seconds
            self._items += items
            self._counts[bucket] += items

    def drop(self, items: int = 1) -> None:
        """Note that ``items`` items were given up."""
        with self._lock:
            self._drops += items

    def snapshot(self) -> MeterSnapshot:
        """Return the numbers so far."""
        with self._lock:
            counts = list(self._counts)
            items, drops, busy_s = self._items, self._drops, self._busy_s
        return MeterSnapshot(
            name=self.name,
            items=items,
            drops=drops,
            p50_ms=percentile_ms(counts, 0.50),
            p95_ms=percentile_ms(counts, 0.95),
            busy_s=busy_s,
        )

    def counts(self) -> list[int]:
        """Return the histogram so far, for :func:`percentile_ms` of a difference of two."""
        with self._lock:
            return list(self._counts)


def percentile_ms(counts: Sequence[int], share: float) -> float:
    """Return the middle of the bucket in which ``share`` of all items is reached; 0 when there is none."""
    total = sum(counts)
    if total == 0:
        return 0.0
    wanted = share * total
    seen = 0
    for bucket, count in enumerate(counts):
        seen += count
        if count and seen >= wanted:
            return float(1e3 * _SMALLEST_S * 2 ** ((bucket + 0.5) / _STEPS_PER_DOUBLING))
    return 0.0
