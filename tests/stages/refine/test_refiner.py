from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import faces, look, tracklet_of, unit

from edge.centralize import neighbor_centralize
from edge.config.pipeline import RefineSpec
from edge.stages.refine import Refiner

PLAIN = RefineSpec(camera_mean=False, whiten=False, nfc_share=0.0)


def looks_of(rng: np.random.Generator, people: int, each: int, noise: float = 1.0) -> NDArray[np.float32]:
    return np.stack([look(face, rng, noise) for face in faces(rng, people) for _ in range(each)])


def similarity_of(
    refiner: Refiner, rows: NDArray[np.floating], cameras: Sequence[str], possible: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Of all pairs, float64 (n, n)."""
    refiner.ask(lambda one, other: bool(possible[one, other]))
    for key, (row, camera) in enumerate(zip(rows, cameras, strict=True)):
        refiner.put(key, row.astype(np.float64), camera)
    assert refiner.refresh() == set(range(len(rows)))
    compared = refiner.rows(range(len(rows))).astype(np.float64)
    return np.asarray(compared @ compared.T)


def all_pairs(count: int) -> NDArray[np.bool_]:
    return np.ones((count, count), dtype=bool)


def test_without_corrections_it_is_the_cosine() -> None:
    rows = looks_of(np.random.default_rng(0), 3, 2)
    refiner = Refiner(PLAIN)
    features = refiner.features(rows, ["a"] * 6)
    np.testing.assert_allclose(features, rows, atol=1e-6)
    similarity = similarity_of(refiner, features, ["a"] * 6, all_pairs(6))
    np.testing.assert_allclose(similarity, rows @ rows.T, atol=1e-5)


def test_the_centralized_half_is_nfc_between_cameras() -> None:
    rows = looks_of(np.random.default_rng(1), 4, 3).astype(np.float64)
    cameras = ["a", "b", "c"] * 4
    spec = RefineSpec(nfc_share=0.25, neighbours=2, rarity=0)
    similarity = similarity_of(Refiner(spec), rows, cameras, all_pairs(12))
    others = np.array([[one != other for other in cameras] for one in cameras])
    central = neighbor_centralize(rows, 2, 2, allowed=others)
    np.testing.assert_allclose(similarity, 0.25 * central @ central.T + 0.75 * rows @ rows.T, atol=1e-6)


def test_one_camera_takes_its_neighbours_from_itself() -> None:
    rows = looks_of(np.random.default_rng(2), 4, 3).astype(np.float64)
    spec = RefineSpec(nfc_share=1.0, neighbours=6, neighbours_one_camera=2, rarity=0)
    similarity = similarity_of(Refiner(spec), rows, ["a"] * 12, all_pairs(12))
    central = neighbor_centralize(rows, 2, 2)
    np.testing.assert_allclose(similarity, central @ central.T, atol=1e-6)


@pytest.mark.parametrize("cameras", [["a"] * 6, ["a", "b"] * 3])
def test_no_neighbours_is_the_cosine(cameras: list[str]) -> None:
    rows = looks_of(np.random.default_rng(3), 2, 3).astype(np.float64)
    spec = RefineSpec(neighbours=0, neighbours_one_camera=0)
    np.testing.assert_allclose(
        similarity_of(Refiner(spec), rows, cameras, all_pairs(6)), rows @ rows.T, atol=1e-9
    )


def test_a_pair_that_cannot_be_one_person_is_not_drawn_together() -> None:
    """Two look-alikes seen at one time: with them as neighbours they would be more alike than ever."""
    rng = np.random.default_rng(4)
    face = faces(rng, 1)[0]
    rows = np.stack([look(face, rng, 0.8) for _ in range(2)]).astype(np.float64)
    spec = RefineSpec(nfc_share=1.0, rarity=0)
    assert similarity_of(Refiner(spec), rows, ["a", "b"], all_pairs(2))[0, 1] == pytest.approx(1.0)
    apart = np.eye(2, dtype=bool)
    found = similarity_of(Refiner(spec), rows, ["a", "b"], apart)
    assert found[0, 1] == pytest.approx(rows[0] @ rows[1], abs=1e-6)


def test_centralizing_tells_people_better_apart() -> None:
    """Noisy looks of ten people in four cameras: the margin between same and different grows."""
    rng = np.random.default_rng(5)
    rows = looks_of(rng, 10, 4, noise=1.5).astype(np.float64)
    cameras = ["a", "b", "c", "d"] * 10
    same = np.kron(np.eye(10), np.ones((4, 4))) > 0
    same_pairs, other_pairs = same & ~np.eye(40, dtype=bool), ~same

    def margin(share: float) -> float:
        spec = RefineSpec(nfc_share=share, neighbours=3, rarity=0)
        similarity = similarity_of(Refiner(spec), rows, cameras, all_pairs(40))
        spread = similarity[other_pairs].std() + similarity[same_pairs].std()
        return float((similarity[same_pairs].mean() - similarity[other_pairs].mean()) / spread)

    assert margin(0.5) > margin(0.0)


def test_among_few_candidates_being_a_neighbour_counts_for_little() -> None:
    """With six candidates from the other camera and two neighbours the share is 1 - rarity * 2 / 6."""
    rows = looks_of(np.random.default_rng(8), 6, 2).astype(np.float64)
    cameras = ["a", "b"] * 6

    def with_rarity(rarity: float) -> NDArray[np.float64]:
        spec = RefineSpec(nfc_share=0.6, neighbours=2, rarity=rarity)
        return similarity_of(Refiner(spec), rows, cameras, all_pairs(12))

    plain, full = rows @ rows.T, with_rarity(0.0)
    np.testing.assert_allclose(with_rarity(1.5), plain + 0.5 * (full - plain), atol=1e-6)
    np.testing.assert_allclose(with_rarity(3.0), plain, atol=1e-6)
    np.testing.assert_allclose(with_rarity(10.0), plain, atol=1e-6)


def test_a_lone_visit_is_compared_as_it_is() -> None:
    refiner = Refiner(RefineSpec())
    assert refiner.refresh() == set()
    row = unit(np.ones((1, 4))).astype(np.float64)
    refiner.put("one", row[0], "a")
    assert refiner.refresh() == {"one"}
    np.testing.assert_allclose(refiner.rows(["one"]), row, atol=1e-7)


def test_the_space_is_renewed_when_it_has_moved_and_forgets_everybody_then() -> None:
    rng = np.random.default_rng(7)
    refiner = Refiner(RefineSpec())
    rows = looks_of(rng, 3, 1)
    before = refiner.features(rows, ["a"] * 3)
    refiner.put(0, before[0], "a")
    assert not refiner.renew()
    for track in range(1, 20):
        refiner.learn(tracklet_of(track, 0, 1, camera="a", vectors=list(looks_of(rng, 1, 8))))
    np.testing.assert_array_equal(refiner.features(rows, ["a"] * 3), before, "only when it is asked")
    assert refiner.renew()
    after = refiner.features(rows, ["a"] * 3)
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1.0, atol=1e-6)
    assert refiner.refresh() == set()
    refiner.put(0, after[0], "a")
    assert refiner.refresh() == {0}
    assert not refiner.renew()


def test_only_first_pieces_count_as_new_tracks() -> None:
    rng = np.random.default_rng(6)
    once, often = (Refiner(RefineSpec(whiten=False)) for _ in range(2))
    vectors = list(looks_of(rng, 1, 4))
    for part, refiner in ((0, once), (0, often), (1, often)):
        refiner.learn(tracklet_of(1, part, part + 1, vectors=vectors, part=part))
    asked = looks_of(rng, 2, 1)
    for refiner in (once, often):
        refiner.renew()
    np.testing.assert_allclose(often.features(asked, ["a"] * 2), once.features(asked, ["a"] * 2))


def test_a_tracklet_without_embeddings_is_taken_too() -> None:
    refiner = Refiner(RefineSpec())
    refiner.learn(tracklet_of(1, 0, 1))
    assert refiner.features(np.zeros((0, 0), np.float32), []).shape == (0, 0)


def test_fewer_visits_than_neighbours_are_compared_all_the_same() -> None:
    rows = np.eye(3, 8)
    similarity = similarity_of(Refiner(RefineSpec(rarity=0)), rows, ["a", "b", "a"], all_pairs(3))
    assert similarity.shape == (3, 3)
    assert np.isfinite(similarity).all()


class Stream:
    """Visits that come, change and go, beside what they are in the end computed at once."""

    def __init__(self, seed: int, spec: RefineSpec, cameras: str) -> None:
        self.rng = np.random.default_rng(seed)
        self.spec, self.cameras = spec, cameras
        self.refiner = Refiner(spec)
        self.apart: set[frozenset[int]] = set()
        self.refiner.ask(self.may)
        self.faces = faces(self.rng, 12)
        self.now: dict[int, tuple[NDArray[np.float64], str]] = {}
        self.seen: dict[int, NDArray[np.float32]] = {}
        self.next = 0

    def may(self, one: object, other: object) -> bool:
        return frozenset((one, other)) not in self.apart

    def step(self) -> None:
        what = self.rng.random()
        keys = list(self.now)
        if what < 0.6 or len(keys) < 3:
            key, self.next = self.next, self.next + 1
            self.put(key, str(self.rng.choice(list(self.cameras))))
        elif what < 0.8:
            key = keys[int(self.rng.integers(len(keys)))]
            self.put(key, self.now[key][1])
        elif what < 0.85:
            key, new = keys[int(self.rng.integers(len(keys)))], self.next
            self.next += 1
            self.now = {new if name == key else name: value for name, value in self.now.items()}
            if key in self.seen:
                self.seen[new] = self.seen.pop(key)
            self.apart |= {pair - {key} | {new} for pair in self.apart if key in pair}
            self.refiner.rename(key, new)
        elif what < 0.9:
            key = keys[int(self.rng.integers(len(keys)))]
            del self.now[key]
            self.seen.pop(key, None)
            self.refiner.drop(key)
        else:
            one, other = self.rng.choice(keys, 2, replace=False).tolist()
            self.apart.add(frozenset((one, other)))
            self.refiner.forbid(one, other)

    def put(self, key: int, camera: str) -> None:
        row = look(self.faces[int(self.rng.integers(12))], self.rng, 0.8).astype(np.float64)
        self.now[key] = row, camera
        self.refiner.put(key, row, camera)


@pytest.mark.parametrize("cameras", ["a", "abc"])
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_of_changes_gives_what_all_at_once_would_give(seed: int, cameras: str) -> None:
    spec = RefineSpec(neighbours=3, neighbours_one_camera=2, rarity=4.0, nfc_share=0.8)
    stream = Stream(seed, spec, cameras)
    for number in range(120):
        stream.step()
        if number % 3:
            continue
        changed = stream.refiner.refresh()
        stream.seen |= {key: stream.refiner.rows([key])[0] for key in changed if isinstance(key, int)}
        fresh = Refiner(spec)
        fresh.ask(stream.may)
        for key, (row, camera) in stream.now.items():
            fresh.put(key, row, camera)
        fresh.refresh()
        if not stream.now:
            continue
        if abs(fresh.share - stream.refiner.share) > 1e-9:  # follows in steps
            assert abs(fresh.share - stream.refiner.share) < 1 / 32
            continue
        expected = fresh.rows(stream.now)
        np.testing.assert_allclose(np.stack([stream.seen[key] for key in stream.now]), expected, atol=1e-5)


def test_a_restored_refiner_begins_with_what_was_learnt() -> None:
    rng = np.random.default_rng(2)
    learnt, restored = Refiner(RefineSpec()), Refiner(RefineSpec())
    for track in range(1, 7):
        learnt.learn(tracklet_of(track, 0.0, 2.0, vectors=looks_of(rng, 1, 5)))
    learnt.renew()
    restored.restore(learnt.lessons())
    rows = faces(rng, 4)
    np.testing.assert_allclose(
        learnt.features(rows, ["door"] * 4), restored.features(rows, ["door"] * 4), atol=1e-5
    )
    assert not restored.renew()
