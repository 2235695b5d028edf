from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from synthetic_people import faces, look, tracklet_of

from edge.config.pipeline import AppearanceSpec, MotionSpec
from edge.stages.identify.evidence import CERTAIN, IMPOSSIBLE, appearance_score, link, observation
from edge.stages.identify.strand import Strand

LOOKS = AppearanceSpec()
MOTION = MotionSpec()


def gathered(parts: list[tuple[float, np.ndarray]], spec: AppearanceSpec = LOOKS) -> float:
    total = np.sum([vector for _, vector in parts], axis=0)
    return appearance_score(sum(p for p, _ in parts), float(total @ total), spec)


def test_the_score_is_the_likelihood_ratio_of_the_model() -> None:
    """Against Gaussian densities, integrated by writing the joint covariance down, in 3 dimensions."""
    spec = AppearanceSpec(between=0.3, dimensions=3.0)
    rng = np.random.default_rng(0)
    for _ in range(5):
        noises = rng.uniform(0.3, 2.0, 4)
        looks = rng.standard_normal((4, 3))  # one value in each dimension
        parts = [(1 / n, x / n / np.sqrt(3.0)) for n, x in zip(noises, looks, strict=True)]
        mine = gathered(parts, spec) - sum(gathered([part], spec) for part in parts)
        one_person = spec.between * np.ones((4, 4)) + np.diag(noises)
        strangers = np.diag(spec.between + noises)
        expected = sum(
            multivariate_normal.logpdf(looks[:, d], cov=one_person)
            - multivariate_normal.logpdf(looks[:, d], cov=strangers)
            for d in range(3)
        )
        assert mine == pytest.approx(expected, rel=1e-6)


def test_nothing_seen_is_no_evidence() -> None:
    assert appearance_score(0.0, 0.0, LOOKS) == 0.0


def evidence_of(cosine: float, weight: float = 5.0) -> float:
    """Evidence that two looks with this cosine are one person."""
    a = np.array([1.0, 0.0])
    b = np.array([cosine, np.sqrt(1 - cosine**2)])
    one, other = (observation(v, weight, LOOKS) for v in (a, b))
    return gathered([one, other]) - gathered([one]) - gathered([other])


def test_likeness_speaks_for_and_unlikeness_against() -> None:
    values = [evidence_of(cosine) for cosine in (-0.5, 0.0, 0.3, 0.6, 0.9)]
    assert values == sorted(values)
    assert values[1] < 0.0 < values[-1]


def test_more_and_better_crops_say_more() -> None:
    assert evidence_of(0.9, 10.0) > evidence_of(0.9, 1.0) > evidence_of(0.9, 0.1) > -0.1
    assert evidence_of(0.0, 10.0) < evidence_of(0.0, 1.0) < 0.0
    assert abs(evidence_of(0.0, 0.001)) < 0.01


def test_looks_add_up_in_any_order() -> None:
    rng = np.random.default_rng(1)
    face = faces(rng, 1)[0]
    parts = [observation(look(face, rng).astype(np.float64), 2.0, LOOKS) for _ in range(4)]
    assert gathered(parts) == pytest.approx(gathered(parts[::-1]))


def moving(
    track: int,
    start_s: float,
    end_s: float,
    x: float,
    speed: float,
    *,
    overlaps: tuple[float, float] = (0.0, 0.0),
    camera: str = "door",
) -> Strand:
    """Somebody at ``x`` (their place at 0 s) with ``speed`` in px per second; 100 px tall."""
    return Strand.begin(
        round(start_s * 10),
        tracklet_of(
            track,
            start_s,
            end_s,
            camera=camera,
            begin=(x + speed * start_s, 240.0),
            end=(x + speed * end_s, 240.0),
            overlap_start=overlaps[0],
            overlap_end=overlaps[1],
        ),
    )


def test_who_goes_straight_on_is_likely_the_same() -> None:
    before = moving(1, 0.0, 3.0, 100, 60)
    assert link(before, moving(2, 3.5, 5.0, 100, 60), MOTION) > 3.0


def test_who_turns_up_elsewhere_or_otherwise_is_less_likely() -> None:
    before = moving(1, 0.0, 3.0, 100, 60)
    straight, aside, back = (
        link(before, moving(2, 3.5, 5.0, x, speed), MOTION) for x, speed in ((100, 60), (160, 60), (520, -60))
    )
    assert straight > aside
    assert straight > back
    assert aside >= MOTION.floor


def test_a_longer_gap_says_less() -> None:
    before = moving(1, 0.0, 3.0, 100, 60)
    scores = [link(before, moving(2, 3.0 + gap, 8.0, 100, 60), MOTION) for gap in (0.2, 1.0, 2.0, 3.9)]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (moving(2, 2.0, 5.0, 100, 60), "begins before the other ends"),
        (moving(2, 3.0, 5.0, 100, 60), "begins when the other ends"),
        (moving(2, 7.5, 9.0, 100, 60), "too late"),
        (moving(2, 3.2, 5.0, 400, 60), "nobody runs so fast"),
    ],
)
def test_impossible(after: Strand, why: str) -> None:
    assert link(moving(1, 0.0, 3.0, 100, 60), after, MOTION) == IMPOSSIBLE, why


def test_the_trackers_word_is_enough_without_a_crossing() -> None:
    before = moving(1, 0.0, 3.0, 100, 60)
    assert link(before, moving(1, 3.2, 5.0, 130, 60), MOTION) == CERTAIN
    assert link(before, moving(1, 3.6, 5.0, 100, 60), MOTION) < CERTAIN
    assert link(before, moving(2, 3.2, 5.0, 100, 60), MOTION) < CERTAIN


@pytest.mark.parametrize("overlaps", [((0.0, 0.9), (0.0, 0.0)), ((0.0, 0.0), (0.9, 0.0))])
def test_at_a_crossing_motion_says_little(overlaps: tuple[tuple[float, float], tuple[float, float]]) -> None:
    before = moving(1, 0.0, 3.0, 100, 60, overlaps=overlaps[0])
    for track, x in ((1, 100), (2, 100), (2, 180)):
        after = moving(track, 3.1, 5.0, x, 60, overlaps=overlaps[1])
        assert abs(link(before, after, MOTION)) <= MOTION.crossing_cap


def test_at_a_crossing_the_tracker_has_a_bonus_and_no_more() -> None:
    before = moving(1, 0.0, 3.0, 100, 60, overlaps=(0.0, 0.9))
    spec = MotionSpec(crossing_cap=100.0, crossing_share=1.0)
    same, other = (link(before, moving(track, 3.1, 5.0, 100, 60), spec) for track in (1, 2))
    assert same - other == pytest.approx(spec.same_track)
