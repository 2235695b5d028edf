"""How strongly appearance and motion speak for two pieces being one person.

Both are natural logarithms of likelihood ratios (same person against different people), so they add.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import AppearanceSpec, MotionSpec
from edge.stages.identify.strand import Strand

__all__ = ["IMPOSSIBLE", "appearance_score", "link", "observation"]

IMPOSSIBLE = -1e9
CERTAIN = 20.0


def observation(
    feature: NDArray[np.float64], weight: float, spec: AppearanceSpec
) -> tuple[float, NDArray[np.float64]]:
    """A strand's appearance as a noisy look at its person.

    Model: a two-covariance Gaussian (probabilistic linear discriminant analysis) in
    ``spec.dimensions`` effective dimensions. A person is a point of variance ``spec.between``; one
    look adds noise of variance ``1 - spec.between``, more when few or poor crops stand behind it.

    Args:
        feature: float64 (d,), unit length, from the refiner.
        weight: sum of the qualities behind it.
        spec: the model's numbers.

    Returns:
        The look's precision, and the precision-weighted vector; both add up over looks.
    """
    reliability = max(weight / (weight + spec.weight_half), 1e-3)
    noise = (1.0 - spec.between) / reliability
    scale = math.sqrt(spec.between + min(noise, 1.0))
    return 1.0 / noise, feature * (scale / noise)


def appearance_score(precision: float, total_squared: float, spec: AppearanceSpec) -> float:
    """Log likelihood of a set of looks being one person, less that of their being unrelated ones.

    Only differences matter: ``score(a and b) - score(a) - score(b)`` is the evidence that the
    people of two sets are one.

    Args:
        precision: sum of the precisions of the looks.
        total_squared: squared length of the sum of their precision-weighted vectors.
        spec: the model's numbers.
    """
    spread = 1.0 + spec.between * precision
    return 0.5 * spec.dimensions * (spec.between * total_squared / spread - math.log(spread))


def link(before: Strand, after: Strand, spec: MotionSpec) -> float:
    """Evidence from motion that ``after`` is how ``before`` goes on.

    Distances count in body heights, so nothing needs calibrating. The error of extrapolating from
    either side is compared with a person appearing anywhere in the picture. Where a crossing lies
    between the two, the tracker's boxes say little about who is who, and the evidence is capped.

    Returns:
        The log likelihood ratio; :data:`IMPOSSIBLE` when ``after`` does not come later, comes too
        late for motion to say anything, or lies further off than anybody runs.
    """
    gap_s = after.start_s - before.end_s
    if gap_s <= 0.0 or gap_s > spec.gap_max_s:
        return IMPOSSIBLE
    height = (before.height_px + after.height_px) / 2.0
    if _distance(before.tail, after.head) / height > spec.speed_max * gap_s + 1.0:
        return IMPOSSIBLE
    forth = _distance(_moved(before.tail, before.tail_speed, gap_s), after.head)
    back = _distance(_moved(after.head, after.head_speed, -gap_s), before.tail)
    error = (forth + back) / 2.0 / height
    sigma = spec.error_still + spec.error_per_s * gap_s
    variance = sigma * sigma
    score = math.log(spec.picture_area / (2.0 * math.pi * variance)) - error * error / (2.0 * variance)
    same_track = before.track == after.track
    score = max(score + (spec.same_track if same_track else 0.0), spec.floor)
    if max(before.overlap_end, after.overlap_start) > spec.overlap_max:
        return max(-spec.crossing_cap, min(score * spec.crossing_share, spec.crossing_cap))
    return CERTAIN if same_track and gap_s < spec.same_track_gap_s else score


def _moved(at: tuple[float, float], speed: tuple[float, float], time_s: float) -> tuple[float, float]:
    return at[0] + speed[0] * time_s, at[1] + speed[1] * time_s


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])
