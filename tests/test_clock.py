from __future__ import annotations

import threading
import time

from edge.clock import FakeClock, SystemClock


def test_a_fake_clock_moves_by_what_is_waited_and_takes_no_time() -> None:
    clock = FakeClock(now_ns=1_000, monotonic_s=5.0)
    started_s = time.perf_counter()
    assert not clock.wait(threading.Event(), 3600.0)
    assert time.perf_counter() - started_s < 1.0
    assert clock.monotonic_s() == 3605.0
    assert clock.now_ns() == 1_000 + 3600 * 10**9
    clock.advance(1.5)
    assert clock.monotonic_s() == 3606.5
    assert clock.waits == [3600.0]


def test_a_fake_wait_ends_at_once_when_the_event_is_set() -> None:
    clock, event = FakeClock(), threading.Event()
    event.set()
    assert clock.wait(event, 10.0)
    assert clock.monotonic_s() == 0.0
    assert clock.waits == []


def test_a_negative_wait_is_none() -> None:
    for clock in (FakeClock(), SystemClock()):
        before_s = clock.monotonic_s()
        assert not clock.wait(threading.Event(), -5.0)
        assert before_s <= clock.monotonic_s() < before_s + 1.0


def test_another_thread_cuts_a_wait_short() -> None:
    clock, event = SystemClock(), threading.Event()
    threading.Timer(0.05, event.set).start()
    started_s = clock.monotonic_s()
    assert clock.wait(event, 30.0)
    assert clock.monotonic_s() - started_s < 10.0


def test_the_system_clock_tells_wall_time() -> None:
    assert abs(SystemClock().now_ns() - time.time_ns()) < 10**9
