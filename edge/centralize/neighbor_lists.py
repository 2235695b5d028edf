"""Each row's nearest others, kept up to date while rows come, change and go.

A list is longer than what is needed, and knows its horizon: whoever is not on it is at least so far away.
So a newcomer is compared with horizons, and a leaver only crossed out; a row is searched for anew only when
its list has become too short, which the reserve makes rare.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.centralize.neighbors import Indices, parts, squared_distances

__all__ = ["NeighborLists"]

NOBODY = -1
LAST = np.iinfo(np.int64).max
UNIT_ROUNDOFF = 2.0**-53


def _einsum(rows: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("ij,j->i", rows, row))


# Not ``@``: threaded BLAS waits for cores that are busy, and one thread reads memory as fast as it comes.
_products: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
_products = getattr(np, "vecdot", _einsum)  # NumPy 2


class NeighborLists:
    """Rows in slots 0 to n - 1, and the nearest others of each, ties to the lower serial number.

    rows:    float64 (size, d)
    serials: int64 (size,)   the order that ties go by
    near:    int32 (size, k) slots, nearest first; -1 where there are fewer
    apart:   float64 (size, k) their squared distances; infinite where there are fewer

    Invariant: a list holds everybody allowed whose (distance, serial) is before its horizon, except
    those that :meth:`leave` crossed out because they are gone; :meth:`short` says which to search anew.

    Args:
        dimensions: d.
        needed: how many neighbours must be right.
        returned: among how many of them a row must be to be seen in return; at most ``needed``.
        size: for how many rows memory is taken at first.
    """

    def __init__(self, dimensions: int, needed: int, returned: int, size: int) -> None:
        self.needed = needed
        self._borders = [returned - 1, needed - 1]
        self.depth = needed + max(6, needed)
        self.count = 0
        self.rows = np.zeros((size, dimensions))
        self.serials = np.zeros(size, dtype=np.int64)
        self.near = np.full((size, self.depth), NOBODY, dtype=np.int32)
        self.apart = np.full((size, self.depth), np.inf)
        self._squares = np.zeros(size)
        self._horizon = np.full(size, np.inf)
        self._horizon_serial = np.full(size, LAST)

    def grow(self, size: int) -> None:
        """Take memory for ``size`` rows."""
        more = size - len(self.rows)
        for name, fill in self._arrays().items():
            old: NDArray[np.generic] = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.full((more, *old.shape[1:]), fill, old.dtype)]))

    def place(self, slot: int, row: NDArray[np.float64], serial: int) -> None:
        """Write a row and empty its list; then :meth:`enter` it."""
        self.count = max(self.count, slot + 1)
        self.rows[slot] = row
        self.serials[slot] = serial
        self._squares[slot] = float(row @ row)
        self._empty(slot)

    def enter(self, slot: int, may: NDArray[np.bool_], ask: Callable[[int, int], bool] | None) -> Indices:
        """Compare a row with all others: search its neighbours, and put it on the lists it belongs on.

        Args:
            slot: which.
            may: bool (n,), who may be its neighbour and have it as one.
            ask: the same for two slots, asked only where it matters; None: nothing more to ask.

        Returns:
            int64 (m,): the slots that may have other mutual neighbours now: the row itself, those whose
            first ``needed`` are others, and who was pushed over the end of these or of ``returned``.
        """
        about, error = self._about(slot)
        self._search(slot, about, error, may, ask)
        touched: list[NDArray[np.integer]] = [np.array([slot])]
        near = np.flatnonzero(may & (about - error <= self._horizon[: self.count]))
        for part in parts(len(near), 1024):
            touched.extend(self._join(slot, near[part], ask))
        return _slots(touched)

    def leave(self, slot: int) -> Indices:
        """Cross a row out of all lists.

        Returns:
            int64 (m,): as :meth:`enter`.
        """
        rows = np.flatnonzero((self.near[: self.count] == slot).any(axis=1))
        return _slots([np.array([slot]), self.near[slot, : self.needed], self._cross_out(rows, slot)])

    def part(self, one: int, other: int) -> Indices:
        """Cross two rows out of each other's lists.

        Returns:
            int64 (m,): as :meth:`enter`.
        """
        touched = []
        for slot, gone in ((one, other), (other, one)):
            if (self.near[slot] == gone).any():
                touched.append(self._cross_out(np.array([slot]), gone))
        return _slots(touched)

    def short(self) -> Indices:
        """Rows whose lists have become too short to be sure of."""
        held = self.near[: self.count, self.needed - 1] >= 0
        return np.flatnonzero(~held & (self._horizon[: self.count] < np.inf))

    def search(self, slot: int, may: NDArray[np.bool_], ask: Callable[[int, int], bool] | None) -> Indices:
        """Search a row's neighbours anew; arguments and result as :meth:`enter`."""
        before = self.near[slot, : self.needed].copy()
        self._search(slot, *self._about(slot), may, ask)
        return _slots([np.array([slot]), before, self.near[slot, : self.needed]])

    def move(self, source: int, target: int) -> None:
        """Give a row another slot."""
        for name in self._arrays():
            array = getattr(self, name)
            array[target] = array[source]
        view = self.near[: self.count]
        view[view == source] = target

    def drop_last(self) -> None:
        """Forget the row in the last slot, which must be on no list."""
        self.count -= 1
        self._empty(self.count)

    def _arrays(self) -> dict[str, float]:
        """What has one entry per row, with what it holds where there is no row."""
        return {
            "rows": 0.0,
            "serials": 0,
            "near": NOBODY,
            "apart": np.inf,
            "_squares": 0.0,
            "_horizon": np.inf,
            "_horizon_serial": LAST,
        }

    def _empty(self, slot: int) -> None:
        self.near[slot], self.apart[slot] = NOBODY, np.inf
        self._horizon[slot], self._horizon_serial[slot] = np.inf, LAST

    def _about(self, slot: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Squared distances to all rows by the expansion, and how wrong they may be: (n,), (n,)."""
        squares = self._squares[: self.count]
        products = _products(self.rows[: self.count], self.rows[slot])
        about = squares + squares[slot] - 2.0 * products
        sizes = np.sqrt(squares) + np.sqrt(squares[slot])
        return about, 1.01 * UNIT_ROUNDOFF * (self.rows.shape[1] + 8) * sizes**2 + 1e-300

    def _search(
        self,
        slot: int,
        about: NDArray[np.float64],
        error: NDArray[np.float64],
        may: NDArray[np.bool_],
        ask: Callable[[int, int], bool] | None,
    ) -> None:
        self._empty(slot)
        least = np.where(may, about - error, np.inf)
        least[slot] = np.inf
        found = self._candidates(slot, least, about + error, ask)
        if len(found) == 0:
            return
        exact = self._distances(found, slot)
        order = np.lexsort((self.serials[found], exact))[: self.depth + 1]
        kept = order[: self.depth]
        self.near[slot, : len(kept)] = found[kept]
        self.apart[slot, : len(kept)] = exact[kept]
        if len(order) > self.depth:
            self._horizon[slot] = exact[order[-1]]
            self._horizon_serial[slot] = self.serials[found[order[-1]]]

    def _candidates(
        self,
        slot: int,
        least: NDArray[np.float64],
        most: NDArray[np.float64],
        ask: Callable[[int, int], bool] | None,
    ) -> Indices:
        """Everybody allowed that may be among the nearest ``depth + 1``, given bounds of distances."""
        enough = self.depth + 1
        looked_at = 4 * enough
        while True:
            some = np.arange(self.count)
            if looked_at < self.count:
                some = np.argpartition(least, looked_at)[:looked_at]
            some = some[np.argsort(least[some], kind="stable")]
            some = some[least[some] < np.inf]
            if ask is None:
                limit = float(most[some[:enough]].max()) if len(some) >= enough else np.inf
                found, sure = some[least[some] <= limit], len(some) > 0 and least[some[-1]] > limit
            else:
                found, sure = self._asked(slot, some, least, most, ask)
            if sure or looked_at >= self.count:
                return np.asarray(found)
            looked_at *= 4

    def _asked(
        self,
        slot: int,
        some: Indices,
        least: NDArray[np.float64],
        most: NDArray[np.float64],
        ask: Callable[[int, int], bool],
    ) -> tuple[Indices, bool]:
        found: list[int] = []
        limit = np.inf
        for other in some.tolist():
            if least[other] > limit:
                return np.array(found, dtype=np.int64), True
            if ask(slot, other):
                found.append(other)
                if len(found) == self.depth + 1:
                    limit = float(most[found].max())
        return np.array(found, dtype=np.int64), False

    def _join(
        self, slot: int, rows: Indices, ask: Callable[[int, int], bool] | None
    ) -> list[NDArray[np.integer]]:
        """Put a row on the lists of those rows whose horizon it lies before."""
        exact = self._distances(rows, slot)
        serial = self.serials[slot]
        horizon = self._horizon[rows]
        before = (exact < horizon) | ((exact == horizon) & (serial < self._horizon_serial[rows]))
        if ask is not None:
            before[before] = [ask(slot, row) for row in rows[before].tolist()]
        rows, exact = rows[before], exact[before]
        if len(rows) == 0:
            return []
        near = np.concatenate([self.near[rows], np.full((len(rows), 1), slot, np.int32)], axis=1)
        apart = np.concatenate([self.apart[rows], exact[:, None]], axis=1)
        serials = np.where(near >= 0, self.serials[near], LAST)
        order = np.lexsort((serials, apart), axis=-1)
        near, apart = np.take_along_axis(near, order, axis=1), np.take_along_axis(apart, order, axis=1)
        first = (near[:, : self.needed] == slot).any(axis=1)
        pushed = self.near[rows[first]][:, self._borders]
        self.near[rows], self.apart[rows] = near[:, :-1], apart[:, :-1]
        full = near[:, -1] >= 0
        self._horizon[rows[full]] = apart[full, -1]
        self._horizon_serial[rows[full]] = self.serials[near[full, -1]]
        return [rows[first], pushed.ravel(), np.array([slot])]

    def _cross_out(self, rows: Indices, gone: int) -> NDArray[np.integer]:
        """Take ``gone`` off the lists of these rows, all of which hold it."""
        near, apart = self.near[rows], self.apart[rows]
        first = (near[:, : self.needed] == gone).any(axis=1)
        order = np.argsort(near == gone, axis=1, kind="stable")
        near, apart = np.take_along_axis(near, order, axis=1), np.take_along_axis(apart, order, axis=1)
        near[:, -1], apart[:, -1] = NOBODY, np.inf
        self.near[rows], self.apart[rows] = near, apart
        moved_up = near[first][:, self._borders].ravel()
        return np.concatenate([rows[first], moved_up, np.array([gone])])

    def _distances(self, rows: Indices, slot: int) -> NDArray[np.float64]:
        out = np.empty(len(rows))
        for part in parts(len(rows), 1024):
            out[part] = squared_distances(self.rows[rows[part]], self.rows[slot])
        return out


def _slots(some: list[NDArray[np.integer]]) -> Indices:
    joined = np.concatenate([np.zeros(0, np.int64), *(np.ravel(part) for part in some)])
    return np.asarray(joined[joined >= 0], dtype=np.int64)
