"""Level one: the strands of one camera, put together into visits.

A visit is one person's stay in one camera, over crossings, swaps and short gaps. Strands are joined
where motion and appearance together speak for it, and swapped back where the tracker jumped from
one person to another. The partition with the largest total evidence is sought by local search:
exchange the tails of two visits at a moment, or move a single strand.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import AppearanceSpec, MotionSpec
from edge.stages.identify.evidence import IMPOSSIBLE, appearance_score, link
from edge.stages.identify.strand import Strand

__all__ = ["Look", "improve"]

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

    precisions: float64 (n + 1,)   sum of the first i precisions
    vectors:    float64 (n + 1, d) sum of the first i vectors
    """

    strands: list[Strand]
    starts_s: list[float]
    precisions: NDArray[np.float64]
    vectors: NDArray[np.float64]
    score: float = 0.0


@dataclass(slots=True, eq=False)
class _Search:
    looks: dict[int, Look]
    appearance: AppearanceSpec
    motion: MotionSpec
    recent_s: float
    links: dict[tuple[int, int], float] = field(default_factory=dict)
    moves: dict[tuple[_Chain, _Chain], _Move | None] = field(default_factory=dict)

    def chain(self, strands: Sequence[Strand]) -> _Chain:
        """Sums of a visit."""
        looks = [self.looks[s.number] for s in strands]
        size = len(next(iter(self.looks.values())).vector)
        vectors = np.zeros((len(strands) + 1, size))
        precisions = np.zeros(len(strands) + 1)
        for i, look in enumerate(looks):
            vectors[i + 1] = vectors[i] + look.vector
            precisions[i + 1] = precisions[i] + look.precision
        made = _Chain(list(strands), [s.start_s for s in strands], precisions, vectors)
        made.score = self.score(precisions[-1], vectors[-1])
        return made

    def score(self, precision: float, vector: NDArray[np.float64]) -> float:
        return appearance_score(float(precision), float(vector @ vector), self.appearance)

    def link(self, before: Strand | None, after: Strand | None) -> float:
        """Evidence of one following the other; 0 where a visit begins or ends."""
        if before is None or after is None:
            return 0.0
        key = (before.number, after.number)
        found = self.links.get(key)
        if found is None:
            found = self.links[key] = link(before, after, self.motion)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """A change of two visits (the second may be an empty one)."""

    gain: float
    one: int
    two: int
    strands_one: list[Strand]
    strands_two: list[Strand]


def improve(
    visits: Sequence[Sequence[Strand]],
    looks: dict[int, Look],
    appearance: AppearanceSpec,
    motion: MotionSpec,
    recent_s: float,
) -> list[list[Strand]]:
    """Improve a partition of one camera's strands until no single move helps.

    Args:
        visits: the partition so far; strands in time order.
        looks: a look for each strand, by its number.
        appearance: the appearance model.
        motion: the motion model.
        recent_s: only strands that began at or after this time are moved.

    Returns:
        The new partition, each visit in time order, visits by their first strand.
    """
    search = _Search(looks, appearance, motion, recent_s)
    chains = [search.chain(visit) for visit in visits if visit]
    if not chains:
        return []
    empty = search.chain([])
    for _ in range(ROUNDS):
        moves = sorted(_moves(chains, empty, search), key=lambda m: (-m.gain, m.one, m.two))
        touched: set[int] = set()
        for move in moves:
            if move.one in touched or move.two in touched:
                continue
            touched |= {move.one, move.two}
            chains[move.one] = search.chain(move.strands_one)
            if move.two < len(chains):
                chains[move.two] = search.chain(move.strands_two)
            else:
                chains.append(search.chain(move.strands_two))
                touched.add(len(chains) - 1)
        chains = [chain for chain in chains if chain.strands]
        if not touched:
            break
    return sorted((chain.strands for chain in chains), key=lambda strands: strands[0].number)


def _moves(chains: list[_Chain], empty: _Chain, search: _Search) -> Iterator[_Move]:
    """The best move of every pair of visits, and of every visit with an empty one.

    What was found for two visits that have not changed since the last round is taken from there.
    """
    known, search.moves = search.moves, {}
    others = [*chains, empty]
    for one, a in enumerate(chains):
        for two in range(one + 1, len(others)):
            pair = (a, others[two])
            move = known[pair] if pair in known else _best(*pair, one, two, search)
            search.moves[pair] = move
            if move is not None:
                yield replace(move, one=one, two=two)


def _best(a: _Chain, b: _Chain, one: int, two: int, search: _Search) -> _Move | None:
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


def _within_reach(a: _Chain, b: _Chain, search: _Search) -> bool:
    """False when the two lie too far apart in time for motion to join them."""
    if not b.strands:
        return len(a.strands) > 1
    gap = search.motion.gap_max_s
    return (
        a.strands[0].start_s <= b.strands[-1].end_s + gap
        and b.strands[0].start_s <= a.strands[-1].end_s + gap
    )


def _exchanges(a: _Chain, b: _Chain, one: int, two: int, search: _Search) -> Iterator[_Move]:
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


def _transfers(a: _Chain, b: _Chain, one: int, two: int, search: _Search) -> Iterator[_Move]:
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
        look = search.looks[strand.number]
        rest = search.score(a.precisions[-1] - look.precision, a.vectors[-1] - look.vector)
        more = search.score(b.precisions[-1] + look.precision, b.vectors[-1] + look.vector)
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
