from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.centralize import neighbor_centralize

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
@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (2, 2), (5, 3), (3, 6), (40, 40)])
def test_random_rows_equal_the_reference(k1: int, k2: int, normalize: bool) -> None:
    rng = np.random.default_rng(k1 * 10 + k2)
    for count in (2, 3, 17):
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
        (np.zeros((2, 4)), 0, None, "1 or more, got 0 and 2"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), 2, None, "row 1 is not"),
        (np.zeros((2, 4)), 2, np.ones((2, 3), dtype=bool), r"allowed must have shape \(2, 2\)"),
    ],
)
def test_wrong_input_is_named(
    feats: NDArray[np.float64], k1: int, allowed: NDArray[np.bool_] | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        neighbor_centralize(feats, k1, 2, allowed=allowed)
