from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import at_ns, faces, tracklet_of

from edge.config.pipeline import IdentifySpec, RefineSpec
from edge.stages.identify.clustering import compare
from edge.stages.identify.strand import Strand
from edge.stages.identify.window import Item, exemplar_of, items_of, possible_pairs
from edge.stages.refine import Refiner
from edge.stores import Exemplar, Gallery

FACES = faces(np.random.default_rng(0), 6)
SPEC = IdentifySpec()
PLAIN = Refiner(RefineSpec(camera_mean=False, whiten=False, nfc_share=0.0, across_cameras=0.0))


def strand_of(
    number: int,
    start_s: float,
    end_s: float,
    *,
    face: int | None = 0,
    looks: int = 4,
    camera: str = "door",
    identity: int = 0,
    pinned: bool = False,
    x: float = 100.0,
) -> Strand:
    vectors = [] if face is None else [FACES[face]] * looks
    tracklet = tracklet_of(number, start_s, end_s, camera=camera, begin=(x, 240.0), vectors=vectors)
    strand = Strand.begin(number, tracklet)
    strand.identity, strand.pinned = identity, pinned
    return strand


def features_of(*strands: Strand) -> dict[int, NDArray[np.float64]]:
    return {s.number: s.vector.astype(np.float64) for s in strands if s.vector is not None}


def exemplar(face: int, start_s: float, end_s: float, camera: str = "door", x: float = 100.0) -> Exemplar:
    made = exemplar_of([strand_of(99, start_s, end_s, face=face, camera=camera, x=x)], SPEC)
    assert made is not None
    return made


def gallery_of(*kept: tuple[int, Exemplar]) -> Gallery:
    gallery = Gallery(people_max=10, exemplars_max=4)
    for identity, one in kept:
        gallery.add(identity, one)
    return gallery


def test_a_visit_with_enough_evidence_is_an_item() -> None:
    one, two = strand_of(1, 0, 2), strand_of(2, 3, 5, face=1, looks=8, x=130.0)
    (item,) = items_of({"door": [[one, two]]}, features_of(one, two), [], {}, SPEC)
    assert item.strands == (one, two)
    assert (item.camera, item.group) == ("door", 0)
    assert (item.start_s, item.end_s) == (at_ns(0) / 1e9, at_ns(5) / 1e9)
    assert (item.head, item.tail) == (one.head, two.tail)
    expected = FACES[0] * 3.2 + FACES[1] * min(6.4, SPEC.weight_cap)
    np.testing.assert_allclose(item.feature, expected / np.linalg.norm(expected), atol=1e-6)


def test_a_visit_with_too_little_is_not() -> None:
    weak = strand_of(1, 0, 2, looks=1)
    assert items_of({"door": [[weak]]}, features_of(weak), [], {}, SPEC) == []


@pytest.mark.parametrize("weight_min", [0.0, 1.0])
def test_nothing_embedded_is_no_evidence_even_if_none_is_asked_for(weight_min: float) -> None:
    bare = strand_of(1, 0, 2, face=None)
    assert items_of({"door": [[bare]]}, {}, [], {}, IdentifySpec(weight_min=weight_min)) == []


@pytest.mark.parametrize("face", [None, 0])
def test_what_is_written_already_is_an_item_with_any_evidence(face: int | None) -> None:
    weak = strand_of(1, 0, 2, face=face, looks=1, identity=5, pinned=True)
    known = strand_of(2, 0, 2, face=1, x=400.0)
    items = items_of({"door": [[weak], [known]]}, features_of(weak, known), [], {}, SPEC)
    assert [item.group for item in items] == [5, 0]
    assert items[0].feature.shape == items[1].feature.shape
    assert items[0].feature.any() == (face is not None)


def test_a_visit_is_bound_to_the_oldest_identity_written() -> None:
    visit = [
        strand_of(n, 3 * n, 3 * n + 2, identity=i, pinned=p) for n, i, p in ((1, 7, True), (2, 3, False))
    ]
    (item,) = items_of({"door": [visit]}, features_of(*visit), [], {}, SPEC)
    assert item.group == 7


def test_remembered_visits_come_last_in_the_order_of_their_identities() -> None:
    gallery = gallery_of((9, exemplar(1, 0, 1)), (4, exemplar(2, 0, 1, "hall")), (9, exemplar(3, 5, 6)))
    rows = {number: np.eye(3)[number] for number in range(3)}
    items = items_of({}, {}, list(gallery), rows, SPEC)
    assert [(i.group, i.camera, i.strands) for i in items] == [
        (4, "hall", ()),
        (9, "door", ()),
        (9, "door", ()),
    ]
    assert [int(i.feature.argmax()) for i in items] == [0, 1, 2]


def test_a_visit_is_remembered_as_the_mean_of_its_strands() -> None:
    visit = [strand_of(1, 0, 2, looks=50), strand_of(2, 3, 5, face=1, looks=50, x=130.0)]
    kept = exemplar_of([*visit, strand_of(3, 6, 7, face=None, x=150.0)], SPEC)
    assert kept is not None
    np.testing.assert_allclose(kept.vector, (FACES[0] + FACES[1]) / math.sqrt(2), atol=1e-6)
    assert kept.vector.dtype == np.float32
    assert (kept.camera, kept.weight) == ("door", pytest.approx(80.0))
    assert (kept.start_s, kept.end_s) == (at_ns(0) / 1e9, at_ns(7) / 1e9)
    assert (kept.head, kept.tail) == (visit[0].head, (150.0, 240.0))
    assert exemplar_of([strand_of(1, 0, 2, face=None)], SPEC) is None


def random_item(rng: np.random.Generator) -> Item:
    start = float(rng.uniform(0, 20))
    x, goal = rng.uniform(0, 600, 2)
    return Item(
        camera=str(rng.choice(["door", "hall"])),
        strands=(),
        group=int(rng.integers(0, 4)),
        feature=np.zeros(2),
        start_s=start,
        end_s=start + float(rng.uniform(0, 8)),
        head=(float(x), 100.0),
        tail=(float(goal), 200.0),
        height_px=float(rng.uniform(50, 150)),
    )


def can_be_one(a: Item, b: Item, speed_max: float, strangers: dict[int, set[int]]) -> bool:
    if b.group in strangers.get(a.group, ()):
        return False
    if a.camera != b.camera:
        return True
    first, later = (a, b) if a.start_s <= b.start_s else (b, a)
    gap_s = later.start_s - first.end_s
    height = (a.height_px + b.height_px) / 2
    return gap_s > 0 and math.dist(first.tail, later.head) <= (speed_max * gap_s + 1.0) * height


@pytest.mark.parametrize("seed", range(10))
def test_possible_pairs_are_those_that_look_possible_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    items = [random_item(rng) for _ in range(14)]
    strangers = {1: {2}, 2: {1, 9}, 9: {2}}
    mine = possible_pairs(items, 1.0, strangers)
    expected = [
        [a is b or can_be_one(a, b, 1.0, strangers) for b in items] for a in items
    ]  # fmt: skip
    np.testing.assert_array_equal(mine, expected)


def test_no_items_have_no_pairs() -> None:
    assert possible_pairs([], 3.0, {}).shape == (0, 0)


def groups(
    visits: dict[str, list[list[Strand]]], gallery: Gallery, spec: IdentifySpec = SPEC
) -> list[set[int]]:
    """Clusters, as sets of strand numbers; minus the identity for remembered ones."""
    strands = [s for stays in visits.values() for visit in stays for s in visit]
    found = compare(visits, features_of(*strands), gallery, PLAIN, spec)
    clusters: dict[int, set[int]] = {}
    for item, label in zip(found.items, found.labels.tolist(), strict=True):
        clusters.setdefault(label, set()).update({s.number for s in item.strands} or {-item.group})
    return sorted(clusters.values(), key=sorted)


def test_visits_that_look_alike_are_one_person() -> None:
    visits = {
        "door": [[strand_of(1, 0, 2)], [strand_of(2, 0, 2, face=1, x=400.0)]],
        "hall": [[strand_of(3, 0, 2, camera="hall")]],
    }
    gallery = gallery_of((8, exemplar(1, -50, -40)), (9, exemplar(2, -50, -40)))
    assert groups(visits, gallery) == [{-9}, {2, -8}, {1, 3}]


def test_who_was_never_embedded_still_keeps_others_from_its_identity() -> None:
    """Identity 5 is somewhere in the door camera, so nobody there at that time is 5, whatever their looks."""
    gallery = gallery_of((5, exemplar(0, -50, -40)))
    alike = strand_of(2, 0, 2, x=400.0)
    bare = strand_of(1, 0, 2, face=None, identity=5, pinned=True)
    assert groups({"door": [[alike]]}, gallery) == [{2, -5}]
    assert groups({"door": [[bare], [alike]]}, gallery) == [{1, -5}, {2}]


def test_who_was_never_embedded_does_not_make_its_identity_less_alike() -> None:
    gallery = gallery_of((5, exemplar(0, -50, -40)))
    bare = strand_of(1, 0, 2, face=None, identity=5, pinned=True)
    later = strand_of(2, 10, 12)
    spec = IdentifySpec(similarity_min=0.99)
    assert groups({"door": [[bare], [later]]}, gallery, spec) == [{1, 2, -5}]


def test_two_who_were_once_seen_together_are_never_one() -> None:
    gallery = gallery_of((5, exemplar(0, -50, -40)), (6, exemplar(0, -30, -20)))
    assert groups({}, gallery) == [{-5, -6}]
    gallery.part(5, 6)
    assert groups({}, gallery) == [{-6}, {-5}]


def test_how_sure_it_is() -> None:
    visits = {
        "door": [[strand_of(1, 0, 2)], [strand_of(2, 5, 7, face=1)]],
        "hall": [[strand_of(3, 0, 2, camera="hall")]],
    }
    strands = [s for stays in visits.values() for visit in stays for s in visit]
    found = compare(visits, features_of(*strands), gallery_of(), PLAIN, SPEC)
    together, evidence = found.confidence(0, is_new=False)
    alone, _ = found.confidence(1, is_new=True)
    assert 0.9 < together <= 1.0
    assert 0.9 < alone <= 1.0
    assert evidence["similarity"] == pytest.approx(1.0)
    assert evidence["runner_up"] == pytest.approx(0.0, abs=1e-3)
    assert evidence["visits"] == 2


def test_nobody_at_all() -> None:
    found = compare({"door": []}, {}, gallery_of(), PLAIN, SPEC)
    assert (found.items, found.firsts, found.settled, found.members) == ([], [], [], [])
