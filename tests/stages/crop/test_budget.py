from __future__ import annotations

import math

import pytest

from edge.stages.crop.budget import Budget


def spent(budget: Budget, steps: list[tuple[str, float]], wanted_each: int = 50) -> int:
    """How many tokens a greedy caller gets over these frames (camera, time)."""
    taken = 0
    for camera, time_s in steps:
        budget.advance(camera, round(time_s * 1e9))
        for _ in range(wanted_each):
            if budget.allows(math.inf):
                budget.take()
                taken += 1
    return taken


def test_no_limit_allows_everything() -> None:
    assert spent(Budget(None), [("door", 0.0)]) == 50


@pytest.mark.parametrize("per_second", [0.5, 1.0, 7.3, 40.0])
def test_the_rate_is_kept_and_the_burst_is_a_second(per_second: float) -> None:
    count = spent(Budget(per_second), [("door", n / 10) for n in range(601)])
    assert count == pytest.approx(60 * per_second + max(1.0, per_second), abs=1.5)


def test_several_cameras_share_one_budget() -> None:
    steps = [(camera, n / 10) for n in range(601) for camera in ("a", "b", "c")]
    assert spent(Budget(10.0), steps) == pytest.approx(610, abs=2)


def test_clocks_an_hour_apart_share_it_too() -> None:
    steps = [(camera, late + n / 10) for n in range(601) for camera, late in (("a", 0.0), ("b", 3600.0))]
    assert spent(Budget(10.0), steps) == pytest.approx(610, abs=2)


def test_a_camera_that_leaves_or_comes_back_stops_nobody() -> None:
    steps = [("a", n / 10) for n in range(1000)]
    steps += [("b", 5000 + n / 10) for n in range(300)]
    steps += [("a", 130 + n / 10) for n in range(300)]
    count = spent(Budget(10.0), steps)
    assert count == pytest.approx(10 + 1600, abs=25)


def test_clocks_that_jump_win_a_second_at_most() -> None:
    steps = [("a", n / 10 + (n % 2) * 3600) for n in range(10)]
    assert spent(Budget(10.0), steps) <= 10 + 5 * 10


def test_the_less_urgent_wait_while_the_bucket_runs_dry() -> None:
    budget = Budget(10.0)
    budget.advance("door", 0)
    served = {}
    for urgency in (0.5, 1.0, 2.0, math.inf):
        while budget.allows(urgency):
            budget.take()
            served[urgency] = served.get(urgency, 0) + 1
    assert served == {0.5: 1, 1.0: 4, 2.0: 2, math.inf: 3}


def test_with_one_token_anybody_may_have_it() -> None:
    budget = Budget(1.0)
    budget.advance("door", 0)
    assert budget.allows(0.5)
    budget.take()
    assert not budget.allows(math.inf)
