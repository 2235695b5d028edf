from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.evaluate.retrieval import (
    Distances,
    Labels,
    RetrievalScore,
    distances_between,
    score_retrieval,
)


def labels(*pairs: tuple[int, int]) -> Labels:
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return Labels(table[:, 0], table[:, 1])


def given_rows(rows: NDArray[np.floating]) -> Distances:
    return lambda start, stop: rows[start:stop]


def slow_reference(rows: NDArray[np.floating], query: Labels, gallery: Labels) -> RetrievalScore:
    """Walk down each query's list, picture by picture, as the protocol says it."""
    precisions, hits = [], {1: 0, 5: 0, 10: 0}
    scored = 0
    for q in range(len(query)):
        kept = [
            (float(rows[q, g]), bool(gallery.persons[g] == query.persons[q]))
            for g in range(len(gallery))
            if not (gallery.persons[g] == query.persons[q] and gallery.cameras[g] == query.cameras[q])
        ]
        kept.sort()  # False before True: at equal distance the wrong one comes first
        if not any(right for _, right in kept):
            continue
        scored += 1
        found, precision_at_hits = 0, []
        for rank, (_, right) in enumerate(kept, start=1):
            if right:
                found += 1
                precision_at_hits.append(found / rank)
        precisions.append(sum(precision_at_hits) / len(precision_at_hits))
        for k in hits:
            hits[k] += any(right for _, right in kept[:k])
    if not scored:
        return RetrievalScore(0.0, 0.0, 0.0, 0.0, 0, len(query))
    shares = (hits[k] / scored for k in (1, 5, 10))
    return RetrievalScore(sum(precisions) / scored, *shares, scored, len(query) - scored)


@st.composite
def rankings(draw: st.DrawFn) -> tuple[NDArray[np.float64], Labels, Labels]:
    q, g = draw(st.integers(1, 8)), draw(st.integers(1, 25))
    person, camera = st.integers(0, 4), st.integers(1, 3)
    query = labels(*draw(st.lists(st.tuples(st.integers(1, 4), camera), min_size=q, max_size=q)))
    gallery = labels(*draw(st.lists(st.tuples(person, camera), min_size=g, max_size=g)))
    steps = draw(st.lists(st.integers(0, 6), min_size=q * g, max_size=q * g))  # few values: many ties
    return np.array(steps, np.float64).reshape(q, g) / 3, query, gallery


@given(ranking=rankings(), block=st.integers(1, 9))
@settings(deadline=None, max_examples=150)
def test_scores_are_those_of_the_slow_reference_at_any_block_size(
    ranking: tuple[NDArray[np.float64], Labels, Labels], block: int
) -> None:
    rows, query, gallery = ranking
    score = score_retrieval(given_rows(rows), query, gallery, block=block)
    expected = slow_reference(rows, query, gallery)
    assert score.map == pytest.approx(expected.map)
    assert (score.rank1, score.rank5, score.rank10) == pytest.approx(
        (expected.rank1, expected.rank5, expected.rank10)
    )
    assert (score.queries, score.unmatched) == (expected.queries, expected.unmatched)


@given(ranking=rankings(), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_the_order_of_the_gallery_does_not_matter(
    ranking: tuple[NDArray[np.float64], Labels, Labels], seed: int
) -> None:
    rows, query, gallery = ranking
    order = np.random.default_rng(seed).permutation(len(gallery))
    shuffled = Labels(gallery.persons[order], gallery.cameras[order])
    assert score_retrieval(given_rows(rows[:, order]), query, shuffled) == score_retrieval(
        given_rows(rows), query, gallery
    )


def test_same_camera_is_ignored_and_distractors_count() -> None:
    query = labels((7, 1))
    gallery = labels((7, 1), (0, 2), (7, 2), (8, 1), (7, 3), (0, 3))
    rows = np.array([[0.0, 0.1, 0.2, 0.3, 0.4, 0.5]])
    # What is left is: distractor, right, somebody else, right, distractor.
    score = score_retrieval(given_rows(rows), query, gallery)
    assert score.map == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert (score.rank1, score.rank5, score.rank10) == (0.0, 1.0, 1.0)
    without = gallery.persons != 0
    cleared = Labels(gallery.persons[without], gallery.cameras[without])
    assert score_retrieval(given_rows(rows[:, without]), query, cleared).map == pytest.approx((1 + 2 / 3) / 2)


def test_a_query_without_a_match_counts_for_nothing() -> None:
    query = labels((1, 1), (2, 1), (3, 1))
    gallery = labels((1, 2), (2, 1))
    score = score_retrieval(given_rows(np.tile([0.0, 1.0], (3, 1))), query, gallery)
    assert score == RetrievalScore(1.0, 1.0, 1.0, 1.0, queries=1, unmatched=2)


def test_a_network_that_says_the_same_of_everybody_scores_the_worst() -> None:
    query = labels((1, 1), (2, 1))
    gallery = labels((1, 2), (2, 2), (3, 2))
    vectors = np.ones((3, 4), np.float32) / 2
    score = score_retrieval(distances_between(vectors[:2], vectors), query, gallery)
    assert (score.rank1, score.map) == (0.0, pytest.approx(1 / 3))


def test_a_distance_that_is_no_number_is_an_error() -> None:
    rows = np.array([[0.1, np.nan]])
    with pytest.raises(ValueError, match="distance of query 0 is not a number"):
        score_retrieval(given_rows(rows), labels((1, 1)), labels((1, 2), (2, 2)))


def test_distances_of_another_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"distances must be \(1, 2\), got \(1, 3\)"):
        score_retrieval(given_rows(np.zeros((1, 3))), labels((1, 1)), labels((1, 2), (2, 2)))


def test_memory_grows_with_the_block_and_not_with_the_queries() -> None:
    rng = np.random.default_rng(0)
    gallery_rows = rng.standard_normal((4000, 8)).astype(np.float32)
    gallery = Labels(rng.integers(0, 50, 4000), rng.integers(1, 7, 4000))

    def peak_bytes(queries: int) -> int:
        rows = rng.standard_normal((queries, 8)).astype(np.float32)
        query = Labels(rng.integers(1, 50, queries), rng.integers(1, 7, queries))
        tracemalloc.start()
        score_retrieval(distances_between(rows, gallery_rows), query, gallery, block=16)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few, many = peak_bytes(32), peak_bytes(320)
    assert many < 1.5 * few
    assert many < 4 * 16 * 4000 * 4  # some blocks, far from 320 rows
