from __future__ import annotations

import numpy as np
import pytest
from synthetic_people import faces, look

from edge.stores import Exemplar, Gallery

RNG = np.random.default_rng(0)
FACES = faces(RNG, 4)


def visit(face: int = 0, time_s: float = 0.0, *, noise: float = 0.3, weight: float = 1.0) -> Exemplar:
    vector = look(FACES[face], RNG, noise) if noise else FACES[face]
    return Exemplar("door", vector, weight, time_s, time_s + 5.0, (0.0, 0.0), (9.0, 0.0), 100.0)


def known(gallery: Gallery) -> dict[int, list[Exemplar]]:
    return dict(gallery)


def test_visits_are_kept_by_identity_and_handed_out_in_order() -> None:
    gallery = Gallery(people_max=5, exemplars_max=3)
    first, second, third = visit(), visit(1), visit()
    for identity, one in ((4, first), (2, second), (4, third)):
        assert gallery.add(identity, one) == []
    assert list(gallery) == [(2, [second]), (4, [first, third])]
    assert len(gallery) == 2
    assert 4 in gallery
    assert 3 not in gallery


def test_the_identity_unseen_for_longest_is_forgotten() -> None:
    gallery = Gallery(people_max=2, exemplars_max=3)
    assert gallery.add(1, visit()) == []
    assert gallery.add(2, visit()) == []
    assert gallery.add(1, visit()) == []
    assert gallery.add(3, visit()) == [2]
    assert sorted(known(gallery)) == [1, 3]


def test_the_visits_near_the_centre_are_kept() -> None:
    gallery = Gallery(people_max=2, exemplars_max=3)
    good = [visit(0) for _ in range(2)]
    odd = visit(1)
    for one in (good[0], odd, good[1], visit(0)):
        gallery.add(1, one)
    kept = known(gallery)[1]
    assert len(kept) == 3
    assert odd not in kept


def test_a_heavy_visit_draws_the_centre() -> None:
    gallery = Gallery(people_max=2, exemplars_max=2)
    heavy, light, other = visit(0, noise=0.0, weight=9.0), visit(1), visit(1)
    for one in (light, heavy, other):
        gallery.add(1, one)
    assert heavy in known(gallery)[1]


def test_real_visits_are_kept_not_means() -> None:
    gallery = Gallery(people_max=2, exemplars_max=2)
    given = [visit(0) for _ in range(9)]
    for one in given:
        gallery.add(1, one)
    assert all(any(kept is one for one in given) for kept in known(gallery)[1])


def test_a_merge_moves_everything_within_the_bounds() -> None:
    gallery = Gallery(people_max=5, exemplars_max=3)
    for identity in (1, 2):
        for _ in range(3):
            gallery.add(identity, visit())
    gallery.merge(1, 2)
    assert [(i, len(kept)) for i, kept in gallery] == [(1, 3)]
    gallery.merge(7, 1)
    assert [(i, len(kept)) for i, kept in gallery] == [(7, 3)]
    gallery.merge(8, 99)
    assert sorted(known(gallery)) == [7]


@pytest.mark.parametrize(("into", "other"), [(1, 3), (3, 1)])
def test_who_was_merged_was_last_seen_when_either_was(into: int, other: int) -> None:
    gallery = Gallery(people_max=3, exemplars_max=3)
    for identity in (1, 2, 3):
        gallery.add(identity, visit())
    gallery.merge(into, other)
    gallery.add(4, visit())
    assert gallery.add(5, visit()) == [2]
    assert into in gallery


def test_two_seen_at_one_time_stay_apart() -> None:
    gallery = Gallery(people_max=3, exemplars_max=3)
    gallery.part(1, 2)
    gallery.part(2, 3)
    assert dict(gallery.apart) == {1: {2}, 2: {1, 3}, 3: {2}}


def test_what_sets_two_apart_outlives_a_merge() -> None:
    gallery = Gallery(people_max=3, exemplars_max=3)
    gallery.part(1, 2)
    gallery.part(3, 4)
    gallery.part(2, 3)
    gallery.merge(1, 3)  # 3 is now called 1
    assert dict(gallery.apart) == {1: {2, 4}, 2: {1}, 4: {1}}


def test_what_sets_two_apart_is_forgotten_with_them() -> None:
    gallery = Gallery(people_max=1, exemplars_max=3)
    for other in (2, 3, 4):
        gallery.part(1, other)
    gallery.add(2, visit())
    gallery.forget_apart({1})
    assert dict(gallery.apart) == {1: {2}, 2: {1}}
    gallery.add(9, visit())  # 2 is forgotten
    gallery.forget_apart(set())
    assert dict(gallery.apart) == {}


def test_it_does_not_grow() -> None:
    gallery = Gallery(people_max=10, exemplars_max=3)
    for identity in range(1, 300):
        gallery.part(identity, identity + 1)
        gallery.add(identity, visit())
        gallery.forget_apart({identity, identity + 1})
        assert len(gallery) <= 10
        assert len(gallery.apart) <= 12
    assert sorted(known(gallery)) == list(range(290, 300))


def test_one_visit_can_turn_out_to_be_somebody_elses() -> None:
    gallery = Gallery(people_max=5, exemplars_max=3)
    mine, stray = visit(), visit(1)
    gallery.add(4, mine)
    gallery.add(4, stray)
    gallery.move(stray, 4, 9)
    assert (gallery.of(4), gallery.of(9), gallery.identities) == ([mine], [stray], [4, 9])
    assert gallery.seen_by("door") == {4, 9}
    gallery.move(mine, 4, 9)
    assert (gallery.of(4), gallery.of(9), gallery.identities) == ([], [stray, mine], [9])
    assert gallery.seen_by("door") == {9}


def test_it_says_once_of_whom_something_changed() -> None:
    gallery = Gallery(people_max=2, exemplars_max=3)
    assert gallery.take_changes() == []
    gallery.add(3, visit())
    gallery.add(1, visit())
    assert gallery.take_changes() == [1, 3]
    assert gallery.take_changes() == []
    gallery.add(7, visit())
    assert gallery.take_changes() == [3, 7], "who was forgotten for it too"
    gallery.merge(1, 7)
    assert gallery.take_changes() == [1, 7]
    assert gallery.identities == [1]


# --- over restarts ---


def test_what_is_restored_is_remembered_in_the_same_order() -> None:
    gallery = Gallery(people_max=2, exemplars_max=2)
    one, two, three = visit(), visit(1), visit(2)
    gallery.restore({4: [one], 2: [two], 9: [three]}, [(2, 9)])
    assert list(gallery) == [(2, [two]), (9, [three])]  # beyond the bound those seen longest ago are left out
    assert gallery.apart == {2: {9}, 9: {2}}
    assert gallery.seen_by("door") == {2, 9}
    assert gallery.add(5, visit()) == [2]


def test_a_follower_hears_of_visits_and_of_who_is_apart() -> None:
    gallery = Gallery(people_max=9, exemplars_max=2)
    gallery.add(1, visit())
    changed = gallery.follow()
    assert changed.people == set()
    gallery.add(2, visit())
    gallery.part(3, 1)
    gallery.part(1, 3)
    assert (changed.people, changed.parted, changed.united) == ({2}, {(1, 3)}, set())
    changed.clear()
    gallery.part(2, 3)
    gallery.merge(1, 2)
    assert (changed.people, changed.parted, changed.united) == ({1, 2}, set(), {2})  # 1 and 3 were apart
    changed.clear()
    gallery.forget_apart(set())
    assert (changed.people, changed.parted, changed.united) == (set(), set(), {3})
    assert gallery.follow() is changed


def test_who_is_forgotten_stays_forgotten() -> None:
    gallery = Gallery(people_max=9, exemplars_max=2)
    gallery.add(1, visit())
    gallery.forget(1)
    assert gallery.banned == {1}
    assert gallery.add(1, visit()) == []
    assert gallery.identities == []
