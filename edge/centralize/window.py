"""NFC of what is in a sliding window, kept up to date as features come, change and go.

Source of what is computed: Pose2ID (CVPR 2025), section 3.3; see :mod:`edge.centralize.nfc`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.centralize.inputs import as_rows, check_count
from edge.centralize.neighbor_lists import NeighborLists

if TYPE_CHECKING:
    import torch

__all__ = ["WindowCentralizer"]

FIRST_SIZE = 64


class _Unchanged:
    """The default of what :meth:`WindowCentralizer.update` may leave as it is."""


UNCHANGED: Final = _Unchanged()


class WindowCentralizer:
    """A window of features under keys, and each with those of its mutual nearest neighbours added.

    :meth:`features` is what :func:`edge.centralize.neighbor_centralize` gives for the window's features
    in the order of their arrival, with the same constraints (to the rounding of float32; the neighbours
    are exactly the same, ties go to whoever came first). Only, k1 may exceed what is in the window.

    Cost of each change: one pass over the window's rows, O(window · d), and the lists of those it
    concerns. Who leaves is crossed out of the lists that name him; a list is searched anew, one pass, only
    when its reserve is used up. Only features whose neighbours changed are added up again.

    Memory: 12 bytes per number and some hundred per feature, doubling from 64 features up to ``capacity``.

    Not thread-safe: one thread, or a lock around it.

    Args:
        k1: how many nearest are looked at.
        k2: how many of them must see the feature in return.
        normalize: see :func:`edge.centralize.neighbor_centralize`.
        allowed: asked for two keys, whether they may be neighbours; None: everybody, but see ``group``
            of :meth:`add` and :meth:`forbid`. It must be symmetric, and answer the same as long as neither
            is updated. Asked only for pairs that would be neighbours.
        capacity: the most features there may be.
        when_full: what :meth:`add` does then: ``error``, or ``expire-oldest``, by arrival.

    Raises:
        ValueError: k1, k2 or capacity below 1, or another word for ``when_full``.
        TypeError: k1, k2 or capacity is no whole number.
    """

    def __init__(
        self,
        k1: int = 2,
        k2: int = 2,
        *,
        normalize: bool = True,
        allowed: Callable[[Hashable, Hashable], bool] | None = None,
        capacity: int = 20_000,
        when_full: Literal["error", "expire-oldest"] = "error",
    ) -> None:
        self._k1, self._k2 = check_count(k1, "k1"), check_count(k2, "k2")
        self._capacity = check_count(capacity, "capacity")
        if when_full not in ("error", "expire-oldest"):
            raise ValueError(f"when_full must be 'error' or 'expire-oldest', got {when_full!r}")
        self._normalize = normalize
        self._allowed = allowed
        self._when_full = when_full
        self._slots: dict[Hashable, int] = {}  # in the order of arrival
        self._keys: list[Hashable] = []  # by slot
        self._forbidden: dict[Hashable, set[Hashable]] = {}
        self._groups = _Groups()
        self._lists: NeighborLists | None = None
        self._codes = np.zeros(0, dtype=np.int64)
        self._stale = np.zeros(0, dtype=bool)
        self._news = np.zeros(0, dtype=bool)
        self._out = np.zeros((0, 0), dtype=np.float32)
        self._next_serial = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: object) -> bool:
        return key in self._slots

    @property
    def keys(self) -> tuple[Hashable, ...]:
        """Who is in the window, in the order of arrival."""
        return tuple(self._slots)

    def add(self, key: Hashable, feature: ArrayLike | torch.Tensor, group: Hashable = None) -> None:
        """Take in a feature.

        Args:
            key: its name from now on.
            feature: real numbers (d,); copied.
            group: e.g. its camera; features of one group are no neighbours. None: a group of its own.

        Raises:
            ValueError: the key is there already; the feature has a wrong shape or another d than those
                before, is not finite, or zero where it is normalized; the window is full.
            TypeError: no real numbers.
        """
        if key in self._slots:
            raise ValueError(f"{key!r} is in the window already; update() changes it")
        row = self._row(key, feature)
        if len(self._slots) >= self._capacity:
            if self._when_full == "error":
                raise ValueError(f"no room for {key!r}: the window is full with {self._capacity} features")
            self.expire(next(iter(self._slots)))
        lists = self._room(len(row))
        slot = lists.count
        lists.place(slot, row, self._next_serial)
        self._next_serial += 1
        self._slots[key] = slot
        self._keys.append(key)
        self._codes[slot] = self._groups.enter(group)
        self._stale[lists.enter(slot, self._may(slot), self._ask())] = True

    def update(
        self,
        key: Hashable,
        feature: ArrayLike | torch.Tensor,
        group: Hashable | _Unchanged = UNCHANGED,
    ) -> None:
        """Change a feature, which keeps its place in the order; also asks ``allowed`` anew.

        Args:
            key: which.
            feature: real numbers (d,); copied.
            group: its new group, when that changes.

        Raises:
            KeyError: it is not in the window.
            ValueError: see :meth:`add`.
            TypeError: no real numbers.
        """
        slot = self._slot(key)
        row = self._row(key, feature)
        lists = self._room(len(row))
        self._stale[lists.leave(slot)] = True
        if not isinstance(group, _Unchanged):
            self._groups.leave(int(self._codes[slot]))
            self._codes[slot] = self._groups.enter(group)
        lists.place(slot, row, int(lists.serials[slot]))
        self._stale[lists.enter(slot, self._may(slot), self._ask())] = True
        self._search_short()

    def expire(self, key: Hashable) -> None:
        """Forget a feature.

        Args:
            key: which.

        Raises:
            KeyError: it is not in the window.
        """
        slot = self._slot(key)
        lists = self._room(None)
        self._stale[lists.leave(slot)] = True
        self._groups.leave(int(self._codes[slot]))
        for other in self._forbidden.pop(key, ()):
            self._forbidden[other].discard(key)
        last = lists.count - 1
        if slot != last:
            lists.move(last, slot)
            for array in (self._codes, self._stale, self._news, self._out):
                array[slot] = array[last]
            self._keys[slot] = self._keys[last]
            self._slots[self._keys[slot]] = slot
        lists.drop_last()
        self._keys.pop()
        del self._slots[key]
        self._search_short()

    def forbid(self, one: Hashable, other: Hashable) -> None:
        """Two that are no neighbours as long as both are in the window, e.g. seen at the same time.

        Raises:
            KeyError: one of them is not in the window.
            ValueError: they are the same.
        """
        slots = self._slot(one), self._slot(other)
        if one == other:
            raise ValueError(f"{one!r} is never its own neighbour; forbid() takes two keys")
        self._forbidden.setdefault(one, set()).add(other)
        self._forbidden.setdefault(other, set()).add(one)
        self._stale[self._room(None).part(*slots)] = True
        self._search_short()

    def features(self) -> NDArray[np.float32]:
        """The centralized features of all, in the order of arrival (``keys``).

        Returns:
            float32 (n, d), a copy; (0, d) of an empty window, and (0, 0) before the first feature.
        """
        self._refresh()
        return np.asarray(self._out[list(self._slots.values())])

    def feature(self, key: Hashable) -> NDArray[np.float32]:
        """The centralized feature of one.

        Args:
            key: which.

        Returns:
            float32 (d,), a copy.

        Raises:
            KeyError: it is not in the window.
        """
        slot = self._slot(key)
        self._refresh()
        return np.array(self._out[slot])

    def changed(self) -> tuple[Hashable, ...]:
        """Whose centralized features may have changed since this was last asked, newcomers among them."""
        self._refresh()
        slots = np.flatnonzero(self._news[: len(self._slots)])
        self._news[slots] = False
        return tuple(self._keys[slot] for slot in slots.tolist())

    def neighbors(self, key: Hashable) -> tuple[Hashable, ...]:
        """Whose features are added to one's, nearest first.

        Args:
            key: which.

        Raises:
            KeyError: it is not in the window.
        """
        slot = self._slot(key)
        lists = self._room(None)
        near = lists.near[slot, : self._k1]
        return tuple(self._keys[other] for other in near[self._mutual(np.array([slot]))[0]].tolist())

    def _slot(self, key: Hashable) -> int:
        try:
            return self._slots[key]
        except KeyError:
            raise KeyError(f"{key!r} is not in the window") from None

    def _row(self, key: Hashable, feature: ArrayLike | torch.Tensor) -> NDArray[np.float64]:
        row = as_rows(feature, f"the feature of {key!r}", dimensions=1, nonzero=self._normalize)
        if self._lists is not None and len(row) != self._lists.rows.shape[1]:
            width = self._lists.rows.shape[1]
            raise ValueError(f"the feature of {key!r} must have {width} numbers, got {len(row)}")
        rows = row.astype(np.float64)[None]
        if self._normalize:
            rows /= np.linalg.norm(rows, axis=1)[:, None]
        return np.asarray(rows[0])

    def _room(self, dimensions: int | None) -> NeighborLists:
        """The lists, made for the first feature, with room for one more."""
        lists = self._lists
        if lists is None:
            size = min(FIRST_SIZE, self._capacity)
            lists = self._lists = NeighborLists(dimensions or 0, self._k1, min(self._k1, self._k2), size)
            self._codes = np.zeros(size, dtype=np.int64)
            self._stale = np.zeros(size, dtype=bool)
            self._news = np.zeros(size, dtype=bool)
            self._out = np.zeros((size, dimensions or 0), dtype=np.float32)
        if lists.count == len(self._codes) and lists.count < self._capacity:
            more = min(lists.count, self._capacity - lists.count)
            lists.grow(lists.count + more)
            self._codes = np.concatenate([self._codes, np.zeros(more, np.int64)])
            self._stale = np.concatenate([self._stale, np.zeros(more, bool)])
            self._news = np.concatenate([self._news, np.zeros(more, bool)])
            self._out = np.concatenate([self._out, np.zeros((more, self._out.shape[1]), np.float32)])
        return lists

    def _may(self, slot: int) -> NDArray[np.bool_]:
        """Who may be a neighbour as far as groups and :meth:`forbid` say: bool (n,)."""
        count = len(self._slots)
        may = self._codes[:count] != self._codes[slot]
        may[slot] = False
        for other in self._forbidden.get(self._keys[slot], ()):
            may[self._slots[other]] = False
        return np.asarray(may)

    def _ask(self) -> Callable[[int, int], bool] | None:
        allowed = self._allowed
        if allowed is None:
            return None
        return lambda one, other: bool(allowed(self._keys[one], self._keys[other]))

    def _search_short(self) -> None:
        lists = self._room(None)
        for slot in lists.short().tolist():
            self._stale[lists.search(slot, self._may(slot), self._ask())] = True

    def _mutual(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the k1 nearest of some see them in return: bool (m, k1)."""
        lists = self._room(None)
        near = lists.near[slots, : self._k1]
        seen = (lists.near[near][:, :, : min(self._k1, self._k2)] == slots[:, None, None]).any(axis=2)
        return np.asarray(seen & (near >= 0))

    def _refresh(self) -> None:
        """Add up again what is out of date."""
        lists = self._lists
        if lists is None:
            return
        for start in range(0, lists.count, 2048):
            slots = start + np.flatnonzero(self._stale[start : min(start + 2048, lists.count)])
            if len(slots) == 0:
                continue
            seen, near = self._mutual(slots), lists.near[slots, : self._k1]
            total = lists.rows[slots]
            for place in range(near.shape[1]):
                some = np.flatnonzero(seen[:, place])
                total[some] += lists.rows[near[some, place]]
            if self._normalize:
                total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
            self._out[slots] = total
            self._news[slots] = True
        self._stale[:] = False


class _Groups:
    """Numbers for groups, forgotten with their last member."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._members: dict[int, tuple[Hashable, int]] = {}
        self._next = 0

    def enter(self, group: Hashable) -> int:
        if group is not None and group in self._numbers:
            number = self._numbers[group]
        else:
            number, self._next = self._next, self._next + 1
            if group is not None:
                self._numbers[group] = number
        self._members[number] = (group, self._members.get(number, (group, 0))[1] + 1)
        return number

    def leave(self, number: int) -> None:
        group, members = self._members.pop(number)
        if members > 1:
            self._members[number] = (group, members - 1)
        elif group is not None:
            del self._numbers[group]
