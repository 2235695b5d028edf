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
from edge.stages.identify.travel import NEVER, TravelTime, TravelTimes
from edge.stages.identify.window import Item, Path

__all__ = ["Gates", "GroundPlane"]


class GroundPlane(Protocol):
    """A camera's view of the ground: :class:`edge.config.calibration.Calibration`."""

    def ground_of(self, points_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """Metres on the ground of pixels: float64 (n, 2), NaN where there is no ground."""
        ...


class Gates:
    """Evidence of place and time. It keeps nothing but what it was made with, and the travel times it learns.

    Args:
        spec: how much they may say.
        grounds: camera -> its view of the ground; all in one frame of reference.
        travel: (camera left, camera reached) -> travel time; of other pairs they are learnt.
    """

    def __init__(
        self,
        spec: GateSpec,
        grounds: Mapping[str, GroundPlane] | None = None,
        travel: Mapping[tuple[str, str], TravelTime] | None = None,
    ) -> None:
        self._spec = spec
        self._grounds = dict(grounds or {}) if spec.ground else {}
        self.travel = TravelTimes(spec, travel)

    @property
    def gain_max(self) -> float:
        """The most they can speak for two visits being one person's; 0 where nothing is known."""
        gains = [
            self._spec.ground_gain if self._grounds else 0.0,
            self._spec.travel_gain if self.travel.known else 0.0,
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
        if not one.path or not other.path:
            return 0.0
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
        first, then = (one, other) if one.end_s <= other.end_s else (other, one)
        return self.travel.evidence(first.camera, then.camera, then.start_s - first.end_s)
