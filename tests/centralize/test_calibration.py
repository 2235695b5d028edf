from __future__ import annotations

import numpy as np
import pytest

from edge.centralize import MatchCalibration, expected_calibration_error, reliability


def taught(
    calibration: MatchCalibration,
    rng: np.random.Generator,
    count: int,
    *,
    gain: float,
    shift: float,
    pair: str = "ab",
) -> None:
    """Observations whose true log-odds are ``gain * (said + shift)``."""
    for said in rng.normal(-1.0, 3.0, count):
        same = bool(rng.random() < 1.0 / (1.0 + np.exp(-gain * (said + shift))))
        calibration.add(pair[0], pair[1], float(said), same=same)


def test_nothing_learnt_leaves_log_odds_as_they_are() -> None:
    calibration = MatchCalibration()
    assert not calibration.fit()
    assert calibration.probability(0.0) == 0.5
    assert calibration.probability(2.0) == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert calibration.pair_shift("a", "b") == 0.0


@pytest.mark.parametrize(("gain", "shift"), [(1.0, 0.0), (0.5, 1.5), (2.0, -1.0)])
def test_the_true_line_is_found(gain: float, shift: float) -> None:
    calibration = MatchCalibration(memory=5000, shift_spread=3.0)
    taught(calibration, np.random.default_rng(0), 5000, gain=gain, shift=shift)
    assert calibration.fit()
    assert calibration.gain == pytest.approx(gain, rel=0.15)
    assert calibration.shift == pytest.approx(shift, abs=0.25)


def test_what_it_says_afterwards_comes_true_as_often() -> None:
    rng = np.random.default_rng(1)
    calibration = MatchCalibration(memory=4000)
    taught(calibration, rng, 4000, gain=0.4, shift=0.5)
    scores = rng.normal(-1.0, 3.0, 4000)
    came = rng.random(4000) < 1.0 / (1.0 + np.exp(-0.4 * (scores + 0.5)))

    def error() -> float:
        said = [calibration.probability(float(score)) for score in scores]
        return expected_calibration_error(reliability(said, came.tolist()))

    before = error()
    calibration.fit()
    assert error() < 0.04 < before


def test_a_pair_of_cameras_that_differs_gets_a_shift_of_its_own() -> None:
    rng = np.random.default_rng(2)
    calibration = MatchCalibration()
    for pair in ("ab", "ac", "bc"):
        taught(calibration, rng, 500, gain=1.0, shift=-1.5 if pair == "ac" else 0.0, pair=pair)
    calibration.fit()
    assert calibration.pair_shift("c", "a") == calibration.pair_shift("a", "c")
    assert calibration.pair_shift("a", "c") < calibration.pair_shift("a", "b") - 0.8
    assert calibration.pair_shift("x", "y") == 0.0


def test_a_pair_of_which_little_is_known_is_treated_like_all() -> None:
    rng = np.random.default_rng(3)
    calibration = MatchCalibration()
    taught(calibration, rng, 500, gain=1.0, shift=0.0)
    taught(calibration, rng, 4, gain=1.0, shift=-6.0, pair="ac")
    calibration.fit()
    assert abs(calibration.pair_shift("a", "c")) < 0.6


def test_it_waits_until_there_is_enough_that_is_new() -> None:
    rng = np.random.default_rng(4)
    calibration = MatchCalibration(every=64)
    taught(calibration, rng, 63, gain=1.0, shift=0.0)
    assert not calibration.fit()
    taught(calibration, rng, 1, gain=1.0, shift=0.0)
    assert calibration.fit()
    assert not calibration.fit()


def test_only_the_latest_are_remembered() -> None:
    rng = np.random.default_rng(5)
    calibration = MatchCalibration(memory=300)
    taught(calibration, rng, 3000, gain=1.0, shift=-2.0)
    taught(calibration, rng, 300, gain=1.0, shift=2.0)
    calibration.fit()
    assert calibration.shift + calibration.pair_shift("a", "b") > 1.0


@pytest.mark.parametrize("all_same", [False, True])
def test_one_kind_alone_moves_nothing_far(all_same: bool) -> None:
    calibration = MatchCalibration()
    for said in np.linspace(-8.0, 8.0, 200):
        calibration.add("a", "b", float(said), same=all_same)
    assert calibration.fit()
    assert np.isfinite(calibration.shift)
    assert 0.01 < calibration.gain < 20.0


def test_what_is_not_finite_teaches_nothing() -> None:
    calibration = MatchCalibration(every=1)
    calibration.add("a", "b", -np.inf, same=False)
    assert not calibration.fit()


def test_the_reliability_curve_by_hand() -> None:
    said = [0.9, 0.1, 0.3, 0.7, 0.9, 0.9]
    right = [True, True, False, False, True, True]
    curve = reliability(said, right, bins=2)
    assert curve == [(pytest.approx(1.1 / 3), 1 / 3, 3), (pytest.approx(0.9), 1.0, 3)]
    assert expected_calibration_error(curve) == pytest.approx((0.1 / 3 * 3 + 0.1 * 3) / 6)


def test_equal_probabilities_are_one_group() -> None:
    assert reliability([0.5] * 7, [True] * 7) == [(0.5, 1.0, 7)]


def test_nothing_said_is_nothing_wrong() -> None:
    assert reliability([], []) == []
    assert expected_calibration_error([]) == 0.0


def test_an_outcome_for_each_probability() -> None:
    with pytest.raises(ValueError, match="2 probabilities and 1 outcomes"):
        reliability([0.5, 0.6], [True])


def test_a_restored_calibration_says_the_same() -> None:
    rng = np.random.default_rng(5)
    learnt, restored = MatchCalibration(), MatchCalibration()
    for score in rng.normal(0.0, 3.0, 200).tolist():
        learnt.add("a", "b", score, same=score + rng.normal() > 1.0)
    restored.restore(learnt.state())
    assert learnt.fit()
    assert restored.fit()
    assert (restored.gain, restored.shift) == (learnt.gain, learnt.shift)
    assert restored.pair_shift("b", "a") == learnt.pair_shift("a", "b")
    MatchCalibration().restore(MatchCalibration().state())
