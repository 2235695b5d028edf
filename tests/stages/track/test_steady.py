from __future__ import annotations

import numpy as np
import pytest

from edge.stages.track.steady import SteadyTime


def steadied(times_s: list[float], numbers: list[int] | None = None) -> np.ndarray:
    time = SteadyTime()
    count = range(1, len(times_s) + 1)
    return np.array([time.of(n, round(t * 1e9)) for n, t in zip(numbers or count, times_s, strict=True)])


def test_even_times_stay_as_they_are() -> None:
    times_s = [1_700_000_000 + n / 10 for n in range(100)]
    assert np.allclose(steadied(times_s), np.arange(100) / 10, atol=1e-6)


def test_dropped_frames_count_as_time() -> None:
    numbers = [1, 2, 3, 7, 8, 20, 21]
    assert np.allclose(steadied([n / 25 for n in numbers], numbers), (np.array(numbers) - 1) / 25, atol=1e-6)


def test_pairs_of_equal_times_become_even() -> None:
    times_s = [0.0, 0.3, 0.3, 0.4, 0.4] + [0.4 + 0.1 * (n - n % 3) for n in range(3, 200)]
    steps = np.diff(steadied(times_s))[40:]
    assert steps.min() > 0.08
    assert steps.max() < 0.12


@pytest.mark.parametrize("seed", range(5))
def test_jitter_is_removed_and_the_rate_kept(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times_s = (np.arange(500) / 25 + rng.uniform(0, 0.03, 500)).tolist()
    found = steadied(times_s)
    assert np.diff(found)[50:].std() < 0.2 * np.diff(times_s)[50:].std()
    assert np.abs(found - np.array(times_s)).max() < 0.1


@pytest.mark.parametrize("seed", range(20))
def test_time_always_goes_forward(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.choice([0.0, 0.04, -0.04, 0.2, -0.2, 3.0, -3600.0, 3600.0, 3e7, -3e7], 300)
    numbers = np.cumsum(rng.integers(1, 5, 300)).tolist()
    found = steadied(np.cumsum(steps).tolist(), numbers)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()


def test_a_gap_is_followed_at_once() -> None:
    times_s = [n / 10 for n in range(50)] + [30 + n / 10 for n in range(50)]
    assert np.allclose(steadied(times_s), times_s, atol=1e-6)


def test_a_clock_set_back_goes_on_from_where_it_was() -> None:
    times_s = [3600 + n / 10 for n in range(50)] + [n / 10 for n in range(50)]
    steps = np.diff(steadied(times_s))
    assert steps.min() > 0.02
    assert steps.max() < 0.12


def test_a_change_of_rate_is_learned() -> None:
    times_s = [n / 30 for n in range(90)] + [3 + n / 5 for n in range(60)]
    found = steadied(times_s)
    assert np.allclose(np.diff(found)[-5:], 0.2, atol=0.02)
    assert np.abs(found - np.array(times_s)).max() < 1.7
