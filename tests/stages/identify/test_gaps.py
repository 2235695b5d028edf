from __future__ import annotations

import numpy as np
import pytest

from edge.stages.identify.gaps import Row, fill

SECOND_NS = 1_000_000_000


def row(frame: int, identity: int = 1, *, x: float = 0.0, step: int = 1) -> Row:
    box = np.array([x, 0.0, x + 50.0, 100.0], np.float32)
    return Row(frame, identity, frame * SECOND_NS // 10, box, 0.9, step)


def test_a_gap_is_filled_on_the_straight_line() -> None:
    made = list(fill([row(5, x=40.0), row(1)], SECOND_NS))
    assert [r.frame for r in made] == [2, 3, 4]
    assert [float(r.box_px[0]) for r in made] == pytest.approx([10.0, 20.0, 30.0])
    assert [r.time_ns for r in made] == [frame * SECOND_NS // 10 for frame in (2, 3, 4)]
    assert {(r.identity, r.score, r.box_px.dtype) for r in made} == {(1, 0.0, np.dtype(np.float32))}


def test_a_gap_of_just_the_length_is_filled_and_a_longer_one_not() -> None:
    assert len(list(fill([row(1), row(11)], SECOND_NS))) == 9
    assert list(fill([row(1), row(12)], SECOND_NS)) == []


def test_each_identity_has_its_own_gaps() -> None:
    made = list(fill([row(1), row(2, 2), row(3), row(4, 2)], SECOND_NS))
    assert [(r.frame, r.identity) for r in made] == [(2, 1), (3, 2)]


def test_frames_that_are_skipped_throughout_are_no_gap() -> None:
    made = list(fill([row(1, step=3), row(4, step=3), row(10, step=3)], SECOND_NS))
    assert [r.frame for r in made] == [7]


def test_neighbouring_boxes_and_two_in_one_frame_leave_nothing_to_fill() -> None:
    assert list(fill([row(1), row(2), row(2), row(3)], SECOND_NS)) == []
    assert list(fill([], SECOND_NS)) == []
