"""From how alike two visits are to how probable it is that they are one person, learnt from hindsight.

The model is Platt's: log-odds are a straight line of the score. What two visits looked like when the later
one was first seen is compared with what was decided about them in the end, when more had been seen of both.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["MatchCalibration", "expected_calibration_error", "reliability"]

FAR = 40.0
ROUNDS = 12

Pair = tuple[str, str]
Floats = NDArray[np.float64]


class MatchCalibration:
    """Turns prior log-odds into calibrated ones; for each pair of cameras when enough is seen of it.

    Calibrated log-odds are ``gain * (prior + shift + shift of the pair)``. The gain and the common shift are
    learnt from all pairs of cameras, and held near 1 and 0 as long as there is little evidence; a pair's own
    shift is held near 0 likewise, so a pair of which little is known is treated like all.

    Memory: the last ``memory`` observations of each pair. Not thread-safe.

    Args:
        memory: observations kept of each pair of cameras.
        every: observations between two fits; a quarter of what is held, when that is more.
        gain_spread: standard deviation of the logarithm of the gain before anything is seen.
        shift_spread: the same of the common shift, in log-odds.
        pair_spread: the same of a pair's own shift.
    """

    def __init__(
        self,
        *,
        memory: int = 512,
        every: int = 64,
        gain_spread: float = 0.5,
        shift_spread: float = 1.0,
        pair_spread: float = 0.5,
    ) -> None:
        self._memory = memory
        self._every = every
        self._spreads = gain_spread, shift_spread, pair_spread
        self._seen: dict[Pair, deque[tuple[float, bool]]] = {}
        self._since = 0
        self._shifts: dict[Pair, float] = {}
        self.gain = 1.0
        self.shift = 0.0

    def add(self, one: str, other: str, log_odds: float, *, same: bool) -> None:
        """Take in one observation.

        Args:
            one: a camera.
            other: the other visit's camera; the order does not matter.
            log_odds: prior log-odds that the two visits are one person, as first seen.
            same: whether they are, as far as is known now.
        """
        if not math.isfinite(log_odds):
            return
        kept = self._seen.setdefault(_pair(one, other), deque(maxlen=self._memory))
        kept.append((min(max(log_odds, -FAR), FAR), same))
        self._since += 1

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was added, for :meth:`restore`: arrays by name."""
        held = [(*pair, log_odds, same) for pair, kept in self._seen.items() for log_odds, same in kept]
        ones, others, log_odds, same = zip(*held, strict=True) if held else ((), (), (), ())
        return {
            "ones": np.array(ones, dtype=np.str_),
            "others": np.array(others, dtype=np.str_),
            "log_odds": np.array(log_odds, dtype=np.float64),
            "same": np.array(same, dtype=np.bool_),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Add what was added to another one."""
        names = ("ones", "others", "log_odds", "same")
        for one, other, log_odds, same in zip(*(state[name].tolist() for name in names), strict=True):
            self.add(one, other, log_odds, same=same)

    def fit(self) -> bool:
        """Learn from what was added, when that is enough to be worth it.

        Returns:
            True when the figures are new.
        """
        held = sum(len(kept) for kept in self._seen.values())
        if self._since < max(self._every, held // 4):
            return False
        self._since = 0
        pairs = {pair: _arrays(kept) for pair, kept in sorted(self._seen.items())}
        scores = np.concatenate([scores for scores, _ in pairs.values()])
        same = np.concatenate([same for _, same in pairs.values()])
        gain_spread, shift_spread, pair_spread = self._spreads
        self.gain, self.shift = _fit_line(scores, same, gain_spread, shift_spread)
        self._shifts = {
            pair: _fit_shift(scores + self.shift, same, self.gain, pair_spread)
            for pair, (scores, same) in pairs.items()
        }
        return True

    def pair_shift(self, one: str, other: str) -> float:
        """By how much a pair of cameras differs from all: added to its prior log-odds."""
        return self._shifts.get(_pair(one, other), 0.0)

    def probability(self, log_odds: float) -> float:
        """Calibrated probability of prior log-odds to which the pair's shift was added already: 0 to 1."""
        return _sigmoid(self.gain * (log_odds + self.shift))


def reliability(
    probabilities: Iterable[float], right: Iterable[bool], bins: int = 10
) -> list[tuple[float, float, int]]:
    """The reliability curve: how often what was said with some probability was right.

    Args:
        probabilities: n, 0 to 1.
        right: n.
        bins: at most so many groups of equal size, by probability; equal probabilities stay together.

    Returns:
        For each group: mean probability, share that was right, how many; ascending.
    """
    said = np.array(list(probabilities), dtype=np.float64)
    was = np.array(list(right), dtype=np.float64)
    if len(said) != len(was):
        raise ValueError(f"{len(said)} probabilities and {len(was)} outcomes; there must be one of each")
    order = np.argsort(said, kind="stable")
    said, was = said[order], was[order]
    curve = []
    start = 0
    for number in range(1, bins + 1):
        stop = max(start, len(said) * number // bins)
        while 0 < stop < len(said) and said[stop] == said[stop - 1]:
            stop += 1
        if stop > start:
            curve.append((float(said[start:stop].mean()), float(was[start:stop].mean()), stop - start))
        start = stop
    return curve


def expected_calibration_error(curve: Iterable[tuple[float, float, int]]) -> float:
    """Mean distance of what was said and what came true over the groups of :func:`reliability`, 0 to 1."""
    groups = list(curve)
    total = sum(count for _, _, count in groups)
    return sum(abs(said - was) * count for said, was, count in groups) / total if total else 0.0


def _fit_line(scores: Floats, same: Floats, gain_spread: float, shift_spread: float) -> tuple[float, float]:
    """Gain and shift of largest posterior, by Newton's method with steps that never make it worse."""

    def loss(log_gain: float, shift: float) -> float:
        return (
            _log_loss(math.exp(log_gain) * (scores + shift), same)
            + 0.5 * (log_gain / gain_spread) ** 2
            + 0.5 * (shift / shift_spread) ** 2
        )

    log_gain, shift = 0.0, 0.0
    for _ in range(ROUNDS):
        gain = math.exp(log_gain)
        error = _sigmoids(gain * (scores + shift)) - same
        weight = _sigmoids(gain * (scores + shift)) * (1.0 - _sigmoids(gain * (scores + shift)))
        toward = np.stack([gain * (scores + shift), np.full(len(scores), gain)])
        slope = toward @ error + np.array([log_gain / gain_spread**2, shift / shift_spread**2])
        curve = (toward * weight) @ toward.T + np.diag([gain_spread**-2.0, shift_spread**-2.0])
        step = np.linalg.solve(curve, slope)
        here = loss(log_gain, shift)
        share = 1.0
        while share > 1e-3 and loss(log_gain - share * step[0], shift - share * step[1]) > here:
            share /= 2.0
        if share <= 1e-3:
            break
        log_gain, shift = log_gain - share * step[0], shift - share * step[1]
    return math.exp(log_gain), shift


def _fit_shift(scores: Floats, same: Floats, gain: float, spread: float) -> float:
    """A pair's own shift of largest posterior, by bisection on the slope of the loss, which is convex."""
    low, high = -8.0 * spread, 8.0 * spread
    for _ in range(40):
        middle = 0.5 * (low + high)
        slope = gain * float((_sigmoids(gain * (scores + middle)) - same).sum()) + middle / spread**2
        low, high = (middle, high) if slope < 0 else (low, middle)
    return 0.5 * (low + high)


def _arrays(kept: Iterable[tuple[float, bool]]) -> tuple[Floats, Floats]:
    scores, same = zip(*kept, strict=True)
    return np.array(scores, dtype=np.float64), np.array(same, dtype=np.float64)


def _log_loss(log_odds: Floats, same: Floats) -> float:
    return float((np.logaddexp(0.0, log_odds) - same * log_odds).sum())


def _sigmoids(log_odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -FAR, FAR))))


def _sigmoid(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(log_odds, -FAR), FAR)))


def _pair(one: str, other: str) -> Pair:
    return (one, other) if one <= other else (other, one)
