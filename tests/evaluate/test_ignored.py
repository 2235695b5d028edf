from __future__ import annotations

import numpy as np
from mot_boxes import boxes_of, walk

from edge.evaluate.ignored import leave_out_ignored
from edge.evaluate.mot import MotBoxes

TEN = range(1, 11)


def both(*parts: MotBoxes) -> MotBoxes:
    return MotBoxes(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("frames", "ids", "boxes_ltwh_px", "confidences")
        )
    )


SEEN = boxes_of(walk(1, 0, TEN))
HIDDEN = boxes_of(walk(2, 100, TEN), hidden=True)


def test_without_hidden_people_nothing_changes() -> None:
    result = boxes_of(walk(7, 500, TEN))
    assert leave_out_ignored(SEEN, result) == (SEEN, result)


def test_a_box_on_a_hidden_person_goes_and_one_on_nobody_stays() -> None:
    result = boxes_of(walk(7, 0, TEN) + walk(8, 102, TEN) + walk(9, 300, TEN))
    truth, found = leave_out_ignored(both(SEEN, HIDDEN), result)
    assert set(truth.ids.tolist()) == {1}
    assert sorted(found.ids.tolist()) == [7] * 10 + [9] * 10


def test_a_box_that_overlaps_a_hidden_person_by_less_than_half_stays() -> None:
    _, found = leave_out_ignored(both(SEEN, HIDDEN), boxes_of(walk(8, 104, TEN)))  # IoU 6/14
    assert len(found) == 10


def test_one_hidden_person_takes_one_box() -> None:
    _, found = leave_out_ignored(both(SEEN, HIDDEN), boxes_of([(1, 7, 100), (1, 8, 101)]))
    assert found.ids.tolist() == [8]


def test_who_counts_gets_the_box_even_where_the_hidden_one_fits_better() -> None:
    behind = boxes_of(walk(2, 2, TEN), hidden=True)
    truth, found = leave_out_ignored(both(SEEN, behind), boxes_of(walk(7, 2, TEN)))
    assert (len(truth), len(found)) == (10, 10)


def test_hidden_people_nobody_found_are_no_misses() -> None:
    truth, found = leave_out_ignored(both(SEEN, HIDDEN), boxes_of([]))
    assert (len(truth), len(found)) == (10, 0)
