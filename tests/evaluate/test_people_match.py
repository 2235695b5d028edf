from __future__ import annotations

from mot_boxes import boxes_of, walk

from edge.evaluate.people_match import match_people

TEN = range(1, 11)


def test_people_get_the_identity_of_most_of_their_boxes_over_all_cameras() -> None:
    truth = {"door": boxes_of(walk(1, 0, TEN)), "yard": boxes_of(walk(1, 0, TEN) + walk(2, 100, TEN))}
    result = {
        "door": boxes_of(walk(7, 0, TEN)),
        "yard": boxes_of(walk(7, 0, range(1, 6)) + walk(8, 0, range(6, 11)) + walk(9, 100, TEN)),
    }
    assert match_people(truth, result) == {1: 7, 2: 9}


def test_an_identity_stands_for_one_person_and_nobody_for_the_unknown() -> None:
    truth = {"door": boxes_of(walk(1, 0, TEN) + walk(2, 100, TEN) + walk(3, 200, TEN))}
    both = walk(7, 0, TEN) + walk(7, 100, range(20, 25)) + walk(0, 200, TEN)
    assert match_people(truth, {"door": boxes_of(both)}) == {1: 7}


def test_nobody_found_is_nobody_matched() -> None:
    assert match_people({"door": boxes_of(walk(1, 0, TEN))}, {"door": boxes_of([])}) == {}
