from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.centralize import k_reciprocal_rerank, neighbors


def reference(
    query: NDArray[np.float64], gallery: NDArray[np.float64], k1: int, k2: int, share: float
) -> NDArray[np.float64]:
    """The paper's formulas one at a time, with sets."""
    rows = np.concatenate([query, gallery])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    count = len(rows)
    squared = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    order = [[i, *sorted(set(range(count)) - {i}, key=lambda j: (squared[i, j], j))] for i in range(count)]

    def near(i: int, k: int) -> set[int]:
        return set(order[i][: k + 1])

    def reciprocal(i: int, k: int) -> set[int]:
        return {j for j in near(i, k) if i in near(j, k)}

    scaled = squared / squared.max(axis=1, keepdims=True)
    weights = np.zeros((count, count))
    for i in range(count):
        wide = reciprocal(i, k1)
        grown = set(wide)
        for j in wide:
            narrow = reciprocal(j, max(1, round(k1 / 2)))
            if 3 * len(wide & narrow) >= 2 * len(narrow):
                grown |= narrow
        for j in grown:
            weights[i, j] = np.exp(-scaled[i, j])
        weights[i] /= weights[i].sum()
    averaged = np.array([weights[order[i][:k2]].mean(axis=0) for i in range(count)])
    out = np.zeros((len(query), len(gallery)))
    for i in range(len(query)):
        for j in range(len(gallery)):
            one, other = averaged[i], averaged[len(query) + j]
            jaccard = 1 - np.minimum(one, other).sum() / np.maximum(one, other).sum()
            out[i, j] = (1 - share) * jaccard + share * scaled[i, len(query) + j]
    return out


@pytest.mark.parametrize(
    ("k1", "k2", "share"), [(20, 6, 0.3), (5, 1, 0.0), (1, 2, 0.5), (7, 12, 1.0), (6, 3, 0.1)]
)
def test_distances_equal_the_dense_reference(
    k1: int, k2: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbors, "BLOCK_BYTES", 0)
    monkeypatch.setattr(neighbors, "FEWEST_ROWS", 16)
    rng = np.random.default_rng(k1)
    people = rng.standard_normal((12, 8))
    query = people + 0.4 * rng.standard_normal((12, 8))
    gallery = np.repeat(people, 5, axis=0) + 0.4 * rng.standard_normal((60, 8))
    out = k_reciprocal_rerank(query, gallery, k1, k2, share)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, reference(query, gallery, k1, k2, share), atol=1e-6)


def test_reranking_finds_more_of_the_same_people() -> None:
    rng = np.random.default_rng(0)
    people = rng.standard_normal((40, 16))
    query = people + 1.1 * rng.standard_normal((40, 16))
    gallery = np.repeat(people, 8, axis=0) + 1.1 * rng.standard_normal((320, 16))
    same = np.arange(40)[:, None] == (np.arange(320) // 8)[None, :]

    def found(distances: NDArray[np.floating]) -> float:
        first = np.argsort(distances, axis=1)[:, :8]
        return float(np.take_along_axis(same, first, axis=1).mean())

    plain = k_reciprocal_rerank(query, gallery, lambda_value=1.0)
    assert found(k_reciprocal_rerank(query, gallery)) > found(plain) + 0.1


def test_all_equal_features_are_all_equally_far() -> None:
    out = k_reciprocal_rerank(np.ones((2, 3)), np.ones((4, 3)), 5, 2)
    np.testing.assert_allclose(out, np.zeros((2, 4)), atol=1e-6)


def test_nobody_to_rank_gives_nothing() -> None:
    assert k_reciprocal_rerank(np.zeros((0, 3)), np.ones((4, 3))).shape == (0, 4)
    assert k_reciprocal_rerank(np.ones((4, 3)), np.zeros((0, 3))).shape == (4, 0)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="k1 must be below the number of features, got 20 for 6 features"):
        k_reciprocal_rerank(np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match="k2 must be 1 or more"):
        k_reciprocal_rerank(np.eye(3), np.eye(3), 2, 0)
    with pytest.raises(ValueError, match="gallery must have 3 columns as query, got 2"):
        k_reciprocal_rerank(np.eye(3), np.eye(2))
    with pytest.raises(ValueError, match="gallery has dtype float32, query float64"):
        k_reciprocal_rerank(np.eye(3), np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match="query must have a direction; row 0 is all zeros"):
        k_reciprocal_rerank(np.zeros((3, 3)), np.eye(3))
    with pytest.raises(ValueError, match="lambda_value must be 0 to 1, got 2"):
        k_reciprocal_rerank(np.eye(3), np.eye(3), lambda_value=2)
