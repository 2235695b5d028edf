from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import at_ns, faces, tracklet_of

from edge.config.pipeline import IdentifySpec
from edge.stages.identify.strand import Strand
from edge.stages.identify.window import (
    Item,
    exemplar_of,
    may_be_one,
    one_person,
    remembered_item,
    visit_item,
)

FACES = faces(np.random.default_rng(0), 6)
SPEC = IdentifySpec()


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


def test_a_visit_with_enough_evidence_is_an_item() -> None:
    one, two = strand_of(1, 0, 2), strand_of(2, 3, 5, face=1, looks=8, x=130.0)
    item = visit_item([one, two], features_of(one, two), SPEC)
    assert item is not None
    assert item.feature is not None
    assert item.key == 1
    assert item.strands == (one, two)
    assert (item.camera, item.group) == ("door", 0)
    assert (item.start_s, item.end_s) == (at_ns(0) / 1e9, at_ns(5) / 1e9)
    assert (item.head, item.tail) == (one.head, two.tail)
    expected = FACES[0] * 3.2 + FACES[1] * min(6.4, SPEC.weight_cap)
    np.testing.assert_allclose(item.feature, expected / np.linalg.norm(expected), atol=1e-6)


def test_a_visit_with_too_little_is_not() -> None:
    weak = strand_of(1, 0, 2, looks=1)
    assert visit_item([weak], features_of(weak), SPEC) is None


@pytest.mark.parametrize("weight_min", [0.0, 1.0])
def test_nothing_embedded_is_no_evidence_even_if_none_is_asked_for(weight_min: float) -> None:
    bare = strand_of(1, 0, 2, face=None)
    assert visit_item([bare], {}, IdentifySpec(weight_min=weight_min)) is None


@pytest.mark.parametrize("face", [None, 0])
def test_what_is_written_already_is_an_item_with_any_evidence(face: int | None) -> None:
    weak = strand_of(1, 0, 2, face=face, looks=1, identity=5, pinned=True)
    item = visit_item([weak], features_of(weak), SPEC)
    assert item is not None
    assert item.group == 5
    assert (item.feature is not None) == (face is not None)


def test_a_visit_is_bound_to_the_oldest_identity_written() -> None:
    visit = [
        strand_of(n, 3 * n, 3 * n + 2, identity=i, pinned=p) for n, i, p in ((1, 7, True), (2, 3, False))
    ]
    item = visit_item(visit, features_of(*visit), SPEC)
    assert item is not None
    assert item.group == 7


def test_a_remembered_visit_is_an_item_under_its_own_name() -> None:
    visit = [strand_of(1, 0, 2, camera="hall"), strand_of(2, 3, 5, camera="hall", x=130.0)]
    kept = exemplar_of(visit, SPEC)
    assert kept is not None
    item = remembered_item(7, kept, np.eye(3)[1])
    assert (item.key, item.group, item.camera, item.strands) == (kept, 7, "hall", ())
    assert (item.start_s, item.end_s, item.head, item.tail) == (
        kept.start_s, kept.end_s, visit[0].head, visit[1].tail,
    )  # fmt: skip
    assert (kept.track, kept.tracklet) == (2, "hall/2/0"), "what can be said of it afterwards"


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
        key=int(rng.integers(1_000_000)),
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
def test_two_sets_are_one_person_when_every_pair_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    strangers = {1: {2}, 2: {1, 9}, 9: {2}}
    for _ in range(60):
        some, others = ([random_item(rng) for _ in range(int(rng.integers(1, 3)))] for _ in range(2))
        expected = all(can_be_one(a, b, 1.0, strangers) for a in some for b in others)
        assert one_person(some, others, 1.0, strangers) == expected
        assert one_person(others, some, 1.0, strangers) == expected
        assert may_be_one(some[0], others[0], 1.0) == can_be_one(some[0], others[0], 1.0, {})


def test_nobody_is_one_with_anybody() -> None:
    assert one_person([], [], 3.0, {})
