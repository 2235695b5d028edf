from __future__ import annotations

import pytest

from edge.fronts.watermark import Watermark

S = 10**9


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def watermark(clock: Hands) -> Watermark:
    return Watermark(lateness_ns=S, now_s=clock)


def test_of_files_the_frame_in_hand_is_the_mark(watermark: Watermark) -> None:
    assert [watermark.pass_frame(time_ns, live=False) for time_ns in (5, 7, 7)] == [5, 7, 7]


def test_of_live_cameras_the_newest_frame_less_the_lateness_is_the_mark(watermark: Watermark) -> None:
    assert watermark.pass_frame(10 * S, live=True) == 9 * S
    assert watermark.pass_frame(int(9.5 * S), live=True) == 9 * S
    assert watermark.pass_frame(12 * S, live=True) == 11 * S


def test_the_mark_never_goes_back(watermark: Watermark) -> None:
    assert watermark.pass_frame(10 * S, live=False) == 10 * S
    assert watermark.pass_frame(3 * S, live=False) == 10 * S
    assert watermark.pass_frame(4 * S, live=True) == 10 * S


def test_where_there_are_both_the_earlier_one_is_the_mark(watermark: Watermark) -> None:
    watermark.pass_frame(10 * S, live=True)
    assert watermark.pass_frame(100 * S, live=False) == 9 * S
    assert watermark.pass_frame(20 * S, live=True) == 19 * S


def test_a_side_that_has_gone_silent_is_not_waited_for(watermark: Watermark, clock: Hands) -> None:
    watermark.pass_frame(10 * S, live=True)
    clock.now_s = 4.9
    assert watermark.pass_frame(100 * S, live=False) == 9 * S
    clock.now_s = 5.0
    assert watermark.pass_frame(101 * S, live=False) == 101 * S
