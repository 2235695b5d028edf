"""How long people take from camera to camera: as the user says, or learnt from matches sure by looks alone.

What is learnt of a pair is a histogram of gaps with a uniform prior: a gap that many took speaks for a match,
one that nobody took only a little against it, for people also stop on the way. It forgets slowly, so a door
that is closed is learnt too. A match counts only where looks alone would have made it, or the histogram would
confirm itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import GateSpec

__all__ = ["NEVER", "LearntTravel", "TravelTime", "TravelTimes"]

NEVER = -math.inf
KEEP = 0.98  # of what was seen before, at each further gap: about the last fifty count
SMOOTH = np.array([0.25, 0.5, 0.25])
FIRMLY = 20.0  # gaps of a pair from which on, with ``hard``, what none of them reached is ruled out


class TravelTime(Protocol):
    """How long people take between two cameras: :class:`edge.config.topology.Travel`."""

    @property
    def median_s(self) -> float:
        """Half of them take less."""
        ...

    @property
    def spread_s(self) -> float:
        """Standard deviation, roughly."""
        ...

    @property
    def low_s(self) -> float:
        """Nobody is faster."""
        ...

    @property
    def overlap(self) -> float:
        """Share of people whom both cameras see at one time."""
        ...


@dataclass(slots=True, eq=False)
class LearntTravel:
    """What was seen of one pair of cameras.

    counts: float64 (bins,)  gaps by length, the older ones counting less; a bin is ``width_s`` long
    width_s: of a bin.
    seen: how many gaps count: the sum of ``counts``, which is asked for at every comparison
    together: matches in which the second camera saw the person before the first had lost them.
    fastest_s: the shortest gap ever seen.
    """

    counts: NDArray[np.float64]
    width_s: float
    seen: float = 0.0
    together: float = 0.0
    fastest_s: float = math.inf
    _smooth: NDArray[np.float64] | None = field(default=None, repr=False)

    def add(self, gap_s: float) -> None:
        """Take in the gap of a sure match; longer ones than the histogram are nobody's direct way."""
        if gap_s >= len(self.counts) * self.width_s:
            return
        self.counts *= KEEP
        self.together *= KEEP
        if gap_s < 0.0:
            self.together += 1.0
        else:
            self.counts[int(gap_s / self.width_s)] += 1.0
            self.fastest_s = min(gap_s, self.fastest_s)
        self.seen = float(self.counts.sum())
        self._smooth = None

    def density(self, gap_s: float) -> float:
        """Share of the gaps per second, near a gap within the histogram."""
        if self._smooth is None:
            spread = np.convolve(self.counts, SMOOTH, mode="same")
            self._smooth = spread / max(float(spread.sum()) * self.width_s, 1e-9)
        return float(self._smooth[int(gap_s / self.width_s)])


class TravelTimes:
    """Log-likelihood ratios of gaps. What the user gave counts before what was learnt.

    Memory: one histogram of each pair of cameras that somebody went between.

    Args:
        spec: how much gaps may say.
        given: (camera left, camera reached) -> travel time.
    """

    def __init__(self, spec: GateSpec, given: Mapping[tuple[str, str], TravelTime] | None = None) -> None:
        self._spec = spec
        self._given = dict(given or {}) if spec.travel else {}
        self._learnt: dict[tuple[str, str], LearntTravel] = {}
        self._known = bool(self._given)

    @property
    def known(self) -> bool:
        """Whether a gap could speak for a match."""
        return self._known

    @property
    def learnt(self) -> Mapping[tuple[str, str], LearntTravel]:
        """What was learnt, by (camera left, camera reached)."""
        return self._learnt

    def state(self) -> Mapping[str, NDArray[np.generic]]:
        """What was learnt, to be kept over a restart."""
        pairs = sorted(self._learnt)
        found = [self._learnt[pair] for pair in pairs]
        return {
            "pairs": np.array(pairs, dtype=np.str_).reshape(-1, 2),
            "counts": np.array([one.counts for one in found]),
            "width_s": np.array([one.width_s for one in found]),
            "together": np.array([one.together for one in found]),
            "fastest_s": np.array([one.fastest_s for one in found]),
        }

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what :meth:`state` said; not with bins of another width, or another number of them."""
        for number, (left, reached) in enumerate(state["pairs"].tolist()):
            fresh = self._histogram()
            counts = np.array(state["counts"][number], dtype=np.float64)
            if counts.shape != fresh.counts.shape or float(state["width_s"][number]) != fresh.width_s:
                continue
            fresh.counts, fresh.seen = counts, float(counts.sum())
            fresh.together = float(state["together"][number])
            fresh.fastest_s = float(state["fastest_s"][number])
            self._learnt[left, reached] = fresh
        self._look()

    def learn(self, left: str, reached: str, gap_s: float) -> None:
        """Somebody surely went from one camera to another.

        Args:
            left: the camera left.
            reached: the other camera.
            gap_s: from the last moment in one to the first in the other; negative when both saw them.
        """
        spec = self._spec
        if not (spec.travel and spec.travel_learn) or left == reached or (left, reached) in self._given:
            return
        found = self._learnt.get((left, reached))
        if found is None:
            found = self._learnt[left, reached] = self._histogram()
        found.add(gap_s)
        self._look()

    def evidence(self, left: str, reached: str, gap_s: float) -> float:
        """Log-likelihood ratio of one person having made both visits; 0 when nothing is known.

        -inf when it cannot be, which is said only with ``hard``.
        """
        given = self._given.get((left, reached))
        if given is not None:
            return self._as_given(given, gap_s)
        learnt = self._learnt.get((left, reached))
        if learnt is None or not 0.0 <= gap_s < len(learnt.counts) * learnt.width_s:
            return 0.0
        weight = self._weight(learnt)
        if not weight:
            return 0.0
        spec = self._spec
        if spec.hard and learnt.seen >= FIRMLY and gap_s < learnt.fastest_s - spec.travel_slack_s:
            return NEVER
        score = math.log(weight * learnt.density(gap_s) * spec.travel_horizon_s + 1.0 - weight)
        return min(score, spec.travel_gain)

    def _look(self) -> None:
        """Whether anything is known, found out here since every comparison asks."""
        self._known = bool(self._given) or any(self._weight(one) > 0.0 for one in self._learnt.values())

    def _histogram(self) -> LearntTravel:
        spec = self._spec
        bins = math.ceil(spec.travel_horizon_s / spec.travel_spread_s)
        return LearntTravel(np.zeros(bins), spec.travel_spread_s)

    def _weight(self, learnt: LearntTravel) -> float:
        """How far a pair's histogram is believed; not at all where the cameras overlap."""
        seen = learnt.seen
        if learnt.together > 0.2 * (seen + learnt.together):
            return 0.0
        return self._spec.travel_direct * seen / (seen + self._spec.travel_prior)

    def _as_given(self, travel: TravelTime, gap_s: float) -> float:
        spec = self._spec
        if travel.overlap > 0.0:
            return 0.0
        if gap_s < travel.low_s - spec.travel_slack_s:
            return NEVER if spec.hard else -spec.travel_loss
        if gap_s > spec.travel_horizon_s:
            return 0.0
        spread_s = max(travel.spread_s, spec.travel_spread_s)
        z = (gap_s - travel.median_s) / spread_s
        direct = math.exp(-0.5 * z * z) / (spread_s * math.sqrt(2.0 * math.pi)) * spec.travel_horizon_s
        score = math.log(spec.travel_direct * direct + (1.0 - spec.travel_direct))
        return min(score, spec.travel_gain)
