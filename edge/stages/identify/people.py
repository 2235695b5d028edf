"""Level two: visits of all cameras, put together into people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["cluster"]

NEVER = -np.inf


def cluster(
    similarity: NDArray[np.float64],
    possible: NDArray[np.bool_],
    groups: Sequence[int],
    similarity_min: float,
) -> NDArray[np.intp]:
    """Average-linkage clustering with pairs that must, and pairs that must not, be together.

    The most similar two clusters are joined first, until the best mean similarity is below the
    threshold. Two clusters are never joined when any pair between them is impossible. Ties go to
    the lower index, so the result depends on nothing but the input.

    Args:
        similarity: float64 (n, n), symmetric.
        possible: bool (n, n), symmetric; False where two cannot be the same person.
        groups: n numbers; equal numbers other than 0 start in one cluster, whatever else is said.
        similarity_min: mean similarity at which two clusters are one person.

    Returns:
        int (n,): cluster labels, the lowest index of each cluster's members.
    """
    labels = _start(groups)
    order = np.argsort(labels, kind="stable")
    firsts, begins, counts = np.unique(labels[order], return_index=True, return_counts=True)
    if len(firsts) == 0:
        return labels
    sizes = counts.astype(np.float64)
    mean = _sums(similarity[np.ix_(order, order)], begins) / np.outer(sizes, sizes)
    mean[_sums(~possible[np.ix_(order, order)], begins) > 0] = NEVER
    np.fill_diagonal(mean, NEVER)
    best = mean.argmax(axis=1)
    value = mean[np.arange(len(mean)), best]
    while True:
        a = int(value.argmax())
        if value[a] < similarity_min:
            return labels
        b = int(best[a])
        a, b = min(a, b), max(a, b)
        joined = (sizes[a] * mean[a] + sizes[b] * mean[b]) / (sizes[a] + sizes[b])
        joined[[a, b]] = NEVER
        mean[a] = mean[:, a] = joined
        mean[b] = mean[:, b] = NEVER
        sizes[a] += sizes[b]
        labels[labels == firsts[b]] = firsts[a]
        value[b] = NEVER
        stale = np.flatnonzero((best == a) | (best == b))
        for row in {a, *stale.tolist()} - {b}:
            best[row] = mean[row].argmax()
            value[row] = mean[row, best[row]]
        better = np.flatnonzero(mean[:, a] > value)
        best[better], value[better] = a, mean[better, a]


def _sums(values: NDArray[np.generic], begins: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sums over the blocks of a square matrix that begin at the given rows and columns."""
    rows = np.add.reduceat(values.astype(np.float64), begins, axis=0)
    return np.asarray(np.add.reduceat(rows, begins, axis=1))


def _start(groups: Sequence[int]) -> NDArray[np.intp]:
    labels = np.arange(len(groups), dtype=np.intp)
    first: dict[int, int] = {}
    for index, group in enumerate(groups):
        if group:
            labels[index] = first.setdefault(group, index)
    return labels
