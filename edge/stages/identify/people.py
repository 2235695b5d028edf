"""Level two: visits of all cameras, put together into people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["cluster"]

NEVER = -np.inf


def cluster(
    mean: NDArray[np.float64],
    may_join: Callable[[Sequence[int], Sequence[int]], bool],
    sizes: Sequence[int],
    least: float,
) -> NDArray[np.intp]:
    """Average-linkage clustering with pairs that must not be together.

    What must be together is one unit from the start. The most similar two clusters are joined first, until
    the best mean similarity is below the threshold. Two clusters are never joined when any pair between
    them is impossible, which is asked only of those that would be. Ties go to the lower index, so the
    result depends on nothing but the input.

    Args:
        mean: float64 (n, n), symmetric: mean similarity of two units' members.
        may_join: whether all pairs of two sets of units (given by their indices) can be the same person.
        sizes: how many members each unit has that were compared.
        least: mean similarity at which two clusters are one person.

    Returns:
        int (n,): cluster labels, the lowest index of each cluster's units.
    """
    labels = np.arange(len(sizes), dtype=np.intp)
    if len(labels) == 0:
        return labels
    weights = np.array(sizes, dtype=np.float64)
    mean = mean.copy()
    np.fill_diagonal(mean, NEVER)
    members = [[index] for index in range(len(sizes))]
    best = mean.argmax(axis=1)
    value = mean[np.arange(len(mean)), best]
    while True:
        a = int(value.argmax())
        if value[a] < least:
            return labels
        b = int(best[a])
        a, b = min(a, b), max(a, b)
        if not may_join(members[a], members[b]):
            mean[a, b] = mean[b, a] = NEVER
            for row in (a, b):
                best[row] = mean[row].argmax()
                value[row] = mean[row, best[row]]
            continue
        members[a] += members[b]
        joined = (weights[a] * mean[a] + weights[b] * mean[b]) / (weights[a] + weights[b])
        joined[[a, b]] = NEVER
        mean[a] = mean[:, a] = joined
        mean[b] = mean[:, b] = NEVER
        weights[a] += weights[b]
        labels[labels == b] = a
        value[b] = NEVER
        stale = np.flatnonzero((best == a) | (best == b))
        for row in {a, *stale.tolist()} - {b}:
            best[row] = mean[row].argmax()
            value[row] = mean[row, best[row]]
        better = np.flatnonzero(mean[:, a] > value)
        best[better], value[better] = a, mean[better, a]
