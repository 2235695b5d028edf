"""Retrieval scores: mean average precision and rank-k (CMC), by Market-1501's protocol.

For each query the gallery is sorted by distance. Pictures of the same person from the same camera are
ignored, everybody else's stay, distractors too. Average precision is the mean of the precisions at the
query's matches (as in most published code; the very first used a trapezoid). Queries without any match count
for nothing. Pictures at equal distances: the wrong ones come first, so neither the order of files nor a
network that gives the same vector for everything can look good by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.market import Picture

__all__ = ["BLOCK", "Distances", "Labels", "RetrievalScore", "distances_between", "score_retrieval"]

BLOCK = 256
RANKS = (1, 5, 10)

# (first query, last query + 1) -> float (queries, gallery), smaller is more alike
Distances = Callable[[int, int], NDArray[np.floating]]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Who is on each picture, and from where; row i is one picture.

    persons: int64 (n,)  0 is a distractor
    cameras: int64 (n,)
    """

    persons: NDArray[np.int64]
    cameras: NDArray[np.int64]

    @classmethod
    def of(cls, pictures: Sequence[Picture]) -> Labels:
        """The labels of these pictures, in their order."""
        return cls(
            np.array([picture.person for picture in pictures], dtype=np.int64),
            np.array([picture.camera for picture in pictures], dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.persons)


@dataclass(frozen=True, slots=True)
class RetrievalScore:
    """How well queries find their person in other cameras; all shares are 0 to 1.

    map: mean average precision.
    rank1, rank5, rank10: share of queries with a match among the first so many.
    queries: how many were scored.
    unmatched: how many were not, because the gallery has nothing of that person from another camera. Where
        that is all of them, the shares are 0 and mean nothing.
    """

    map: float
    rank1: float
    rank5: float
    rank10: float
    queries: int
    unmatched: int


def distances_between(query: NDArray[np.float32], gallery: NDArray[np.float32]) -> Distances:
    """Cosine distances of unit vectors, (q, d) and (g, d), computed when asked for."""
    across = gallery.T

    def block(start: int, stop: int) -> NDArray[np.floating]:
        similarities: NDArray[np.floating] = query[start:stop] @ across
        np.subtract(1.0, similarities, out=similarities)
        return similarities

    return block


def score_retrieval(
    distances: Distances, query: Labels, gallery: Labels, *, block: int = BLOCK
) -> RetrievalScore:
    """Score a ranking; memory is O(block · gallery) beside what ``distances`` needs.

    Args:
        distances: gives the distances of some consecutive queries to the whole gallery.
        query: who the queries show; 1 or more.
        gallery: who the gallery shows.
        block: how many queries are looked at together.

    Raises:
        ValueError: a distance is NaN, or a block has another shape than the labels say.
    """
    places = {person: np.flatnonzero(gallery.persons == person) for person in set(query.persons.tolist())}
    precisions: list[float] = []
    firsts: list[int] = []
    for start in range(0, len(query), block):
        stop = min(start + block, len(query))
        rows = distances(start, stop)
        if rows.shape != (stop - start, len(gallery)):
            raise ValueError(f"distances must be {(stop - start, len(gallery))}, got {rows.shape}")
        for index, row in enumerate(rows, start):
            same = places[int(query.persons[index])]
            matches = same[gallery.cameras[same] != query.cameras[index]]
            if not len(matches):
                continue
            if np.isnan(row).any():
                raise ValueError(f"a distance of query {index} is not a number")
            ranks = _ranks_of(np.sort(row[matches]), np.delete(row, same))
            precisions.append(float(np.mean(np.arange(1, len(ranks) + 1) / ranks)))
            firsts.append(int(ranks[0]))
    count = len(firsts)
    rank1, rank5, rank10 = (sum(first <= rank for first in firsts) / max(count, 1) for rank in RANKS)
    mean = float(np.mean(precisions)) if count else 0.0
    return RetrievalScore(mean, rank1, rank5, rank10, count, len(query) - count)


def _ranks_of(right: NDArray[np.floating], wrong: NDArray[np.floating]) -> NDArray[np.int64]:
    """Rank from 1 of each right picture, (m,) sorted, among them and the wrong ones; ties to the wrong."""
    before = np.searchsorted(np.sort(wrong), right, side="right")
    return np.asarray(before + np.arange(1, len(right) + 1), dtype=np.int64)
