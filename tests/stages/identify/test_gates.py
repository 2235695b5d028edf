from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import at_ns, faces, tracklet_of

from edge.config.pipeline import GateSpec, IdentifySpec, RefineSpec
from edge.config.topology import Travel
from edge.stages.identify import Identifier
from edge.stages.identify.gates import Gates
from edge.stages.identify.window import Item
from edge.stages.refine import Refiner

SPEC = GateSpec()
FACES = faces(np.random.default_rng(0), 4)


@dataclass(frozen=True)
class Floor:
    """A camera that looks straight down: 100 pixels are a metre, from its own corner."""

    x_m: float = 0.0
    y_m: float = 0.0

    def ground_of(self, points_px: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(points_px, np.float64) / 100.0 + (self.x_m, self.y_m)


def item(
    camera: str, start_s: float, end_s: float, path: dict[int, tuple[float, float]] | None = None
) -> Item:
    return Item(1, camera, (), 0, None, start_s, end_s, (0.0, 0.0), (0.0, 0.0), 100.0, path or {})


def line(x_m: float, y_m: float = 0.0, *, slots: int = 10) -> dict[int, tuple[float, float]]:
    return {slot: (x_m + 0.5 * slot, y_m) for slot in range(slots)}


def travel(low_s: float = 5.0, median_s: float = 6.0, **more: float) -> dict[tuple[str, str], Travel]:
    pair = Travel.model_validate({"from": "door", "to": "hall", "low_s": low_s, "median_s": median_s, **more})
    return {("door", "hall"): pair}


def test_nothing_known_says_nothing() -> None:
    gates = Gates(SPEC)
    assert gates.gain_max == 0.0
    assert gates.evidence(item("door", 0, 5, line(0)), item("hall", 0, 5)) == 0.0


def test_one_place_at_one_time_is_one_person_and_two_places_are_two() -> None:
    gates = Gates(SPEC, {"door": Floor(), "hall": Floor()})
    here = item("door", 0, 5, line(3.0))
    assert gates.evidence(here, item("hall", 0, 5, line(3.2))) == pytest.approx(
        min(SPEC.ground_gain, math.log(80 / (2 * math.pi * 0.81)) - 0.04 / 1.62)
    )
    assert gates.evidence(here, item("hall", 0, 5, line(9.0))) == -SPEC.ground_loss
    scores = [
        gates.evidence(here, item("hall", 0, 5, line(3.0 + apart))) for apart in np.arange(0.0, 6.0, 0.3)
    ]
    assert scores == sorted(scores, reverse=True)


def test_a_moment_together_is_too_short_to_say_anything() -> None:
    gates = Gates(SPEC, {"door": Floor(), "hall": Floor()})
    assert gates.evidence(item("door", 0, 5, line(3, slots=2)), item("hall", 0, 5, line(9, slots=2))) == 0.0


def test_one_camera_is_left_to_motion() -> None:
    gates = Gates(SPEC, {"door": Floor()})
    assert gates.evidence(item("door", 0, 5, line(3)), item("door", 0, 5, line(9))) == 0.0


def test_who_comes_when_people_come_is_likelier_and_who_is_too_fast_is_not() -> None:
    gates = Gates(SPEC, travel=travel())
    left = item("door", 0, 10)
    on_time, late, fast = (gates.evidence(left, item("hall", 10 + gap, 30)) for gap in (6.0, 25.0, 2.0))
    assert on_time > 1.0
    assert -1.0 < late < 0.0, "may have been elsewhere in between"
    assert fast == -SPEC.travel_loss
    assert gates.evidence(left, item("hall", 10 + 200.0, 300)) == 0.0
    assert gates.evidence(item("hall", 10 + 6.0, 30), left) == on_time, "whoever is named first"


def test_cameras_that_overlap_have_no_travel_time() -> None:
    gates = Gates(SPEC, travel=travel(overlap=0.3))
    assert gates.evidence(item("door", 0, 10), item("hall", 5, 12)) == 0.0


def test_walls_are_for_those_who_ask_for_them() -> None:
    hard = Gates(GateSpec(hard=True), {"door": Floor(), "hall": Floor()}, travel())
    assert hard.evidence(item("door", 0, 5, line(3)), item("hall", 0, 5, line(9))) == -math.inf
    assert hard.evidence(item("door", 0, 10), item("hall", 11, 12)) == -math.inf


@pytest.mark.parametrize("off", ["ground", "travel"])
def test_either_can_be_switched_off(off: str) -> None:
    gates = Gates(GateSpec.model_validate({off: False}), {"door": Floor(), "hall": Floor()}, travel())
    place = gates.evidence(item("door", 0, 5, line(3)), item("hall", 0, 5, line(9)))
    assert (place == -SPEC.ground_loss) == (off == "travel")


def test_feet_at_the_lower_edge_are_cut_off() -> None:
    gates = Gates(SPEC, {"door": Floor()})
    whole = tracklet_of(1, 0.0, 3.0, begin=(100.0, 240.0), end=(400.0, 240.0), vectors=[FACES[0]] * 3)
    path = gates.path_of(whole)
    first = at_ns(0.0) // 500_000_000
    assert path[first] == (pytest.approx(1.0, abs=0.01), pytest.approx(2.9, abs=0.01))
    assert len(path) == 7
    cut = tracklet_of(1, 0.0, 3.0, begin=(100.0, 440.0), end=(400.0, 440.0), vectors=[FACES[0]] * 3)
    assert gates.path_of(cut) == {}
    assert gates.path_of(tracklet_of(1, 0.0, 3.0, camera="hall", vectors=[FACES[0]] * 3)) == {}


@pytest.mark.parametrize("same_place", [True, False])
def test_look_alikes_in_two_cameras_are_told_apart_by_where_they_are(same_place: bool) -> None:
    """Two views of one floor; whoever is in both looks the same in both."""
    grounds = {"door": Floor(), "hall": Floor(0.0 if same_place else 6.0)}
    identifier = Identifier(IdentifySpec(), Refiner(RefineSpec()), ["door", "hall"], grounds=grounds)
    identifier.advance(at_ns(0.0))
    for camera in ("door", "hall"):
        vectors = [FACES[0]] * 4
        identifier.add([tracklet_of(1, 0.0, 4.0, camera=camera, end=(300.0, 240.0), vectors=vectors)])
    identifier.advance(at_ns(5.0))
    assert identifier.people == (1 if same_place else 2)


def test_less_alike_views_of_one_place_are_one_person() -> None:
    """Below the bar by looks alone."""
    rng = np.random.default_rng(3)
    other = FACES[0] + 1.3 * rng.standard_normal(FACES.shape[1]) / math.sqrt(FACES.shape[1])
    other /= np.linalg.norm(other)
    bar = float(other @ FACES[0]) + 0.1

    def people(**grounds: Floor) -> int:
        identifier = Identifier(
            IdentifySpec.model_validate({"match": {"across_cameras": bar}}),
            Refiner(RefineSpec(camera_mean=False, whiten=False)),
            ["door", "hall"],
            grounds=grounds,
        )
        identifier.advance(at_ns(0.0))
        for camera, face in (("door", FACES[0]), ("hall", other.astype(np.float32))):
            identifier.add([tracklet_of(1, 0.0, 4.0, camera=camera, end=(300.0, 240.0), vectors=[face] * 4)])
        identifier.advance(at_ns(5.0))
        return identifier.people

    assert people() == 2
    assert people(door=Floor(), hall=Floor()) == 1
