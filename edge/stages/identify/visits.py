"""Level one: the strands of one camera, put together into visits.

A visit is one person's stay in one camera, over crossings, swaps and short gaps. Strands are joined
where motion and appearance together speak for it, and swapped back where the tracker jumped from
one person to another. The partition with the largest total evidence is sought by local search:
exchange the tails of two visits at a moment, or move a single strand.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import AppearanceSpec, MotionSpec
from edge.stages.identify.evidence import IMPOSSIBLE, appearance_score, link
from edge.stages.identify.strand import Strand

__all__ = ["Look", "VisitSearch"]

ROUNDS = 8
GAIN_MIN = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A strand's appearance: precision, and precision-weighted vector float64 (d,)."""

    precision: float
    vector: NDArray[np.float64]


@dataclass(slots=True, eq=False)
class _Chain:
    """One visit: its strands in time order, and running sums over them.

    key: the strands' numbers.
    precisions: float64 (n + 1,)   sum of the first i precisions
    vectors:    float64 (n + 1, d) sum of the first i vectors
    """

    key: tuple[int, ...]
    strands: list[Strand]
    starts_s: list[float]
    precisions: NDArray[np.float64]
    vectors: NDArray[np.float64]
    score: float = 0.0


class VisitSearch:
    """Keeps the partition of one camera's strands as good as single moves can make it.

    Two visits between which no move helped are not looked at again until one of them has changed.

    Args:
        appearance: the appearance model.
        motion: the motion model.
    """

    def __init__(self, appearance: AppearanceSpec, motion: MotionSpec) -> None:
        self.appearance = appearance
        self.motion = motion
        self.recent_s = -np.inf
        self._chains: dict[tuple[int, ...], _Chain] = {}
        self._links: dict[int, dict[int, float]] = {}  # of the first, then of the second

    def improve(
        self,
        visits: Sequence[Sequence[Strand]],
        looks: Mapping[int, Look],
        changed: AbstractSet[int],
        recent_s: float,
    ) -> list[list[Strand]]:
        """Improve a partition until no single move helps.

        Args:
            visits: the partition so far; strands in time order.
            looks: a look for each strand, by its number.
            changed: numbers of the strands that are not as they were at the last call, newcomers too.
            recent_s: only strands that began at or after this time are moved; never less than before.

        Returns:
            The new partition, each visit in time order, visits by their first strand.
        """
        self.recent_s = recent_s
        for number in changed:
            self._links.pop(number, None)
        for known in self._links.values():
            for number in changed & known.keys():
                del known[number]
        settled = {key: chain for key, chain in self._chains.items() if changed.isdisjoint(key)}
        chains = [settled.get(_key(visit)) or self._chain(visit, looks) for visit in visits if visit]
        fresh = {chain for chain in chains if settled.get(chain.key) is not chain}
        empty = self._chain([], looks)
        for _ in range(ROUNDS):
            moves = sorted(self._moves(chains, empty, fresh), key=lambda m: (-m.gain, m.one, m.two))
            if not moves:
                fresh = set()
                break
            touched: set[int] = set()
            waiting: set[int] = set()
            for move in moves:
                if move.one in touched or move.two in touched:
                    waiting |= {move.one, move.two}
                    continue
                touched |= {move.one, move.two}
                chains[move.one] = self._chain(move.strands_one, looks)
                if move.two < len(chains):
                    chains[move.two] = self._chain(move.strands_two, looks)
                else:
                    chains.append(self._chain(move.strands_two, looks))
                    touched.add(len(chains) - 1)
            fresh = {chains[i] for i in touched | waiting if i < len(chains) and chains[i].strands}
            chains = [chain for chain in chains if chain.strands]
        self._chains = {chain.key: chain for chain in chains if chain not in fresh}
        present = {number for chain in chains for number in chain.key}
        self._links = {before: known for before, known in self._links.items() if before in present}
        return sorted((list(chain.strands) for chain in chains), key=lambda strands: strands[0].number)

    def _chain(self, strands: Sequence[Strand], known: Mapping[int, Look]) -> _Chain:
        """Sums of a visit."""
        looks = [known[s.number] for s in strands]
        size = max((len(look.vector) for look in looks), default=1)
        vectors = np.zeros((len(strands) + 1, size))
        precisions = np.zeros(len(strands) + 1)
        for i, look in enumerate(looks):
            vectors[i + 1] = vectors[i] + look.vector
            precisions[i + 1] = precisions[i] + look.precision
        made = _Chain(_key(strands), list(strands), [s.start_s for s in strands], precisions, vectors)
        made.score = self.score(precisions[-1], vectors[-1])
        return made

    def score(self, precision: float, vector: NDArray[np.float64]) -> float:
        """Evidence of looks being one person's, from their sums."""
        return appearance_score(float(precision), float(vector @ vector), self.appearance)

    def link(self, before: Strand | None, after: Strand | None) -> float:
        """Evidence of one following the other; 0 where a visit begins or ends."""
        if before is None or after is None:
            return 0.0
        known = self._links.setdefault(before.number, {})
        found = known.get(after.number)
        if found is None:
            found = known[after.number] = link(before, after, self.motion)
        return found

    def _moves(self, chains: Sequence[_Chain], empty: _Chain, fresh: AbstractSet[_Chain]) -> Iterator[_Move]:
        """The best move of every pair of visits, and of every visit with an empty one, that may have one."""
        new = [index for index, chain in enumerate(chains) if chain in fresh]
        for one, a in enumerate(chains):
            others = range(one + 1, len(chains)) if a in fresh else (two for two in new if two > one)
            for two in others:
                move = _best(a, chains[two], one, two, self)
                if move is not None:
                    yield move
            if a in fresh:
                move = _best(a, empty, one, len(chains), self)
                if move is not None:
                    yield move


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """A change of two visits (the second may be an empty one)."""

    gain: float
    one: int
    two: int
    strands_one: list[Strand]
    strands_two: list[Strand]


def _best(a: _Chain, b: _Chain, one: int, two: int, search: VisitSearch) -> _Move | None:
    if not _within_reach(a, b, search):
        return None
    best: _Move | None = None
    tries = itertools.chain(
        _exchanges(a, b, one, two, search),
        _transfers(a, b, one, two, search),
        _turned(_transfers(b, a, two, one, search)) if b.strands else (),
    )
    for move in tries:
        if move.gain > (best.gain if best else GAIN_MIN):
            best = move
    return best


def _within_reach(a: _Chain, b: _Chain, search: VisitSearch) -> bool:
    """False when the two lie too far apart in time for motion to join them."""
    if not b.strands:
        return len(a.strands) > 1
    gap = search.motion.gap_max_s
    return (
        a.strands[0].start_s <= b.strands[-1].end_s + gap
        and b.strands[0].start_s <= a.strands[-1].end_s + gap
    )


def _exchanges(a: _Chain, b: _Chain, one: int, two: int, search: VisitSearch) -> Iterator[_Move]:
    """Cut both visits at one moment and exchange what comes after."""
    starts = {s.start_s for s in a.strands + b.strands if s.start_s >= search.recent_s}
    seen: set[tuple[int, int]] = set()
    for moment in sorted(starts):
        i = bisect_left(a.starts_s, moment)
        j = bisect_left(b.starts_s, moment)
        nothing_moves = (i == len(a.strands) and j == len(b.strands)) or (i == 0 and j == 0)
        if nothing_moves or (i, j) in seen:
            continue
        seen.add((i, j))
        a_last, a_next = _around(a.strands, i)
        b_last, b_next = _around(b.strands, j)
        new = search.link(a_last, b_next) + search.link(b_last, a_next)
        if new <= IMPOSSIBLE / 2:
            continue
        old = search.link(a_last, a_next) + search.link(b_last, b_next)
        first_p = a.precisions[i] + b.precisions[-1] - b.precisions[j]
        first_v = a.vectors[i] + b.vectors[-1] - b.vectors[j]
        second_p = b.precisions[j] + a.precisions[-1] - a.precisions[i]
        second_v = b.vectors[j] + a.vectors[-1] - a.vectors[i]
        looks = search.score(first_p, first_v) + search.score(second_p, second_v)
        gain = new - old + looks - a.score - b.score
        yield _Move(gain, one, two, a.strands[:i] + b.strands[j:], b.strands[:j] + a.strands[i:])


def _transfers(a: _Chain, b: _Chain, one: int, two: int, search: VisitSearch) -> Iterator[_Move]:
    """Move one strand of the first visit into the second."""
    for i, strand in enumerate(a.strands):
        if strand.start_s < search.recent_s or (len(a.strands) == 1 and not b.strands):
            continue
        j = bisect_left(b.starts_s, strand.start_s)
        a_last, a_next = (a.strands[i - 1] if i else None), _around(a.strands, i + 1)[1]
        b_last, b_next = _around(b.strands, j)
        new = search.link(a_last, a_next) + search.link(b_last, strand) + search.link(strand, b_next)
        if new <= IMPOSSIBLE / 2:
            continue
        old = search.link(a_last, strand) + search.link(strand, a_next) + search.link(b_last, b_next)
        precision, vector = a.precisions[i + 1] - a.precisions[i], a.vectors[i + 1] - a.vectors[i]
        rest = search.score(a.precisions[-1] - precision, a.vectors[-1] - vector)
        more = search.score(b.precisions[-1] + precision, b.vectors[-1] + vector)
        gain = new - old + rest + more - a.score - b.score
        grown = [*b.strands[:j], strand, *b.strands[j:]]
        yield _Move(gain, one, two, a.strands[:i] + a.strands[i + 1 :], grown)


def _turned(moves: Iterable[_Move]) -> Iterator[_Move]:
    for move in moves:
        yield _Move(move.gain, move.two, move.one, move.strands_two, move.strands_one)


def _around(strands: Sequence[Strand], index: int) -> tuple[Strand | None, Strand | None]:
    before = strands[index - 1] if index > 0 else None
    after = strands[index] if index < len(strands) else None
    return before, after


def _key(strands: Iterable[Strand]) -> tuple[int, ...]:
    return tuple(strand.number for strand in strands)
