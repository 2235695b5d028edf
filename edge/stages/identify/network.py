"""Which people and visits look alike enough to be worth putting together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Network", "Unit"]

# A person who is remembered or written ("person", identity), or a free visit ("visit", number).
Unit = tuple[str, int]
FIRST_SIZE = 64


class Network:
    """Units, and links between those whose mean log-odds of being one reach a level.

    The log-odds of two visits being one person are ``slope * product of their rows + offset of their
    cameras``, so the mean over all pairs of two units is that of their mean rows, and of how their visits
    are spread over the cameras: one product per pair of units, exact, however many visits they have.

    Average linkage joins two clusters only if some pair of their units is as alike as that on its own, so
    clusters never reach across what these links connect: only what a change is linked with has to be put
    together anew. Cost of a change: one product with all units. Memory: one row per unit.

    Args:
        cameras: names of all cameras.
        slope: log-odds of one unit of similarity.
    """

    def __init__(self, cameras: Sequence[str], slope: float) -> None:
        self._place = {camera: place for place, camera in enumerate(cameras)}
        self._slope = slope
        self._slots: dict[Unit, int] = {}
        self._units: list[Unit] = []
        self._rows = np.zeros((0, 0), dtype=np.float32)
        self._shares = np.zeros((0, len(cameras)), dtype=np.float32)
        self._sizes = np.zeros(0, dtype=np.int64)
        self._offsets = np.zeros((len(cameras), len(cameras)), dtype=np.float32)
        self._links: dict[Unit, set[Unit]] = {}
        self._stale: set[Unit] = set()
        self._least = 0.0
        self._fresh: dict[Unit, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, unit: object) -> bool:
        return unit in self._slots

    @property
    def units(self) -> Sequence[Unit]:
        """All units, in the order of :meth:`alike`; do not change."""
        return self._units

    def links(self, unit: Unit) -> set[Unit]:
        """Whom it is linked with; do not change."""
        return self._links[unit]

    def put(self, unit: Unit, rows: NDArray[np.float32], cameras: Sequence[str]) -> None:
        """Take in a unit, or what it has become.

        Args:
            unit: which.
            rows: float32 (m, w), of its visits that have looks; m may be 0.
            cameras: m names.
        """
        self._fresh.clear()
        slot = self._slots.get(unit)
        if len(rows) and rows.shape[1] != self._rows.shape[1]:  # everybody is put anew then
            self._rows = np.zeros((len(self._rows), rows.shape[1]), dtype=np.float32)
        if slot is None:
            slot = len(self._units)
            self._grow(slot + 1)
            self._slots[unit] = slot
            self._units.append(unit)
            self._links[unit] = set()
        self._sizes[slot] = len(rows)
        self._rows[slot] = rows.mean(axis=0) if len(rows) else 0.0
        self._shares[slot] = 0.0
        for camera in cameras:
            self._shares[slot, self._place[camera]] += 1.0 / len(cameras)
        self._stale.add(unit)

    def drop(self, unit: Unit) -> None:
        """Forget a unit."""
        self._fresh.clear()
        for other in self._links.pop(unit):
            self._links[other].discard(unit)
        self._stale.discard(unit)
        slot, last = self._slots.pop(unit), self._units.pop()
        if last != unit:
            end = len(self._units)
            self._units[slot] = last
            self._slots[last] = slot
            for array in (self._rows, self._shares, self._sizes):
                array[slot] = array[end]

    def relink(self, offsets: NDArray[np.float64], least: float) -> None:
        """Find the links of what was put since the last time; of everybody when an argument changed.

        Args:
            offsets: float64 (cameras, cameras), symmetric: log-odds at similarity 0.
            least: mean log-odds from which two units are linked.
        """
        if least != self._least or not np.array_equal(offsets, self._offsets):
            self._offsets, self._least = offsets.astype(np.float32), least
            self._stale = set(self._units)
        self._fresh.clear()
        stale = [unit for unit in self._units if unit in self._stale]
        for start in range(0, len(stale), 256):
            some = stale[start : start + 256]
            rows = self._log_odds(some)
            for unit, row in zip(some, rows, strict=True):
                row[self._slots[unit]] = -np.inf
                found = {self._units[slot] for slot in np.flatnonzero(row >= least).tolist()}
                for gone in self._links[unit] - found:
                    self._links[gone].discard(unit)
                for other in found - self._links[unit]:
                    self._links[other].add(unit)
                self._links[unit] = found
            self._fresh.update(
                (unit, row) for unit, row in zip(some, rows, strict=True) if unit[0] == "visit"
            )
        self._stale.clear()

    def alike(self, unit: Unit) -> NDArray[np.float32]:
        """Mean log-odds of a unit and each other: float32 (n,), -inf without looks; do not change."""
        if unit in self._fresh:
            return self._fresh[unit]
        row = self._log_odds([unit])[0]
        row[self._slots[unit]] = -np.inf
        return np.asarray(row)

    def mean(self, alike: NDArray[np.float32], units: Sequence[Unit]) -> float:
        """Mean of what :meth:`alike` gave over the visits of some units that have looks."""
        slots = [slot for unit in units if self._sizes[slot := self._slots[unit]]]
        return float(np.average(alike[slots], weights=self._sizes[slots])) if slots else -np.inf

    def similarity(self, one: Unit, others: Sequence[Unit]) -> float:
        """Mean similarity of a unit's visits and those of some others, -1 to 1."""
        slots = [self._slots[unit] for unit in others]
        return float(self._sizes[slots] @ (self._rows[slots] @ self._rows[self._slots[one]])) / max(
            int(self._sizes[slots].sum()), 1
        )

    def _log_odds(self, units: Sequence[Unit]) -> NDArray[np.float32]:
        slots, count = [self._slots[unit] for unit in units], len(self._units)
        found = self._rows[slots] @ self._rows[:count].T
        found *= self._slope
        found += (self._shares[slots] @ self._offsets) @ self._shares[:count].T
        found[self._sizes[slots] == 0] = -np.inf
        found[:, self._sizes[:count] == 0] = -np.inf
        return np.asarray(found)

    def _grow(self, size: int) -> None:
        if size <= len(self._sizes):
            return
        more = max(FIRST_SIZE, len(self._sizes))
        self._rows = np.concatenate([self._rows, np.zeros((more, self._rows.shape[1]), np.float32)])
        self._shares = np.concatenate([self._shares, np.zeros((more, self._shares.shape[1]), np.float32)])
        self._sizes = np.concatenate([self._sizes, np.zeros(more, np.int64)])
