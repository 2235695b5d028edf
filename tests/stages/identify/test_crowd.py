from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import faces, look, tracklet_of

from edge.config.pipeline import IdentifySpec, RefineSpec
from edge.stages.identify.clusters import Cluster, homes_of
from edge.stages.identify.crowd import Crowd
from edge.stages.identify.gates import Gates
from edge.stages.identify.strand import Strand
from edge.stages.identify.window import Item, exemplar_of, remembered_item, visit_item
from edge.stages.refine import Refiner
from edge.stores import Exemplar, Gallery

CAMERAS = ("door", "hall", "till")
FACES = faces(np.random.default_rng(0), 12)
SPEC = IdentifySpec.model_validate({"match": {"learn": False}})
PLAIN = RefineSpec(camera_mean=False, whiten=False, nfc_share=0.0)


def strand_of(
    number: int,
    start_s: float,
    end_s: float,
    *,
    face: NDArray[np.float32] | None,
    camera: str = "door",
    identity: int = 0,
    x: float = 100.0,
) -> Strand:
    vectors = [] if face is None else [face] * 4
    strand = Strand.begin(
        number, tracklet_of(number, start_s, end_s, camera=camera, begin=(x, 240.0), vectors=vectors)
    )
    strand.identity, strand.pinned = identity, bool(identity)
    return strand


def seen(
    number: int,
    start_s: float,
    face: NDArray[np.float32] | int | None,
    camera: str = "door",
    identity: int = 0,
    x: float = 100.0,
) -> Item:
    """A visit of two seconds."""
    looks = FACES[face] if isinstance(face, int) else face
    strand = strand_of(number, start_s, start_s + 2, face=looks, camera=camera, identity=identity, x=x)
    features = {} if strand.vector is None else {number: strand.vector.astype(np.float64)}
    item = visit_item([strand], features, SPEC)
    assert item is not None
    return item


def remembered(identity: int, start_s: float, face: NDArray[np.float32] | int, camera: str = "door") -> Item:
    looks = FACES[face] if isinstance(face, int) else face
    exemplar = exemplar_of([strand_of(99, start_s, start_s + 2, face=looks, camera=camera)], SPEC)
    assert exemplar is not None
    return remembered_item(identity, exemplar, exemplar.vector.astype(np.float64))


def crowd_of(items: Iterable[Item], gallery: Gallery | None = None, spec: IdentifySpec = SPEC) -> Crowd:
    strangers = Gallery(people_max=10, exemplars_max=4) if gallery is None else gallery
    crowd = Crowd(spec, Refiner(PLAIN), CAMERAS, strangers)
    for item in items:
        crowd.put(item)
    return crowd


def names(clusters: Iterable[Cluster]) -> list[set[int]]:
    """Numbers of free and written visits; minus the identity for remembered ones."""
    found = [
        {item.key if isinstance(item.key, int) else -item.group for item in one.items} for one in clusters
    ]
    return sorted(found, key=sorted)


def test_visits_that_look_alike_are_one_person() -> None:
    items = [
        seen(1, 0, 0),
        seen(2, 0, 1, x=400.0),
        seen(3, 0, 0, "hall"),
        remembered(8, -50, 1),
        remembered(9, -50, 2),
    ]
    assert names(crowd_of(items).regroup()) == [{-9}, {2, -8}, {1, 3}]


def test_who_was_never_embedded_still_keeps_others_from_its_identity() -> None:
    """Identity 5 is somewhere in the door camera, so nobody there at that time is 5, whatever their looks."""
    known, alike, bare = remembered(5, -50, 0), seen(2, 0, 0, x=400.0), seen(1, 0, None, identity=5)
    assert names(crowd_of([known, alike]).regroup()) == [{2, -5}]
    clusters = crowd_of([known, alike, bare]).regroup()
    assert {2} in names(clusters)


def test_two_who_were_once_seen_together_are_never_one() -> None:
    gallery = Gallery(people_max=10, exemplars_max=4)
    crowd = crowd_of([remembered(5, -50, 0), remembered(6, -30, 0, "hall")], gallery)
    assert names(crowd.regroup()) == [{-6, -5}]
    gallery.part(5, 6)
    crowd.part(5, 6)
    assert names(crowd.regroup()) == [{-6}, {-5}]


def test_two_in_different_places_at_one_time_are_no_neighbours() -> None:
    """Their centralized features would come out alike, so they must not be added to each other's."""
    here = {slot: (0.5 * slot, 0.0) for slot in range(6)}
    there = {slot: (x, 20.0) for slot, (x, _) in here.items()}

    def similarity(path: dict[int, tuple[float, float]]) -> float:
        refiner = Refiner(RefineSpec(camera_mean=False, whiten=False, rarity=0.0, nfc_share=1.0))
        gallery = Gallery(people_max=10, exemplars_max=4)
        crowd = Crowd(SPEC, refiner, CAMERAS, gallery, Gates(SPEC.gates))
        alike = (FACES[0] + 0.4 * FACES[1]) / np.linalg.norm(FACES[0] + 0.4 * FACES[1])
        crowd.put(replace(seen(1, 0, 0), path=here))
        crowd.put(replace(seen(2, 0, alike.astype(np.float32), "hall"), path=path))
        crowd.put(seen(3, 0, 5, "till"))
        refiner.refresh()
        one, other = refiner.rows([1, 2])
        return float(one @ other)

    assert similarity(here) == pytest.approx(1.0, abs=1e-4)
    assert similarity(there) < 0.97


def test_only_what_a_change_touches_is_given_back() -> None:
    crowd = crowd_of([seen(1, 0, 0), seen(2, 0, 1, x=400.0), seen(3, 0, 2, "hall")])
    assert names(crowd.regroup()) == [{1}, {2}, {3}]
    assert crowd.regroup() == []
    crowd.put(seen(4, 5, 1, "hall"))
    assert names(crowd.regroup()) == [{2, 4}]
    crowd.drop(2)
    assert names(crowd.regroup()) == [{4}]


def test_remembered_visits_of_two_people_are_told_apart() -> None:
    """Identity 5 was given to two; once that is seen, the second one is known when coming back."""
    stray = remembered(5, -50, 1, "hall")
    crowd = crowd_of([remembered(5, -90, 0), remembered(5, -70, 0, "hall"), stray])
    clusters = crowd.regroup()
    assert sorted(len(one.items) for one in clusters) == [1, 2]
    assert len(clusters[homes_of(clusters)[5]].items) == 2, "most of its visits stay"
    crowd.put(replace(stray, group=6))
    crowd.put(seen(1, 0, 1))
    assert names(crowd.regroup()) == [{-6, 1}, {-5}]


def test_what_is_being_written_decides_where_an_identity_stays() -> None:
    written = seen(1, 0, 1, identity=5)
    crowd = crowd_of([remembered(5, -90, 0), remembered(5, -70, 0, "hall"), written])
    clusters = crowd.regroup()
    assert written in clusters[homes_of(clusters)[5]].items


def test_how_sure_it_is() -> None:
    one, other = seen(1, 0, 0), seen(2, 5, 1)
    crowd = crowd_of([one, other, seen(3, 0, 0, "hall")])
    clusters = {item.key: found for found in crowd.regroup() for item in found.items}
    together, evidence = crowd.confidence(one.strands[0], clusters[1], is_new=False)
    alone, _ = crowd.confidence(other.strands[0], clusters[2], is_new=True)
    assert 0.9 < together <= 1.0
    assert 0.9 < alone <= 1.0
    assert evidence["similarity"] == pytest.approx(1.0, abs=1e-4)
    assert evidence["runner_up"] == pytest.approx(0.0, abs=1e-3)
    assert evidence["visits"] == 2


def test_nobody_at_all() -> None:
    assert crowd_of([]).regroup() == []


def test_a_visit_that_is_remembered_is_the_same_visit_under_another_name() -> None:
    crowd = crowd_of([seen(1, 0, 0), seen(2, 0, 0, "hall")])
    assert names(crowd.regroup()) == [{1, 2}]
    crowd.turn(1, remembered(5, 0, 0))
    assert 1 not in crowd
    assert names(crowd.regroup()) == [{-5, 2}]
    crowd.turn(2, remembered(6, 0, 1, "hall"))
    assert names(crowd.regroup()) == [{-6}, {-5}], "other looks than it had"


class Bustle:
    """Visits that come and go at random, and people of whom one visit each is remembered."""

    def __init__(self, seed: int, refine: RefineSpec) -> None:
        self.rng = np.random.default_rng(seed)
        self.gallery = Gallery(people_max=50, exemplars_max=4)
        self.refine = refine
        self.crowd = Crowd(SPEC, Refiner(refine), CAMERAS, self.gallery)
        self.items: dict[Hashable, Item] = {}
        self.home: dict[Hashable, frozenset[Hashable]] = {}
        self.number = 0

    def step(self) -> None:
        rng, what = self.rng, self.rng.random()
        face = look(FACES[int(rng.integers(8))], rng, 0.9)
        camera = str(rng.choice(CAMERAS))
        keys = list(self.items)
        if what < 0.55 or len(keys) < 4:
            self.number += 1
            self.put(
                seen(self.number, float(rng.uniform(0, 90)), face, camera, x=float(rng.uniform(50, 600)))
            )
        elif what < 0.75:
            identity = int(rng.integers(1, 9))
            for old in [key for key, item in self.items.items() if item.group == identity]:
                self.leave(old)
            self.put(remembered(identity, float(rng.uniform(-90, 0)), face, camera))
        elif what < 0.9:
            self.leave(keys[int(rng.integers(len(keys)))])
        else:
            one, other = (int(group) for group in rng.choice(np.arange(1, 9), 2, replace=False))
            self.gallery.part(one, other)
            self.crowd.part(one, other)

    def put(self, item: Item) -> None:
        self.items[item.key] = item
        self.crowd.put(item)

    def leave(self, key: Hashable) -> None:
        del self.items[key]
        self.home.pop(key, None)
        self.crowd.drop(key)

    def settle(self) -> set[frozenset[Hashable]]:
        for one in self.crowd.regroup():
            keys = frozenset(item.key for item in one.items)
            self.home.update(dict.fromkeys(keys, keys))
        return {frozenset(self.home[key] & self.items.keys()) for key in self.items}

    def anew(self) -> set[frozenset[Hashable]]:
        crowd = Crowd(SPEC, Refiner(self.refine), CAMERAS, self.gallery)
        for item in self.items.values():
            crowd.put(item)
        return {frozenset(item.key for item in one.items) for one in crowd.regroup()}


@pytest.mark.parametrize("refine", [PLAIN, RefineSpec(nfc_share=0.5, rarity=0, neighbours=3)])
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_of_changes_ends_where_putting_everybody_together_anew_would(
    seed: int, refine: RefineSpec
) -> None:
    bustle = Bustle(seed, refine)
    for number in range(90):
        bustle.step()
        if number % 3 == 0 and bustle.items:
            assert bustle.settle() == bustle.anew()


def test_a_long_chain_of_look_alikes_costs_no_more_than_is_allowed() -> None:
    spec = SPEC.model_copy(update={"together_max": 10})
    rng = np.random.default_rng(5)
    crowd = Crowd(spec, Refiner(PLAIN), CAMERAS, Gallery(people_max=10, exemplars_max=4))
    for number in range(1, 60):
        crowd.put(seen(number, 3.0 * number, look(FACES[0], rng, 0.3)))
        clusters = crowd.regroup()
        assert len({unit for one in clusters for unit in one.units}) <= number
    sizes: Sequence[int] = [len(one.items) for one in clusters]
    assert max(sizes) == 59, "one person all the same, since the present cluster comes along whole"


def test_what_visits_looked_like_at_first_is_compared_with_who_they_were() -> None:
    """Two cameras whose strangers look alike: their pair gets a bar of its own."""
    rng = np.random.default_rng(6)
    spec = IdentifySpec()
    gallery = Gallery(people_max=500, exemplars_max=1)
    crowd = Crowd(spec, Refiner(PLAIN), CAMERAS, gallery)
    for person in range(1, 200):
        face = look(FACES[int(rng.integers(3))], rng, 0.5)
        item = seen(person, 3.0 * person, face, "hall" if person % 2 else "door")
        crowd.put(item)
        crowd.regroup()
        crowd.learn(person, person)
        crowd.drop(person)
        kept: Exemplar | None = exemplar_of(item.strands, spec)
        assert kept is not None
        crowd.put(remembered_item(person, kept, kept.vector.astype(np.float64)))
    shift: Mapping[str, float] = {
        pair: crowd.calibration.pair_shift(*pair.split()) + crowd.calibration.shift for pair in ("door hall",)
    }
    assert shift["door hall"] < -0.5
