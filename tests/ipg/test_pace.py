from __future__ import annotations

import pytest

from edge.config.ipg import ProtectSpec
from edge.flow import StageMeter
from edge.ipg.pace import Guard, Pace


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


def test_so_many_people_are_drawn_per_minute_and_no_more_at_once_than_were_saved_up() -> None:
    clock = Hands()
    pace = Pace(per_minute=30, burst=4, now_s=clock)
    assert pace.allowed == 4
    pace.spend(4)
    assert pace.allowed == 0
    drawn = 0
    for _ in range(600):  # a minute
        clock.at_s += 0.1
        drawn += pace.allowed
        pace.spend(pace.allowed)
    assert drawn in (29, 30)
    clock.at_s += 3600.0
    assert pace.allowed == 4


def guard_of(**given: object) -> tuple[Guard, StageMeter, Hands]:
    clock, meter = Hands(), StageMeter("embed")
    spec = ProtectSpec.model_validate(
        {"p95_ms": {"embed": 50}, "over_s": 2, "least_items": 10, "calm_s": 1} | given
    )
    return Guard(spec, lambda: {"embed": meter}, clock), meter, clock


def test_a_stage_above_its_bound_pauses_the_workers_until_it_has_been_calm() -> None:
    guard, meter, clock = guard_of()
    assert not guard.look()
    meter.record(0.1, 20)
    clock.at_s = 0.5
    assert guard.look()
    assert guard.reason.startswith("embed takes")
    clock.at_s = 1.4  # they are still among those of the last two seconds
    assert guard.look()
    clock.at_s = 2.2  # and now they are not, but they were less than a second ago
    assert guard.look()
    clock.at_s = 3.4
    assert not guard.look()
    assert guard.reason == ""
    assert guard.paused_s == pytest.approx(2.9)


def test_what_was_slow_long_ago_is_no_reason() -> None:
    guard, meter, clock = guard_of()
    meter.record(0.1, 1000)
    clock.at_s = 0.1
    guard.look()
    for step in range(1, 100):
        clock.at_s = step * 0.5
        meter.record(0.001, 10)
        paused = guard.look()
    assert not paused


def test_a_few_items_say_nothing() -> None:
    guard, meter, clock = guard_of()
    guard.look()
    meter.record(0.1, 9)
    clock.at_s = 0.5
    assert not guard.look()


def test_a_stage_that_is_not_there_is_not_watched() -> None:
    guard, _, _ = guard_of(p95_ms={"frame": 1})
    assert not guard.look()


def test_one_slow_item_in_a_hundred_is_no_p95() -> None:
    guard, meter, clock = guard_of()
    guard.look()
    meter.record(0.001, 99)
    meter.record(5.0, 1)
    clock.at_s = 0.5
    assert not guard.look()
