from __future__ import annotations

import threading

import pytest

from edge.clock import FakeClock
from edge.stages.capture.pacing import Pacer


def test_pictures_are_let_through_at_their_own_speed() -> None:
    clock = FakeClock()
    pacer = Pacer(clock, threading.Event())
    assert all(pacer.release(stamp) for stamp in (2.0, 2.1, 2.3))
    assert clock.waits == pytest.approx([0.1, 0.2])


def test_a_late_picture_does_not_wait_and_the_next_ones_catch_up() -> None:
    clock = FakeClock()
    pacer = Pacer(clock, threading.Event())
    assert pacer.release(0.0)
    clock.advance(1.0)
    assert pacer.release(0.1)
    assert pacer.release(0.9)
    assert clock.waits == []
    assert pacer.release(1.25)
    assert clock.waits == pytest.approx([0.25])


def test_nothing_is_released_after_the_stop() -> None:
    stop = threading.Event()
    pacer = Pacer(FakeClock(), stop)
    assert pacer.release(0.0)
    stop.set()
    assert not pacer.release(0.0)
    assert not pacer.release(10.0)
