from __future__ import annotations

import pytest

from edge.stages.capture.timeline import StreamTime


def times(stamps: list[float | None], origin_s: float | None = None) -> list[float]:
    time = StreamTime(0.1, origin_s)
    return [time.of(stamp) for stamp in stamps]


def test_the_first_picture_is_at_zero() -> None:
    assert times([7.0, 7.1, 7.25]) == pytest.approx([0.0, 0.1, 0.25])


def test_a_given_origin_is_kept() -> None:
    assert times([7.0, 7.1], origin_s=2.0) == pytest.approx([5.0, 5.1])


def test_missing_timestamps_count_on_by_one_period() -> None:
    assert times([None, None, None]) == pytest.approx([0.0, 0.1, 0.2])
    assert times([3.0, None, 3.2]) == pytest.approx([0.0, 0.1, 0.2])


def test_timestamps_that_begin_late_go_on_from_the_pictures_before() -> None:
    assert times([None, 50.0, 50.1]) == pytest.approx([0.0, 0.1, 0.2])


def test_a_restarted_sender_does_not_turn_time_back() -> None:
    assert times([100.0, 100.1, 0.0, 0.1]) == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_disorder_and_doubles_stand_still_and_do_not_add_up() -> None:
    assert times([0.0, 0.0, 0.1, 0.1, 0.08, 0.2]) == pytest.approx([0.0, 0.0, 0.1, 0.1, 0.1, 0.2])


def test_a_gap_is_kept() -> None:
    assert times([0.0, 10.0]) == pytest.approx([0.0, 10.0])
