from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from edge.stages.identify.naming import Naming, carry_over

NOBODY: frozenset[int] = frozenset()


def named(
    settled: Sequence[frozenset[int]],
    members: Sequence[Mapping[int, int]],
    *,
    next_number: int = 100,
    unwritten: Sequence[int] | None = None,
) -> Naming:
    written = frozenset().union(*settled)
    free = {old for m in members for old in m} - written if unwritten is None else set(unwritten)
    return carry_over(settled, members, itertools.count(next_number).__next__, free)


def test_everybody_keeps_the_name() -> None:
    naming = named([NOBODY, NOBODY], [{2: 10}, {1: 5}])
    assert naming.names == [2, 1]
    assert (naming.fresh, naming.merged, naming.split) == (set(), {}, {})


def test_who_has_none_gets_a_new_one() -> None:
    naming = named([NOBODY, NOBODY], [{}, {1: 5}])
    assert naming.names == [100, 1]
    assert (naming.fresh, naming.split) == ({100}, {})


def test_of_two_that_become_one_the_larger_part_lends_its_name() -> None:
    naming = named([NOBODY], [{1: 5, 2: 10}])
    assert naming.names == [2]
    assert naming.merged == {1: 2}


def test_of_two_equal_parts_the_older_name_lives_on() -> None:
    assert named([NOBODY], [{2: 10, 1: 10}]).names == [1]
    assert named([NOBODY], [{1: 10, 2: 10}]).merged == {2: 1}


def test_one_that_becomes_two_is_split() -> None:
    naming = named([NOBODY, NOBODY], [{1: 4}, {1: 6}])
    assert naming.names == [100, 1]
    assert naming.split == {100: 1}
    assert (naming.fresh, naming.merged) == ({100}, {})


def test_as_many_boxes_as_possible_keep_their_name() -> None:
    """Taking the largest first would give 1 to the first, and leave 5 of 15 instead of 14."""
    naming = named([NOBODY, NOBODY], [{1: 6, 2: 5}, {1: 9}])
    assert naming.names == [2, 1]


def test_what_is_written_keeps_its_name_against_any_number_of_boxes() -> None:
    naming = named([frozenset({3}), NOBODY], [{1: 1000}, {1: 5}])
    assert naming.names == [3, 1]
    assert naming.merged == {}


def test_two_that_are_written_and_turn_out_one_take_the_older_name() -> None:
    naming = named([frozenset({7, 3}), NOBODY], [{7: 50}, {7: 5}])
    assert naming.names == [3, 100]
    assert naming.merged == {7: 3}
    assert naming.split == {100: 7}


def test_a_written_name_is_not_taken_by_others() -> None:
    naming = named([frozenset({1}), NOBODY], [{}, {1: 1000}])
    assert naming.names == [1, 100]
    assert naming.split == {100: 1}


def test_a_name_nobody_bears_any_more_is_merged_into_where_most_of_it_went() -> None:
    naming = named([frozenset({1}), frozenset({2})], [{1: 1, 5: 3}, {5: 8}])
    assert naming.merged == {5: 2}


def test_a_written_name_that_nobody_bears_any_more_is_not_merged() -> None:
    """The gallery has forgotten it, but its past, already written, is not what moved."""
    naming = named([frozenset({1})], [{5: 3}], unwritten=[])
    assert naming.names == [1]
    assert naming.merged == {}


def test_no_clusters() -> None:
    assert named([], []).names == []


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_clusters_the_names_are_in_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 7))
    olds = list(range(1, 9))
    settled_sets: list[set[int]] = [set() for _ in range(count)]
    for old in olds[:4]:
        if rng.random() < 0.7:
            settled_sets[int(rng.integers(count))].add(old)
    settled = [frozenset(s) for s in settled_sets]
    members = [
        {
            int(old): int(rng.integers(1, 20))
            for old in rng.choice(olds, int(rng.integers(0, 4)), replace=False)
        }
        for _ in range(count)
    ]
    written = frozenset().union(*settled)
    unwritten = {old for old in olds if old not in written and rng.random() < 0.7}
    naming = carry_over(settled, members, itertools.count(100).__next__, unwritten)
    before = {old for m in members for old in m}
    assert len(set(naming.names)) == count, "no name twice"
    assert naming.fresh == {name for name in naming.names if name >= 100}
    for name, olds_here, boxes in zip(naming.names, settled, members, strict=True):
        if olds_here:
            assert name == min(olds_here)
            assert all(naming.merged[old] == name for old in olds_here - {name})
        else:
            assert name in boxes or name in naming.fresh
            assert name not in written
        if name in naming.fresh:
            assert naming.split.get(name, 0) == max(boxes, key=lambda o: (boxes[o], -o), default=0)
    assert set(naming.split) <= naming.fresh
    assert not set(naming.merged) & set(naming.names), "who is merged is gone"
    assert set(naming.merged.values()) <= set(naming.names)
    assert set(naming.merged) <= written | unwritten
    assert (unwritten & before) - set(naming.names) <= set(naming.merged), "nobody vanishes unsaid"
    free = [i for i in range(count) if not settled[i]]
    weights = np.array(
        [[members[i].get(old, 0) if old not in written else 0 for old in range(1, 9)] for i in free]
    )
    if weights.size:
        best = weights[linear_sum_assignment(-weights)].sum()
        assert sum(members[i].get(naming.names[i], 0) for i in free) == best
