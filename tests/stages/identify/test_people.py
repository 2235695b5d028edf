from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.stages.identify.people import cluster


def naive(
    similarity: NDArray[np.float64],
    possible: NDArray[np.bool_],
    groups: Sequence[int],
    similarity_min: float,
) -> list[int]:
    """Join the most similar two clusters, again and again, with everything computed anew."""
    clusters: list[list[int]] = []
    for i, group in enumerate(groups):
        home = next((c for c in clusters if group and groups[c[0]] == group), None)
        if home is None:
            clusters.append([i])
        else:
            home.append(i)
    while True:
        best, pair = similarity_min, None
        for a in range(len(clusters)):
            for b in range(a + 1, len(clusters)):
                rows = np.ix_(clusters[a], clusters[b])
                mean = float(similarity[rows].mean())
                if possible[rows].all() and (mean > best or (mean == best and pair is None)):
                    best, pair = mean, (a, b)
        if pair is None:
            break
        clusters[pair[0]] = sorted(clusters[pair[0]] + clusters.pop(pair[1]))
        clusters.sort()
    labels = [0] * len(groups)
    for members in clusters:
        for i in members:
            labels[i] = members[0]
    return labels


def random_case(seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[int], float]:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 16))
    rows = rng.standard_normal((count, 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    possible = rng.random((count, count)) < 0.85
    possible &= possible.T
    np.fill_diagonal(possible, True)
    groups = rng.integers(0, 5, count) * (rng.random(count) < 0.4)
    return rows @ rows.T, possible, groups.tolist(), float(rng.uniform(-0.2, 0.8))


@pytest.mark.parametrize("seed", range(60))
def test_it_equals_average_linkage_computed_naively(seed: int) -> None:
    similarity, possible, groups, least = random_case(seed)
    assert cluster(similarity, possible, groups, least).tolist() == naive(similarity, possible, groups, least)


@pytest.mark.parametrize("seed", range(60, 90))
def test_who_must_be_together_is_and_who_must_not_is_not(seed: int) -> None:
    similarity, possible, groups, least = random_case(seed)
    labels = cluster(similarity, possible, groups, least)
    for i in range(len(groups)):
        for j in range(len(groups)):
            if groups[i] and groups[i] == groups[j]:
                assert labels[i] == labels[j]
            elif not possible[i, j] and not any(groups):
                assert labels[i] != labels[j]
        assert labels[labels[i]] == labels[i] <= i


def test_the_threshold_itself_is_enough() -> None:
    similarity = np.array([[1.0, 0.5], [0.5, 1.0]])
    every = np.ones((2, 2), dtype=bool)
    assert cluster(similarity, every, [0, 0], 0.5).tolist() == [0, 0]
    assert cluster(similarity, every, [0, 0], 0.5 + 1e-9).tolist() == [0, 1]


def test_ties_go_to_the_lower_index() -> None:
    similarity = np.full((4, 4), 0.9)
    possible = np.ones((4, 4), dtype=bool)
    possible[0, 1] = possible[1, 0] = possible[2, 3] = possible[3, 2] = False
    assert cluster(similarity, possible, [0, 0, 0, 0], 0.5).tolist() == [0, 1, 0, 1]


def test_the_argument_is_left_as_it_is() -> None:
    similarity, possible, groups, least = random_case(1)
    before = similarity.copy()
    cluster(similarity, possible, groups, least)
    np.testing.assert_array_equal(similarity, before)


def test_nobody_gives_no_clusters() -> None:
    assert cluster(np.zeros((0, 0)), np.zeros((0, 0), dtype=bool), [], 0.5).tolist() == []
