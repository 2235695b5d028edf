"""What place and time say about two visits of two cameras, besides their looks.

Both are log-likelihood ratios (same person against two people), bounded, so that they never decide alone;
``hard`` in pipeline.yaml makes walls of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import GateSpec
from edge.records import Tracklet
from edge.stages.identify.window import Item, Path

__all__ = ["Gates", "GroundPlane", "TravelTime"]

NEVER = -math.inf


class GroundPlane(Protocol):
    """A camera's view of the ground: :class:`edge.config.calibration.Calibration`."""

    def ground_of(self, points_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """Metres on the ground of pixels: float64 (n, 2), NaN where there is no ground."""
        ...


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


class Gates:
    """Evidence of place and time. It keeps nothing but what it was made with.

    Args:
        spec: how much they may say.
        grounds: camera -> its view of the ground; all in one frame of reference.
        travel: (camera left, camera reached) -> travel time.
    """

    def __init__(
        self,
        spec: GateSpec,
        grounds: Mapping[str, GroundPlane] | None = None,
        travel: Mapping[tuple[str, str], TravelTime] | None = None,
    ) -> None:
        self._spec = spec
        self._grounds = dict(grounds or {}) if spec.ground else {}
        self._travel = dict(travel or {}) if spec.travel else {}

    @property
    def gain_max(self) -> float:
        """The most they can speak for two visits being one person's; 0 where nothing is known."""
        gains = [
            self._spec.ground_gain if self._grounds else 0.0,
            self._spec.travel_gain if self._travel else 0.0,
        ]
        return sum(gains)

    def path_of(self, tracklet: Tracklet) -> Path:
        """Where a tracklet's feet were: number of the time slot -> metres; empty without calibration.

        Feet at the lower edge of the picture are cut off and say nothing.
        """
        ground = self._grounds.get(tracklet.camera)
        if ground is None:
            return {}
        slots, first = np.unique(tracklet.times_ns // int(self._spec.slot_s * 1e9), return_index=True)
        boxes = tracklet.boxes_px[first].astype(np.float64)
        feet = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3]], axis=1)
        places = ground.ground_of(feet)
        whole = (boxes[:, 3] < tracklet.size_px[1] - 2.0) & np.isfinite(places).all(axis=1)
        return {
            int(slot): (float(x), float(y))
            for slot, (x, y), good in zip(slots, places, whole, strict=True)
            if good
        }

    def evidence(self, one: Item, other: Item) -> float:
        """Log-likelihood ratio of two visits being one person's; 0 when nothing is known.

        -inf when it cannot be, which is said only with ``hard``.
        """
        if one.camera == other.camera:
            return 0.0
        return self._place(one, other) + self._time(one, other)

    def _place(self, one: Item, other: Item) -> float:
        """One place at one time is one person, two places are two people.

        The distance of two sightings of one person is Rayleigh with ``ground_error_m``; two people are
        anywhere in ``ground_area_m2``.
        """
        spec = self._spec
        common = one.path.keys() & other.path.keys()
        if len(common) * spec.slot_s < spec.ground_least_s:
            return 0.0
        distance_m = float(
            np.median([math.dist(one.path[slot], other.path[slot]) for slot in sorted(common)])
        )
        if spec.hard and distance_m > spec.ground_apart_m:
            return NEVER
        variance = spec.ground_error_m**2
        score = math.log(spec.ground_area_m2 / (2.0 * math.pi * variance)) - distance_m**2 / (2.0 * variance)
        return max(-spec.ground_loss, min(score, spec.ground_gain))

    def _time(self, one: Item, other: Item) -> float:
        """The gap between two visits against the time people take, if they come by the direct way."""
        spec = self._spec
        first, then = (one, other) if one.end_s <= other.end_s else (other, one)
        travel = self._travel.get((first.camera, then.camera))
        if travel is None or travel.overlap > 0.0:
            return 0.0
        gap_s = then.start_s - first.end_s
        if gap_s < travel.low_s - spec.travel_slack_s:
            return NEVER if spec.hard else -spec.travel_loss
        spread_s = max(travel.spread_s, spec.travel_spread_s)
        if gap_s > spec.travel_horizon_s:
            return 0.0
        z = (gap_s - travel.median_s) / spread_s
        direct = math.exp(-0.5 * z * z) / (spread_s * math.sqrt(2.0 * math.pi)) * spec.travel_horizon_s
        score = math.log(spec.travel_direct * direct + (1.0 - spec.travel_direct))
        return min(score, spec.travel_gain)
