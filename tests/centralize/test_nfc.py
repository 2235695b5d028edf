from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from edge.centralize import NFC, neighbor_centralize, neighbors

TIED = ("ties", "dup")
FAR = ("far", "mixfar")


def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def ranked(rows: NDArray[np.float64], k1: int, allowed: NDArray[np.bool_] | None = None) -> list[list[int]]:
    """The k1 nearest other rows of each row, one pair at a time; ties to the lower index."""
    ranks = []
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i and (allowed is None or allowed[i, j])]
        far = {j: float(((rows[i] - rows[j]) ** 2).sum()) for j in others}
        ranks.append(sorted(others, key=lambda j: (far[j], j))[:k1])
    return ranks


def summed(rows: NDArray[np.float64], ranks: list[list[int]], k2: int) -> NDArray[np.float64]:
    """Each row plus the rows of its neighbours, by the definition."""
    out = rows.copy()
    for i in range(len(rows)):
        for j in ranks[i]:
            if i in ranks[j][:k2]:
                out[i] = out[i] + rows[j]
    return out


def reference(
    feats: NDArray[np.float32],
    k1: int,
    k2: int,
    *,
    normalize: bool,
    ranks: list[list[int]] | None = None,
    allowed: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    rows = feats.astype(np.float64)
    rows = unit(rows) if normalize else rows
    out = summed(rows, ranked(rows, k1, allowed) if ranks is None else ranks, k2)
    return unit(out) if normalize else out


@dataclass(frozen=True)
class Recorded:
    """One call of upstream's function."""

    case: str
    k1: int
    k2: int
    normalize: bool
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    ranks: list[list[int]]


def recorded(shared: Path, cases: tuple[str, ...] = ()) -> Iterator[Recorded]:
    with np.load(shared / "oracle/nfc.npz") as file:
        arrays = dict(file)
    for call in json.loads(bytes(arrays["meta"])):
        if call["ok"] and (not cases or call["case"] in cases):
            name = f"{call['case']}.k{call['k1']}_{call['k2']}.{call['variant']}"
            yield Recorded(
                call["case"],
                call["k1"],
                call["k2"],
                call["variant"] == "demo",
                arrays[f"{call['case']}.x"],
                arrays[f"{name}.y"],
                arrays[f"{name}.rank"].tolist(),
            )


def sees_itself(call: Recorded) -> bool:
    return any(i in rank for i, rank in enumerate(call.ranks))


def test_oracle_recorded_ranks_and_the_reference_give_the_recorded_output(shared: Path) -> None:
    calls = list(recorded(shared))
    assert len(calls) == 74
    for call in calls:
        mine = reference(call.x, call.k1, call.k2, normalize=call.normalize, ranks=call.ranks)
        scale = max(1.0, float(np.abs(call.y).max()))
        np.testing.assert_allclose(mine, call.y, atol=3e-6 * scale, rtol=0, err_msg=str(call.case))


def test_oracle_both_variants_equal_upstream(shared: Path) -> None:
    seen = set()
    for call in recorded(shared):
        if call.case in TIED + FAR or sees_itself(call):
            continue
        seen.add((call.case, call.normalize))
        mine = neighbor_centralize(call.x, call.k1, call.k2, normalize=call.normalize)
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, call.y, atol=2e-5, rtol=1e-5, err_msg=f"{call.case} {call.k1}")
    assert seen == {(case, demo) for case in ("n2", "n7", "n64", "n500") for demo in (False, True)}


def test_oracle_ties_and_duplicates_given_the_recorded_neighbours(shared: Path) -> None:
    """Where distances tie the order is the platform's, so the recorded neighbours are prescribed."""
    checked = 0
    for call in recorded(shared, TIED):
        if sees_itself(call) or call.k2 < call.k1:
            continue
        allowed = np.zeros((len(call.x), len(call.x)), dtype=bool)
        for i, rank in enumerate(call.ranks):
            allowed[i, rank] = True
        mine = neighbor_centralize(call.x, call.k1, call.k2, normalize=call.normalize, allowed=allowed)
        np.testing.assert_allclose(mine, call.y, atol=2e-5, rtol=1e-5)
        checked += 1
    assert checked >= 8


def test_oracle_ties_and_duplicates_have_the_recorded_distances(shared: Path) -> None:
    for call in recorded(shared, TIED):
        if sees_itself(call):
            continue
        rows = call.x.astype(np.float64)
        rows = unit(rows) if call.normalize else rows
        for i, (mine, theirs) in enumerate(zip(ranked(rows, call.k1), call.ranks, strict=True)):
            ours = ((rows[mine] - rows[i]) ** 2).sum(axis=1)
            np.testing.assert_allclose(((rows[theirs] - rows[i]) ** 2).sum(axis=1), ours, atol=1e-4)


def test_oracle_a_row_far_away_is_doubled_by_upstream_and_not_here(shared: Path) -> None:
    checked = 0
    for call in recorded(shared, FAR):
        if call.normalize:
            continue
        doubled = [i for i, rank in enumerate(call.ranks) if i in rank and i in call.ranks[i][: call.k2]]
        if not doubled:
            continue
        checked += 1
        mine = neighbor_centralize(call.x, call.k1, call.k2, normalize=False)
        expected = reference(call.x, call.k1, call.k2, normalize=False)
        scale = float(np.abs(call.x).max())
        np.testing.assert_allclose(mine, expected, atol=1e-5 * scale)
        for i in doubled:
            others = [j for j in call.ranks[i] if j != i and i in call.ranks[j][: call.k2]]
            np.testing.assert_allclose(
                call.y[i], 2 * call.x[i] + call.x[others].sum(axis=0), atol=1e-5 * scale
            )
            assert np.abs(call.y[i] - mine[i]).max() > 0.01 * np.abs(call.x[i]).max()
    assert checked >= 4


def test_oracle_few_rows_are_doubled_by_upstream_and_not_here(shared: Path) -> None:
    """With k1 = n upstream's own row comes last in its list, and with k2 = n it is mutual."""
    checked = 0
    for call in recorded(shared, ("n1", "n2", "n7")):
        if not sees_itself(call):
            continue
        without_self = [[j for j in rank if j != i] for i, rank in enumerate(call.ranks)]
        mine = neighbor_centralize(call.x, call.k1, call.k2, normalize=call.normalize)
        expected = reference(call.x, call.k1, call.k2, normalize=call.normalize, ranks=without_self)
        np.testing.assert_allclose(mine, expected, atol=1e-5)
        checked += 1
    assert checked >= 3


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (2, 2), (5, 3), (3, 6), (17, 40)])
def test_random_rows_equal_the_reference(k1: int, k2: int, normalize: bool) -> None:
    rng = np.random.default_rng(k1 * 10 + k2)
    for count in {k1, 17, 60} - {1}:
        feats = rng.standard_normal((count, 6)).astype(np.float32)
        mine = neighbor_centralize(feats, k1, k2, normalize=normalize)
        expected = reference(feats, k1, k2, normalize=normalize)
        np.testing.assert_allclose(mine, expected, atol=1e-5)


def test_only_allowed_rows_are_neighbours() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        feats = rng.standard_normal((12, 4)).astype(np.float32)
        allowed = rng.random((12, 12)) < 0.4
        mine = neighbor_centralize(feats, 3, 2, allowed=allowed)
        expected = reference(feats, 3, 2, normalize=True, allowed=allowed)
        np.testing.assert_allclose(mine, expected, atol=1e-6)


def test_equal_distances_go_to_the_lower_index() -> None:
    feats = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, -1, 0]], np.float32)
    mine = neighbor_centralize(feats, 1, 1, normalize=False)
    np.testing.assert_allclose(mine[0], feats[0] + feats[1])  # row 1 sees row 0 first, too
    np.testing.assert_allclose(mine[2:], feats[2:])


def test_lone_embedding_is_unchanged() -> None:
    lone = np.array([[0.6, 0.8]], np.float32)
    np.testing.assert_allclose(neighbor_centralize(lone), lone)
    np.testing.assert_allclose(neighbor_centralize(3 * lone, normalize=False), 3 * lone)


def test_nothing_allowed_changes_nothing() -> None:
    feats = np.eye(3, dtype=np.float32)
    out = neighbor_centralize(feats, allowed=np.zeros((3, 3), dtype=bool))
    np.testing.assert_array_equal(out, feats)


def test_no_rows_give_no_rows() -> None:
    assert neighbor_centralize(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_arguments_are_left_as_they_are() -> None:
    feats = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    allowed = np.ones((5, 5), dtype=bool)
    before = feats.copy()
    neighbor_centralize(feats, allowed=allowed)
    np.testing.assert_array_equal(feats, before)
    assert allowed.all()


@pytest.mark.parametrize(
    ("feats", "k1", "allowed", "says"),
    [
        (np.zeros(4), 2, None, "two dimensions"),
        (np.ones((2, 4)), 0, None, "k1 must be 1 or more, got 0"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), 2, None, "row 1 is not"),
        (np.ones((2, 4)), 2, np.ones((2, 3), dtype=bool), r"allowed must have shape \(2, 2\)"),
    ],
)
def test_wrong_input_is_named(
    feats: NDArray[np.float64], k1: int, allowed: NDArray[np.bool_] | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        neighbor_centralize(feats, k1, 2, allowed=allowed)


def test_more_neighbours_than_features_are_refused() -> None:
    with pytest.raises(
        ValueError, match="k1 must be at most the number of features, got k1 = 5 for 4 features"
    ):
        neighbor_centralize(np.eye(4), 5, 2)


@pytest.mark.parametrize(
    ("feats", "says"),
    [
        ([[1.0, 0.0], [0.0, 0.0]], "row 1 is all zeros"),
        ([[np.inf, 0.0], [0.0, 1.0]], "row 0 is not"),
        ([[1e200, 0.0], [0.0, 1.0]], "row 0 is not"),
        (np.zeros((3, 0)), "at least one column"),
        (np.ones((2, 2, 2)), "two dimensions"),
    ],
)
def test_features_that_have_no_right_answer_are_refused(feats: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        neighbor_centralize(np.asarray(feats, dtype=np.float64))


def test_a_row_of_zeros_is_a_point_like_any_other_where_nothing_is_normalized() -> None:
    feats = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]])
    np.testing.assert_allclose(neighbor_centralize(feats, 1, 1, normalize=False)[0], [0.1, 0.0])


@pytest.mark.parametrize("wrong", [2.0, "2", True, None])
def test_a_k_that_is_no_whole_number_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="k1 must be a whole number"):
        neighbor_centralize(np.eye(3), wrong)  # type: ignore[call-overload]


@pytest.mark.parametrize("feats", [np.array([["a", "b"]]), np.ones((2, 2), complex)])
def test_features_that_are_no_real_numbers_are_refused(feats: NDArray[np.generic]) -> None:
    with pytest.raises(TypeError, match="real numbers"):
        neighbor_centralize(feats)


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        (["a"], "one label for each of 3 rows, got 1"),
        (np.zeros((3, 1)), "groups must have one dimension"),
        ([1.0, float("nan"), 2.0], "label 1 is nan"),
    ],
)
def test_groups_that_do_not_fit_are_refused(groups: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        neighbor_centralize(np.eye(3), groups=groups)


def test_a_mask_that_is_not_boolean_is_refused() -> None:
    with pytest.raises(TypeError, match="allowed must be boolean, got dtype int64"):
        neighbor_centralize(np.eye(3), allowed=np.ones((3, 3), dtype=np.int64))  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"allowed gives for rows 0 to 2 must have shape \(3, 3\)"):
        neighbor_centralize(np.eye(3), allowed=lambda rows: np.ones((len(rows), 2), dtype=bool))


def test_neighbours_come_from_other_groups() -> None:
    rng = np.random.default_rng(6)
    feats = rng.standard_normal((30, 5)).astype(np.float32)
    groups = rng.choice(["a", "b", "c"], 30)
    others = groups[:, None] != groups[None, :]
    expected = reference(feats, 3, 2, normalize=True, allowed=others)
    np.testing.assert_allclose(neighbor_centralize(feats, 3, 2, groups=groups), expected, atol=1e-6)
    np.testing.assert_allclose(neighbor_centralize(feats, 3, 2, groups=list(groups)), expected, atol=1e-6)


def test_who_has_no_group_may_be_anybodys_neighbour() -> None:
    feats = np.random.default_rng(7).standard_normal((10, 5))
    np.testing.assert_array_equal(
        neighbor_centralize(feats, 3, 3, groups=[None] * 10), neighbor_centralize(feats, 3, 3)
    )


def test_constraints_hold_together_and_a_function_may_say_them() -> None:
    rng = np.random.default_rng(8)
    feats = rng.standard_normal((40, 5)).astype(np.float32)
    groups = rng.integers(0, 3, 40)
    mask = rng.random((40, 40)) < 0.7
    both = mask & (groups[:, None] != groups[None, :])
    expected = reference(feats, 3, 3, normalize=False, allowed=both)
    for allowed in (mask, lambda rows: mask[rows]):
        mine = neighbor_centralize(feats, 3, 3, normalize=False, allowed=allowed, groups=groups)
        np.testing.assert_allclose(mine, expected, atol=1e-5)


def test_rounds_are_the_same_as_calling_again() -> None:
    feats = np.random.default_rng(9).standard_normal((50, 6)).astype(np.float32)
    again = neighbor_centralize(neighbor_centralize(neighbor_centralize(feats, 3, 3), 3, 3), 3, 3)
    np.testing.assert_array_equal(neighbor_centralize(feats, 3, 3, rounds=3), again)


def test_two_that_cancel_each_other_out_leave_zeros() -> None:
    out = neighbor_centralize(np.array([[1.0, 0.0], [-1.0, 0.0]]), 1, 1, rounds=2)
    np.testing.assert_array_equal(out, np.zeros((2, 2)))


def test_upstreams_name_is_the_same_function() -> None:
    feats = np.random.default_rng(10).standard_normal((20, 6))
    np.testing.assert_array_equal(NFC(feats), neighbor_centralize(feats, 2, 2))
    np.testing.assert_array_equal(
        NFC(feats, 3, 1, normalize=False), neighbor_centralize(feats, 3, 1, normalize=False)
    )


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 7 rows, so that a few rows already make several of them."""
    monkeypatch.setattr(neighbors, "BLOCK_BYTES", 0)
    monkeypatch.setattr(neighbors, "FEWEST_ROWS", 7)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("normalize", [True, False])
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_features_equal_the_slow_reference(normalize: bool, data: st.DataObject) -> None:
    """Small whole numbers: many exact ties and copies, which every order of summation gives exactly.

    Where rows are normalized they are axes (with copies), so that unit rows are exact as well.
    """
    count = data.draw(st.integers(2, 40))
    if normalize:
        axes = data.draw(st.lists(st.integers(0, 7), min_size=count, max_size=count))
        feats = np.eye(8, dtype=np.float32)[axes] * 3
    else:
        feats = data.draw(npst.arrays(np.float32, (count, 3), elements=st.integers(-2, 2)))
    k1 = data.draw(st.integers(1, min(count, 6)))
    k2 = data.draw(st.integers(1, 6))
    allowed = data.draw(st.none() | npst.arrays(np.bool_, (count, count)))
    mine = neighbor_centralize(feats, k1, k2, normalize=normalize, allowed=allowed)
    np.testing.assert_allclose(
        mine, reference(feats, k1, k2, normalize=normalize, allowed=allowed), atol=1e-5
    )


@pytest.mark.usefixtures("small_blocks")
@given(
    seed=st.integers(0, 2**32 - 1),
    spread=st.sampled_from([1.0, 1e-3, 1e-6]),
    offset=st.sampled_from([0, 1, 1e3]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_features_that_float32_cannot_tell_apart_equal_the_reference(
    seed: int, spread: float, offset: float
) -> None:
    """Collapsed and far-off features: float32 products are all alike, their differences are not."""
    rng = np.random.default_rng(seed)
    feats = offset * rng.standard_normal(16) + spread * rng.standard_normal((100, 16))
    for normalize in (True, False):
        mine = neighbor_centralize(feats, 3, 2, normalize=normalize)
        expected = reference(feats, 3, 2, normalize=normalize)
        np.testing.assert_allclose(mine, expected, atol=1e-6 * max(1.0, float(np.abs(expected).max())))


def test_hundreds_of_copies_are_neighbours_in_the_order_of_their_rows() -> None:
    rng = np.random.default_rng(11)
    feats = np.repeat(rng.standard_normal((2, 9)).astype(np.float32), 300, axis=0)
    copies = np.arange(600) // 300
    mine = neighbor_centralize(feats, 2, 2, normalize=False)
    # The first three of each all list each other; everybody else lists the first two and is on no list.
    counts = np.where(np.arange(600) % 300 < 3, np.array([3, 3, 3])[np.minimum(np.arange(600) % 300, 2)], 1)
    assert counts.sum() == 2 * (297 + 9)
    np.testing.assert_allclose(mine, feats * counts[:, None], rtol=1e-6, err_msg=str(copies))


def test_many_neighbours_equal_the_reference() -> None:
    feats = np.random.default_rng(12).standard_normal((150, 6)).astype(np.float32)
    mine = neighbor_centralize(feats, 70, 60, normalize=False)
    np.testing.assert_allclose(mine, reference(feats, 70, 60, normalize=False), atol=1e-4)


def test_memory_does_not_grow_with_the_square() -> None:
    feats = np.random.default_rng(13).standard_normal((6000, 8)).astype(np.float32)
    tracemalloc.start()
    neighbor_centralize(feats, 2, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.7 * neighbors.BLOCK_BYTES < 6000**2 * 4


def test_integers_and_lists_are_features_too() -> None:
    np.testing.assert_array_equal(
        neighbor_centralize([[1, 0], [1, 0]], 1, 1, normalize=False), [[2.0, 0.0], [2.0, 0.0]]
    )


def test_arrays_need_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np, edge.centralize as c\n"
        "x = np.eye(5, dtype=np.float32)\n"
        "c.neighbor_centralize(x); c.identity_density(x, range(5)); c.fuse_generated(x, x[:, None])\n"
        "c.remove_camera_mean(x, [0, 0, 1, 1, 1]); c.k_reciprocal_rerank(x[:2], x[2:], 2, 2)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
