from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.stages.identify.people import cluster

Ask = Callable[[Sequence[int], Sequence[int]], bool]


def naive(
    similarity: NDArray[np.float64], possible: NDArray[np.bool_], groups: Sequence[int], least: float
) -> list[int]:
    """Join the most similar two clusters, again and again, with everything computed anew.

    similarity, possible: of the members; groups: the unit of each member.
    """
    clusters = [[unit] for unit in range(max(groups) + 1)]

    def members(units: Sequence[int]) -> list[int]:
        return [i for i, group in enumerate(groups) if group in units]

    while True:
        best, pair = least, None
        for a in range(len(clusters)):
            for b in range(a + 1, len(clusters)):
                rows = np.ix_(members(clusters[a]), members(clusters[b]))
                mean = float(similarity[rows].mean())
                if possible[rows].all() and (mean > best or (mean == best and pair is None)):
                    best, pair = mean, (a, b)
        if pair is None:
            break
        clusters[pair[0]] = sorted(clusters[pair[0]] + clusters.pop(pair[1]))
        clusters.sort()
    labels = [0] * (max(groups) + 1)
    for units in clusters:
        for unit in units:
            labels[unit] = units[0]
    return labels


def random_case(seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[int], float]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 16))
    rows = rng.standard_normal((count, 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    possible = rng.random((count, count)) < 0.85
    possible &= possible.T
    np.fill_diagonal(possible, True)
    groups = np.unique(rng.integers(0, 12, count), return_inverse=True)[1]
    return rows @ rows.T, possible, groups.tolist(), float(rng.uniform(-0.2, 0.8))


def units_of(
    similarity: NDArray[np.float64], possible: NDArray[np.bool_], groups: Sequence[int]
) -> tuple[NDArray[np.float64], Ask, list[int]]:
    """The same as means over units."""
    owns = (np.array(groups)[None, :] == np.arange(max(groups) + 1)[:, None]).astype(float)
    sizes = owns.sum(axis=1)
    mean = owns @ similarity @ owns.T / np.outer(sizes, sizes)
    may = owns @ ~possible @ owns.T == 0
    return mean, lambda some, others: bool(may[np.ix_(some, others)].all()), [int(size) for size in sizes]


def everybody(some: Sequence[int], others: Sequence[int]) -> bool:
    return True


@pytest.mark.parametrize("seed", range(60))
def test_it_equals_average_linkage_computed_naively(seed: int) -> None:
    similarity, possible, groups, least = random_case(seed)
    found = cluster(*units_of(similarity, possible, groups), least)
    assert found.tolist() == naive(similarity, possible, groups, least)


@pytest.mark.parametrize("seed", range(60, 90))
def test_who_must_not_be_together_is_not(seed: int) -> None:
    similarity, possible, groups, least = random_case(seed)
    mean, may_join, sizes = units_of(similarity, possible, groups)
    labels = cluster(mean, may_join, sizes, least)
    for i in range(len(sizes)):
        for j in range(i):
            assert labels[i] != labels[j] or may_join([i], [j])
        assert labels[labels[i]] == labels[i] <= i


def test_only_who_would_be_joined_is_asked_about() -> None:
    asked: list[tuple[list[int], list[int]]] = []

    def may_join(some: Sequence[int], others: Sequence[int]) -> bool:
        asked.append((list(some), list(others)))
        return True

    mean = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])
    assert cluster(mean, may_join, [1, 1, 1], 0.5).tolist() == [0, 0, 2]
    assert asked == [([0], [1])]


def test_the_threshold_itself_is_enough() -> None:
    mean = np.array([[1.0, 0.5], [0.5, 1.0]])
    assert cluster(mean, everybody, [1, 1], 0.5).tolist() == [0, 0]
    assert cluster(mean, everybody, [1, 1], 0.5 + 1e-9).tolist() == [0, 1]


def test_large_units_weigh_more() -> None:
    """0 and 1 join; 2 is close to 0 and far from 1, so it depends on which of the two is larger."""
    mean = np.array([[1.0, 0.9, 0.8], [0.9, 1.0, 0.2], [0.8, 0.2, 1.0]])
    assert cluster(mean, everybody, [9, 1, 1], 0.6).tolist() == [0, 0, 0]
    assert cluster(mean, everybody, [1, 9, 1], 0.6).tolist() == [0, 0, 2]


def test_who_has_no_looks_joins_nobody() -> None:
    mean = np.array([[1.0, -np.inf, 0.9], [-np.inf, -np.inf, -np.inf], [0.9, -np.inf, 1.0]])
    assert cluster(mean, everybody, [1, 0, 1], 0.5).tolist() == [0, 1, 0]


def test_ties_go_to_the_lower_index() -> None:
    never = {(0, 1), (2, 3)}

    def may_join(some: Sequence[int], others: Sequence[int]) -> bool:
        return not any((min(a, b), max(a, b)) in never for a in some for b in others)

    assert cluster(np.full((4, 4), 0.9), may_join, [1] * 4, 0.5).tolist() == [0, 1, 0, 1]


def test_the_argument_is_left_as_it_is() -> None:
    similarity, possible, groups, least = random_case(1)
    mean, may_join, sizes = units_of(similarity, possible, groups)
    before = mean.copy()
    cluster(mean, may_join, sizes, least)
    np.testing.assert_array_equal(mean, before)


def test_nobody_gives_no_clusters() -> None:
    assert cluster(np.zeros((0, 0)), everybody, [], 0.5).tolist() == []
