from __future__ import annotations

import math

import numpy as np
import pytest
from synthetic_people import at_ns, faces, tracklet_of

from edge.config.pipeline import GateSpec, IdentifySpec, RefineSpec
from edge.config.topology import Travel
from edge.stages.identify import Identifier
from edge.stages.identify.travel import NEVER, TravelTimes
from edge.stages.refine import Refiner

SPEC = GateSpec()
PAIR = ("door", "hall")


def learnt(gaps_s: list[float], spec: GateSpec = SPEC) -> TravelTimes:
    times = TravelTimes(spec)
    for gap_s in gaps_s:
        times.learn(*PAIR, gap_s)
    return times


def usual(count: int, seed: int = 0) -> list[float]:
    return np.random.default_rng(seed).normal(8.0, 0.8, count).tolist()


def test_nothing_seen_says_nothing() -> None:
    times = TravelTimes(SPEC)
    assert not times.known
    assert times.evidence(*PAIR, 8.0) == 0.0


def test_the_usual_gap_speaks_for_and_another_a_little_against() -> None:
    times = learnt(usual(40))
    assert times.known
    assert 1.0 < times.evidence(*PAIR, 8.0) <= SPEC.travel_gain
    assert -0.8 < times.evidence(*PAIR, 30.0) < -0.3
    assert -0.8 < times.evidence(*PAIR, 1.0) < -0.3, "no wall in front of it either"
    assert times.evidence(*PAIR, 8.0) > times.evidence(*PAIR, 10.0) > times.evidence(*PAIR, 12.0)
    assert times.evidence("hall", "door", 8.0) == 0.0, "the way back was not seen"
    assert times.evidence(*PAIR, SPEC.travel_horizon_s + 1.0) == 0.0


def test_few_gaps_say_less_than_many() -> None:
    few, more, many = (learnt(usual(count)).evidence(*PAIR, 30.0) for count in (2, 10, 60))
    assert 0.0 > few > more > many


def test_one_wrong_match_among_many_changes_little() -> None:
    clean, spoiled = learnt(usual(40)), learnt([*usual(20), 41.0, *usual(20, seed=1)])
    assert spoiled.evidence(*PAIR, 8.0) == pytest.approx(clean.evidence(*PAIR, 8.0), abs=0.15)
    assert spoiled.evidence(*PAIR, 41.0) < 0.1


def test_a_way_that_changes_is_learnt_anew() -> None:
    times = learnt(usual(200))
    for _ in range(150):
        times.learn(*PAIR, 20.0)
    assert times.evidence(*PAIR, 20.0) > 1.0
    assert times.evidence(*PAIR, 8.0) < 0.2


def test_cameras_that_see_people_together_have_no_travel_time() -> None:
    assert not learnt([*usual(10), *([-1.0] * 10)]).known
    assert learnt([*usual(40), -1.0]).known, "once may be a mistake"


def test_what_the_user_gave_is_not_learnt() -> None:
    given = Travel.model_validate({"from": "door", "to": "hall", "median_s": 20.0, "low_s": 15.0})
    times = TravelTimes(SPEC, {PAIR: given})
    for gap_s in usual(50):
        times.learn(*PAIR, gap_s)
    assert times.evidence(*PAIR, 8.0) == -SPEC.travel_loss
    assert not times.learnt


@pytest.mark.parametrize("off", ["travel", "travel_learn"])
def test_it_can_be_switched_off(off: str) -> None:
    assert not learnt(usual(50), GateSpec.model_validate({off: False})).known


def test_only_who_asks_for_walls_gets_them() -> None:
    walls = learnt(usual(50), GateSpec(hard=True))
    assert walls.evidence(*PAIR, 1.0) == NEVER
    assert math.isfinite(walls.evidence(*PAIR, 40.0)), "somebody may stop on the way"
    assert math.isfinite(learnt(usual(5), GateSpec(hard=True)).evidence(*PAIR, 1.0)), "too few to know"


def test_what_was_learnt_outlives_a_restart() -> None:
    before, after = learnt([*usual(30), -1.0]), TravelTimes(SPEC)
    after.restore(before.state())
    for gap_s in (1.0, 8.0, 30.0):
        assert after.evidence(*PAIR, gap_s) == before.evidence(*PAIR, gap_s)
    other = TravelTimes(GateSpec(travel_horizon_s=30.0))
    other.restore(before.state())
    assert not other.known, "its histogram is another one"
    empty = TravelTimes(SPEC)
    empty.restore(TravelTimes(SPEC).state())
    assert not empty.known


def people_after(gap_s: float, *, learn: bool) -> int:
    """Thirty people go from the door to the hall in about 8 s; then one who looks a bit different there."""
    rng = np.random.default_rng(3)
    known = faces(rng, 31)
    other = known[30] + 1.3 * rng.standard_normal(known.shape[1]) / math.sqrt(known.shape[1])
    other = (other / np.linalg.norm(other)).astype(np.float32)
    spec = IdentifySpec.model_validate(
        {
            "revise_s": 20.0,
            "recent_s": 10.0,
            "match": {"across_cameras": float(other @ known[30]) + 0.05, "learn": False},
            "gates": {"travel_learn": learn},
        }
    )
    refiner = Refiner(RefineSpec(camera_mean=False, whiten=False, neighbours=0))
    identifier = Identifier(spec, refiner, ["door", "hall"])
    identifier.advance(at_ns(0.0))

    def pass_by(track: int, start_s: float, gap_s: float, first: np.ndarray, then: np.ndarray) -> None:
        for camera, begin_s, face in (("door", start_s, first), ("hall", start_s + 4.0 + gap_s, then)):
            identifier.add([tracklet_of(track, begin_s, begin_s + 4.0, camera=camera, vectors=[face] * 4)])
            identifier.advance(at_ns(begin_s + 5.0))

    for number in range(30):
        pass_by(number + 1, 20.0 * number, 8.0, known[number], known[number])
    pass_by(31, 700.0, gap_s, known[30], other)
    identifier.close()
    return identifier.people


def test_a_stream_teaches_how_long_people_take() -> None:
    assert people_after(8.0, learn=True) == 31
    assert people_after(8.0, learn=False) == 32
    assert people_after(45.0, learn=True) == 32
