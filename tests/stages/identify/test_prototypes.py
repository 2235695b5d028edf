"""Generated views in matching, with synthetic people whose looks differ from side to side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import at_ns, tracklet_of, unit

from edge.config.ipg import IpgSpec
from edge.config.pipeline import IdentifySpec, RefineSpec
from edge.records import Arrivals, Crop, Decision, IpgJob, Prototype
from edge.stages.identify import Identifier, Prototypes
from edge.stages.identify.prototypes import further_crops, reference_strand
from edge.stages.identify.strand import Strand
from edge.stages.refine import Refiner

DIM = 48
PEOPLE = 12
Floats = NDArray[np.float32]


@dataclass
class Asked:
    """Takes jobs; what was asked for and renamed."""

    jobs: list[IpgJob] = field(default_factory=list)
    renamed: list[tuple[int, int]] = field(default_factory=list)

    def ask(self, job: IpgJob) -> None:
        self.jobs.append(job)

    def rename(self, old: int, new: int) -> None:
        self.renamed.append((old, new))


class People:
    """Everybody has a look from the front and one from the back, which have little in common.

    gap: what all generated pictures have in common, and no photograph has.
    """

    def __init__(self, seed: int = 0, likeness: float = 0.5, gap: float = 0.0) -> None:
        self.rng = np.random.default_rng(seed)
        common = self.rng.normal(size=(PEOPLE, DIM))
        own = self.rng.normal(size=(2, PEOPLE, DIM))
        self.looks = unit(np.sqrt(likeness) * common + np.sqrt(1 - likeness) * own)
        self.gap = gap * unit(self.rng.normal(size=(1, DIM)))[0]

    def seen(self, person: int, side: int, count: int = 4) -> list[Floats]:
        noise = self.rng.normal(size=(count, DIM)) * 0.3 / np.sqrt(DIM)
        return list(unit(self.looks[side, person] + noise))

    def drawn(self, person: int, count: int = 8) -> Floats:
        noise = self.rng.normal(size=(count, DIM)) * 0.3 / np.sqrt(DIM)
        sides = self.looks[[number % 2 for number in range(count)], person]
        return unit(sides + noise + self.gap)


def prototype_for(job: IpgJob, generated: Floats, version: int = 1) -> Prototype:
    return Prototype(
        identity=job.identity,
        version=version,
        made_at_ns=0,
        real=job.real,
        generated=generated,
        eta=0.25,
        poses=tuple(str(number) for number in range(len(generated))),
        rejected=0,
        model=job.model,
        generator="test@1",
        reference=job.reference,
        pictures_bgr_mhwc=np.zeros((0, 0, 0, 3), np.uint8),
    )


def play(people: People, *, drawn: bool, revise_s: float = 300.0) -> tuple[Identifier, list[Decision], Asked]:
    """Everybody is seen from the front at the door, and later from the back in the hall."""
    asked = Asked()
    refiner = Refiner(RefineSpec(whiten=False, neighbours=0))
    identifier = Identifier(
        IdentifySpec(revise_s=revise_s, recent_s=min(30.0, revise_s / 2)),
        refiner,
        ["door", "hall"],
        prototypes=Prototypes(refiner, asked),
    )
    decisions: list[Decision] = []
    whom: dict[tuple[str, int], int] = {}

    def go_on(time_s: float) -> None:
        decisions.extend(identifier.advance(at_ns(time_s)).decisions)
        if drawn and asked.jobs:
            jobs, asked.jobs = asked.jobs, []
            vectors = [people.drawn(whom[job.reference.camera, job.reference.track]) for job in jobs]
            identifier.offer(Arrivals(tuple(map(prototype_for, jobs, vectors))))

    identifier.advance(at_ns(0.0))
    for side, camera in enumerate(("door", "hall")):
        for person in range(PEOPLE):
            whom[camera, person + 1] = person
            start_s = 1.0 + 10.0 * (side * PEOPLE + person)
            vectors = people.seen(person, side)
            identifier.add([tracklet_of(person + 1, start_s, start_s + 4.0, camera=camera, vectors=vectors)])
            for step in range(6):
                go_on(start_s + 4.0 + step)
    decisions.extend(identifier.close().decisions)
    return identifier, decisions, asked


def test_views_nobody_has_seen_bring_two_sides_of_a_person_together() -> None:
    without = play(People(), drawn=False)[0]
    with_them = play(People(), drawn=True)[0]
    assert without.people >= PEOPLE + 5, "from behind most are somebody new"
    assert with_them.people <= PEOPLE + 2


@pytest.mark.parametrize("gap", [1.0, 3.0])
def test_what_all_generated_pictures_have_in_common_makes_nobody_alike(gap: float) -> None:
    found = play(People(gap=gap), drawn=True)[0]
    assert PEOPLE <= found.people <= PEOPLE + 4


def test_remembered_visits_are_compared_with_what_was_drawn() -> None:
    found = play(People(), drawn=True, revise_s=30.0)[0]
    assert found.people <= PEOPLE + 3


def test_an_event_names_the_version_of_the_prototype() -> None:
    _, decisions, _ = play(People(), drawn=True)
    named = [one for one in decisions if "prototype" in one.evidence]
    assert {one.evidence["prototype"] for one in named} == {1}
    assert any(one.type in ("identity.match", "identity.merge", "identity.rename") for one in named)
    assert all("prototype" not in one.evidence for one in play(People(), drawn=False)[1])


def test_everybody_is_asked_for_and_again_after_a_while_when_nothing_came_of_it() -> None:
    identifier, _, asked = play(People(likeness=1.0), drawn=False)
    assert identifier.people == PEOPLE
    assert {job.identity for job in asked.jobs} == set(range(1, PEOPLE + 1))
    for identity in range(1, PEOPLE + 1):
        times = [job.asked_at_ns for job in asked.jobs if job.identity == identity]
        assert all(then - one >= 30e9 for one, then in itertools.pairwise(times))
    job = asked.jobs[0]
    assert job.model == "reid@1"
    assert job.reference.camera == "door"
    assert np.linalg.norm(job.real) == pytest.approx(1.0, abs=1e-5)


def visit(vectors: Sequence[Floats], quality: float, until_s: float, closed: bool = False) -> object:
    return tracklet_of(1, 1.0, until_s, vectors=vectors, quality=quality, closed=closed)


def test_a_clearly_better_crop_is_asked_for_again_and_a_slightly_better_one_is_not() -> None:
    people, asked = People(), Asked()
    refiner = Refiner(RefineSpec())
    prototypes = Prototypes(refiner, asked, IpgSpec(better_factor=1.25))
    identifier = Identifier(IdentifySpec(), refiner, ["door"], prototypes=prototypes)
    identifier.advance(at_ns(0.0))
    told = []
    for step, quality in enumerate((0.6, 0.65, 0.8), start=2):
        identifier.add([visit(people.seen(0, 0), quality, step)])  # type: ignore[list-item]
        identifier.advance(at_ns(step + 0.1))
        told.append([job.reference.quality for job in asked.jobs])
    assert told == [[0.6], [0.6], [0.6, 0.8]]  # 0.8 is a third better, 0.65 is not


def test_whoever_is_seen_again_elsewhere_is_drawn_from_crops_of_both() -> None:
    """Asked for once as one track, and again when there are twice as many crops; not for a third."""
    people, asked = People(likeness=1.0), Asked()
    refiner = Refiner(RefineSpec(whiten=False, neighbours=0))
    identifier = Identifier(
        IdentifySpec(), refiner, ["door", "hall", "yard"], prototypes=Prototypes(refiner, asked)
    )
    identifier.advance(at_ns(0.0))
    told = []
    for step, (camera, quality) in enumerate((("door", 0.9), ("hall", 0.8), ("yard", 0.7))):
        start_s = 1.0 + 20.0 * step
        piece = tracklet_of(
            1, start_s, start_s + 4.0, camera=camera, vectors=people.seen(0, 0), quality=quality
        )
        identifier.add([piece])
        for second in range(8):
            identifier.advance(at_ns(start_s + 4.0 + second))
        told.append([(job.reference.camera, *(crop.camera for crop in job.further)) for job in asked.jobs])
    assert identifier.people == 1
    assert told == [[("door",)], [("door",), ("door", "hall")], [("door",), ("door", "hall")]]


def test_further_crops_are_of_other_cameras_first_and_not_much_worse() -> None:
    def crop(camera: str, quality: float) -> Crop:
        return Crop(camera, 1, 1, 1, quality, np.zeros((4, 2, 3), np.uint8))

    best = crop("door", 0.8)
    crops = [crop("door", 0.75), best, crop("hall", 0.5), crop("yard", 0.39), crop("door", 0.7)]
    chosen = further_crops(best, crops, 3)
    assert [(one.camera, one.quality) for one in chosen] == [("hall", 0.5), ("door", 0.75), ("door", 0.7)]
    assert further_crops(best, crops, 1) == chosen[:1]
    assert further_crops(best, crops, 0) == further_crops(best, [best], 3) == ()


def test_nobody_is_asked_for_whose_views_are_worth_less_than_wanted() -> None:
    people, asked = People(), Asked()
    refiner = Refiner(RefineSpec())
    prototypes = Prototypes(refiner, asked, IpgSpec(value_min=5.0))
    identifier = Identifier(IdentifySpec(), refiner, ["door"], prototypes=prototypes)
    identifier.advance(at_ns(0.0))
    identifier.add([visit(people.seen(0, 0), 0.9, 4.0)])  # type: ignore[list-item]
    identifier.advance(at_ns(5.0))
    assert identifier.people == 1
    assert asked.jobs == []


@pytest.mark.parametrize("flaw", ["another model", "too short", "not finite"])
def test_prototypes_that_cannot_be_compared_are_left_alone(flaw: str) -> None:
    people, asked = People(), Asked()
    refiner = Refiner(RefineSpec())
    identifier = Identifier(IdentifySpec(), refiner, ["door"], prototypes=Prototypes(refiner, asked))
    identifier.advance(at_ns(0.0))
    identifier.add([visit(people.seen(0, 0), 0.9, 4.0)])  # type: ignore[list-item]
    identifier.advance(at_ns(5.0))
    (job,) = asked.jobs
    vectors, model = people.drawn(0), job.model
    if flaw == "another model":
        model = "other@1"
    elif flaw == "too short":
        vectors = vectors[:, :16]
    else:
        vectors[0, 0] = np.nan
    strange = prototype_for(IpgJob(1, job.reference, job.real, model, 1.0, 0), vectors)
    identifier.offer(Arrivals((strange,)))
    identifier.add([visit(people.seen(0, 0), 0.9, 6.0)])  # type: ignore[list-item]
    decisions = identifier.advance(at_ns(7.0)).decisions
    assert all("prototype" not in one.evidence for one in decisions)


def kept_for(asked: Asked | None = None) -> Prototypes:
    """Prototypes in a space that changes nothing."""
    return Prototypes(Refiner(RefineSpec(camera_mean=False, whiten=False)), asked)


def drawn_of(identity: int, quality: float, seed: int = 0) -> Prototype:
    people = People(seed)
    (job,) = play_one(people, quality)
    return replace(prototype_for(job, people.drawn(identity % PEOPLE)), identity=identity)


def play_one(people: People, quality: float) -> list[IpgJob]:
    asked, refiner = Asked(), Refiner(RefineSpec())
    identifier = Identifier(IdentifySpec(), refiner, ["door"], prototypes=Prototypes(refiner, asked))
    identifier.advance(at_ns(0.0))
    identifier.add([visit(people.seen(0, 0), quality, 4.0)])  # type: ignore[list-item]
    identifier.advance(at_ns(5.0))
    return asked.jobs


def pulled(prototypes: Prototypes, identity: int) -> bool:
    rows = np.eye(1, DIM)
    return not np.array_equal(prototypes.fuse(rows, [identity]), rows)


def test_of_two_who_turn_out_to_be_one_the_better_reference_stays() -> None:
    prototypes = kept_for()
    good, poor = drawn_of(1, 0.9), drawn_of(2, 0.6)
    prototypes.take(Arrivals((good, poor)), {})
    prototypes.merge(2, 1)
    assert (1 in prototypes, 2 in prototypes) == (False, True)
    np.testing.assert_allclose(prototypes.fuse(np.eye(1, DIM), [2]), fused_with(good), atol=1e-6)
    prototypes.take(Arrivals((replace(drawn_of(3, 0.5), identity=3),)), {})
    prototypes.merge(2, 3)
    np.testing.assert_allclose(prototypes.fuse(np.eye(1, DIM), [2]), fused_with(good), atol=1e-6)


def fused_with(prototype: Prototype) -> NDArray[np.float64]:
    total = np.eye(1, DIM) + prototype.eta * prototype.generated.sum(axis=0)
    return total / np.linalg.norm(total)


def test_a_prototype_goes_along_when_its_reference_turns_out_to_be_somebody_else() -> None:
    asked = Asked()
    prototypes = kept_for(asked)
    strand = Strand.begin(7, tracklet_of(1, 0.0, 4.0, vectors=People().seen(0, 0)))
    strand.identity = 1
    prototypes.take(Arrivals((drawn_of(1, 0.8),)), {0: strand})
    assert prototypes.changed() == {1}
    prototypes.follow({1, 4})
    assert asked.renamed == []
    strand.identity = 4
    prototypes.follow({1, 4})
    assert asked.renamed == [(1, 4)]
    assert (pulled(prototypes, 1), pulled(prototypes, 4)) == (False, True)
    assert prototypes.changed() == {1, 4}


def test_what_was_drawn_of_nobody_yet_waits_until_they_have_a_name() -> None:
    prototypes = kept_for()
    strand = Strand.begin(7, tracklet_of(1, 0.0, 4.0, vectors=People().seen(0, 0)))
    prototypes.take(Arrivals((drawn_of(0, 0.8),)), {0: strand})
    prototypes.follow(set())
    strand.identity = 5
    prototypes.follow({5})
    assert pulled(prototypes, 5)


def test_who_is_gone_or_erased_is_forgotten() -> None:
    prototypes = kept_for()
    prototypes.take(Arrivals((drawn_of(1, 0.8), drawn_of(2, 0.8), drawn_of(3, 0.8))), {})
    prototypes.follow({1, 2})
    assert not pulled(prototypes, 3)
    prototypes.take(Arrivals((), gone=(2,)), {})
    assert (pulled(prototypes, 1), pulled(prototypes, 2)) == (True, False)


def test_the_reference_is_found_by_camera_track_and_time() -> None:
    strand = Strand.begin(7, tracklet_of(1, 0.0, 4.0, vectors=People().seen(0, 0)))
    other = Strand.begin(8, tracklet_of(2, 0.0, 4.0))
    prototype = drawn_of(1, 0.8)
    crop = replace(prototype.reference, track=1, captured_at_ns=at_ns(2.0))
    assert reference_strand(replace(prototype, reference=crop), [[other], [strand]]) is strand
    late = replace(crop, captured_at_ns=at_ns(9.0))
    assert reference_strand(replace(prototype, reference=late), [[other], [strand]]) is None
