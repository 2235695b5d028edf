from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import faces, look, tracklet_of, unit

from edge.centralize import neighbor_centralize
from edge.config.pipeline import RefineSpec
from edge.stages.refine import Refiner

PLAIN = RefineSpec(camera_mean=False, whiten=False, nfc_share=0.0, across_cameras=0)


def looks_of(rng: np.random.Generator, people: int, each: int, noise: float = 1.0) -> NDArray[np.float32]:
    return np.stack([look(face, rng, noise) for face in faces(rng, people) for _ in range(each)])


def all_pairs(count: int) -> NDArray[np.bool_]:
    return np.ones((count, count), dtype=bool)


def test_without_corrections_it_is_the_cosine() -> None:
    rows = looks_of(np.random.default_rng(0), 3, 2)
    refiner = Refiner(PLAIN)
    features = refiner.features(rows, ["a"] * 6)
    np.testing.assert_allclose(features, rows, atol=1e-6)
    similarity = refiner.similarity(features, ["a"] * 6, all_pairs(6))
    np.testing.assert_allclose(similarity, rows @ rows.T, atol=1e-5)


def test_the_centralized_half_is_nfc_between_cameras() -> None:
    rows = looks_of(np.random.default_rng(1), 4, 3).astype(np.float64)
    cameras = ["a", "b", "c"] * 4
    similarity = Refiner(RefineSpec(nfc_share=0.25, neighbours=2, rarity=0, across_cameras=0)).similarity(
        rows, cameras, all_pairs(12)
    )
    others = np.array([[one != other for other in cameras] for one in cameras])
    central = neighbor_centralize(rows, 2, 2, allowed=others)
    np.testing.assert_allclose(similarity, 0.25 * central @ central.T + 0.75 * rows @ rows.T, atol=1e-6)


def test_one_camera_takes_its_neighbours_from_itself() -> None:
    rows = looks_of(np.random.default_rng(2), 4, 3).astype(np.float64)
    spec = RefineSpec(nfc_share=1.0, neighbours=6, neighbours_one_camera=2, rarity=0, across_cameras=0)
    similarity = Refiner(spec).similarity(rows, ["a"] * 12, all_pairs(12))
    central = neighbor_centralize(rows, 2, 2)
    np.testing.assert_allclose(similarity, central @ central.T, atol=1e-6)


@pytest.mark.parametrize("cameras", [["a"] * 6, ["a", "b"] * 3])
def test_no_neighbours_is_the_cosine(cameras: list[str]) -> None:
    rows = looks_of(np.random.default_rng(3), 2, 3).astype(np.float64)
    spec = RefineSpec(neighbours=0, neighbours_one_camera=0, across_cameras=0)
    np.testing.assert_allclose(
        Refiner(spec).similarity(rows, cameras, all_pairs(6)), rows @ rows.T, atol=1e-9
    )


def test_a_pair_that_cannot_be_one_person_is_not_drawn_together() -> None:
    """Two look-alikes seen at one time: with them as neighbours they would be more alike than ever."""
    rng = np.random.default_rng(4)
    face = faces(rng, 1)[0]
    rows = np.stack([look(face, rng, 0.8) for _ in range(2)]).astype(np.float64)
    refiner = Refiner(RefineSpec(nfc_share=1.0, rarity=0, across_cameras=0))
    assert refiner.similarity(rows, ["a", "b"], all_pairs(2))[0, 1] == pytest.approx(1.0)
    apart = np.eye(2, dtype=bool)
    assert refiner.similarity(rows, ["a", "b"], apart)[0, 1] == pytest.approx(rows[0] @ rows[1])


def test_centralizing_tells_people_better_apart() -> None:
    """Noisy looks of ten people in four cameras: the margin between same and different grows."""
    rng = np.random.default_rng(5)
    rows = looks_of(rng, 10, 4, noise=1.5).astype(np.float64)
    cameras = ["a", "b", "c", "d"] * 10
    same = np.kron(np.eye(10), np.ones((4, 4))) > 0
    same_pairs, other_pairs = same & ~np.eye(40, dtype=bool), ~same

    def margin(share: float) -> float:
        similarity = Refiner(
            RefineSpec(nfc_share=share, neighbours=3, rarity=0, across_cameras=0)
        ).similarity(rows, cameras, all_pairs(40))
        spread = similarity[other_pairs].std() + similarity[same_pairs].std()
        return float((similarity[same_pairs].mean() - similarity[other_pairs].mean()) / spread)

    assert margin(0.5) > margin(0.0)


def test_among_few_candidates_being_a_neighbour_counts_for_little() -> None:
    """With six candidates from the other camera and two neighbours the share is 1 - rarity * 2 / 6."""
    rows = looks_of(np.random.default_rng(8), 6, 2).astype(np.float64)
    cameras = ["a", "b"] * 6

    def with_rarity(rarity: float) -> NDArray[np.float64]:
        spec = RefineSpec(nfc_share=0.6, neighbours=2, rarity=rarity, across_cameras=0)
        return Refiner(spec).similarity(rows, cameras, all_pairs(12))

    plain, full = rows @ rows.T, with_rarity(0.0)
    np.testing.assert_allclose(with_rarity(1.5), plain + 0.5 * (full - plain), atol=1e-9)
    np.testing.assert_allclose(with_rarity(3.0), plain, atol=1e-9)
    np.testing.assert_allclose(with_rarity(10.0), plain, atol=1e-9)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_compare(count: int) -> None:
    rows = unit(np.ones((count, 4))).astype(np.float64)
    similarity = Refiner(RefineSpec()).similarity(rows, ["a"] * count, all_pairs(count))
    assert similarity.shape == (count, count)


def test_only_first_pieces_count_as_new_tracks() -> None:
    rng = np.random.default_rng(6)
    once, often = Refiner(RefineSpec()), Refiner(RefineSpec())
    vectors = list(looks_of(rng, 1, 4))
    once.learn(tracklet_of(1, 0, 1, vectors=vectors))
    before = once.version
    often.learn(tracklet_of(1, 0, 1, vectors=vectors))
    often.learn(tracklet_of(1, 1, 2, vectors=vectors, part=1))
    assert once.version == before
    assert often.version[1] == once.version[1] == 1


def test_what_was_learnt_changes_the_features() -> None:
    rng = np.random.default_rng(7)
    refiner = Refiner(RefineSpec())
    rows = looks_of(rng, 3, 1)
    before = refiner.features(rows, ["a"] * 3)
    for track in range(1, 20):
        refiner.learn(tracklet_of(track, 0, 1, camera="a", vectors=list(looks_of(rng, 1, 8))))
    after = refiner.features(rows, ["a"] * 3)
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1.0, atol=1e-9)


def test_a_tracklet_without_embeddings_is_taken_too() -> None:
    refiner = Refiner(RefineSpec())
    refiner.learn(tracklet_of(1, 0, 1))
    assert refiner.features(np.zeros((0, 0), np.float32), []).shape == (0, 0)


def test_pairs_of_two_cameras_get_a_bonus_and_others_none() -> None:
    rows = np.linalg.qr(np.random.default_rng(8).standard_normal((6, 6)))[0]
    cameras = ["a", "a", "b", "b", "c", "c"]
    plain, helped = (
        Refiner(RefineSpec(nfc_share=0.0, across_cameras=bonus)).similarity(rows, cameras, all_pairs(6))
        for bonus in (0.0, 0.2)
    )
    names = np.array(cameras)
    across = names[:, None] != names[None, :]
    np.testing.assert_allclose((helped - plain)[across], 0.2)
    np.testing.assert_allclose((helped - plain)[~across], 0.0, atol=1e-12)


def test_one_camera_gets_no_bonus() -> None:
    rows = np.linalg.qr(np.random.default_rng(9).standard_normal((6, 6)))[0]
    similarity = Refiner(RefineSpec(nfc_share=0.0)).similarity(rows, ["a"] * 6, all_pairs(6))
    np.testing.assert_allclose(similarity, rows @ rows.T)


def test_fewer_visits_than_neighbours_are_compared_all_the_same() -> None:
    rows = np.eye(3, 8)
    similarity = Refiner(RefineSpec(rarity=0)).similarity(rows, ["a", "b", "a"], all_pairs(3))
    assert similarity.shape == (3, 3)
    assert np.isfinite(similarity).all()
