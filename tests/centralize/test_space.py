from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.centralize import GENERATED, FeatureSpace

DIMENSIONS = 12


def unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def tracks_of(rng: np.random.Generator, count: int, noise: NDArray[np.float64]) -> list[NDArray[np.float32]]:
    """Tracks of 10 embeddings; ``noise`` is the standard deviation within a person by direction."""
    people = rng.standard_normal((count, DIMENSIONS))
    return [unit(person + rng.standard_normal((10, DIMENSIONS)) * noise) for person in people]


def cosine(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows @ rows.T


def test_nothing_learnt_changes_nothing() -> None:
    rows = unit(np.random.default_rng(0).standard_normal((4, DIMENSIONS)))
    np.testing.assert_allclose(FeatureSpace().transform(rows, ["a"] * 4), rows, atol=1e-6)


def test_no_rows_give_no_rows() -> None:
    assert FeatureSpace().transform(np.zeros((0, DIMENSIONS), np.float32), []).shape == (0, DIMENSIONS)


def test_everything_switched_off_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    space = FeatureSpace(remove_camera_mean=False, whiten=False)
    for rows in tracks_of(rng, 5, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    rows = unit(rng.standard_normal((4, DIMENSIONS)))
    np.testing.assert_allclose(space.transform(rows, ["a"] * 4), rows, atol=1e-6)


def test_rows_come_out_with_unit_length() -> None:
    rng = np.random.default_rng(2)
    space = FeatureSpace()
    for rows in tracks_of(rng, 5, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    out = space.transform(unit(rng.standard_normal((6, DIMENSIONS))), ["a", "b", "a", "a", "b", "c"])
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1.0, atol=1e-9)
    assert out.dtype == np.float64


def test_a_colour_cast_of_one_camera_no_longer_counts() -> None:
    """The same people in two cameras, one of which adds the same vector to everybody."""
    rng = np.random.default_rng(3)
    cast = 2.5 * unit(rng.standard_normal(DIMENSIONS))
    people = unit(rng.standard_normal((20, DIMENSIONS)))
    plain, tinted = people, unit(people + cast)
    space = FeatureSpace(whiten=False)
    for one, other in zip(plain, tinted, strict=True):
        space.learn("plain", one[None], new_track=True)
        space.learn("tinted", other[None], new_track=True)
    out = space.transform(np.concatenate([plain, tinted]), ["plain"] * 20 + ["tinted"] * 20)

    def rank1(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
        return float(((one @ other.T).argmax(axis=1) == np.arange(20)).mean())

    def spread(rows: NDArray[np.floating]) -> float:
        """How alike strangers of one camera are."""
        return float((rows @ rows.T)[~np.eye(20, dtype=bool)].mean())

    assert rank1(out[:20], out[20:]) >= rank1(plain, tinted)
    assert spread(tinted) > 0.6
    assert abs(spread(out[20:])) < 0.2


def test_a_direction_in_which_everybody_varies_counts_for_less() -> None:
    rng = np.random.default_rng(4)
    noise = np.full(DIMENSIONS, 0.1)
    noise[0] = 3.0
    space = FeatureSpace(remove_camera_mean=False, shrinkage=0.1)
    for rows in tracks_of(rng, 60, noise):
        space.learn("a", rows, new_track=True)
    tests = tracks_of(rng, 8, noise)
    rows = np.concatenate(tests)
    same = np.kron(np.eye(8), np.ones((10, 10))) > 0
    before = cosine(rows.astype(np.float64))
    after = cosine(space.transform(rows, ["a"] * len(rows)))
    assert after[same].mean() - after[~same].mean() > before[same].mean() - before[~same].mean() + 0.2


def test_the_map_is_the_inverse_root_of_the_shrunk_scatter() -> None:
    """Against the formula, written down again: W = trust * scatter + (shrinkage + 1 - trust) * level * I."""
    rng = np.random.default_rng(5)
    space = FeatureSpace(remove_camera_mean=False, shrinkage=0.5, prior_ratio=2.0, memory_embeddings=1e12)
    rows = unit(rng.standard_normal((500, DIMENSIONS)))
    space.learn("a", rows, new_track=True)
    apart = rows.astype(np.float64) - rows.astype(np.float64).mean(axis=0)
    within = apart.T @ apart / 499
    trust = 499 / (499 + 2.0 * DIMENSIONS)
    level = np.trace(within) / DIMENSIONS
    shrunk = trust * within + (0.5 + 1 - trust) * level * np.eye(DIMENSIONS)
    asked = unit(rng.standard_normal((7, DIMENSIONS))).astype(np.float64)
    squared = np.einsum("id,de,je->ij", asked, np.linalg.inv(shrunk), asked)
    expected = squared / np.sqrt(np.outer(np.diag(squared), np.diag(squared)))
    out = space.transform(asked.astype(np.float32), ["a"] * 7)
    np.testing.assert_allclose(out @ out.T, expected, atol=1e-5)


def test_little_seen_changes_little() -> None:
    rng = np.random.default_rng(6)
    rows = unit(rng.standard_normal((5, DIMENSIONS)))
    few, many = (FeatureSpace(remove_camera_mean=False, shrinkage=0.1) for _ in range(2))
    for number, seen in enumerate(tracks_of(rng, 40, np.linspace(0.1, 2, DIMENSIONS)) * 5):
        many.learn("a", seen, new_track=True)
        if number == 0:
            few.learn("a", seen[:3], new_track=True)

    def moved(space: FeatureSpace) -> float:
        return float(np.abs(cosine(space.transform(rows, ["a"] * 5)) - rows @ rows.T).mean())

    assert moved(few) < 0.5 * moved(many)


def test_a_lone_person_is_not_taken_for_the_background() -> None:
    """One long track is nearly its camera's mean; removing it all would leave nothing but noise."""
    rng = np.random.default_rng(7)
    person = unit(rng.standard_normal(DIMENSIONS))
    space = FeatureSpace(whiten=False)
    for part in range(20):
        looks = unit(person + 0.03 * rng.standard_normal((10, DIMENSIONS)))
        space.learn("a", looks, new_track=part == 0)
    two = unit(person + 0.03 * rng.standard_normal((2, DIMENSIONS)))
    out = space.transform(two, ["a", "a"])
    assert out[0] @ out[1] > 0.8


def test_an_unknown_camera_has_the_mean_of_the_site() -> None:
    rng = np.random.default_rng(8)
    space = FeatureSpace(whiten=False)
    for rows in tracks_of(rng, 30, np.full(DIMENSIONS, 0.1)):
        space.learn("a", rows, new_track=True)
    rows = unit(rng.standard_normal((3, DIMENSIONS)))
    np.testing.assert_allclose(
        space.transform(rows, ["new"] * 3), space.transform(rows, ["a"] * 3), atol=0.05
    )


def test_old_embeddings_are_forgotten() -> None:
    rng = np.random.default_rng(9)
    morning, evening = unit(rng.standard_normal((2, DIMENSIONS)))
    used, fresh = (FeatureSpace(whiten=False, memory_embeddings=200.0) for _ in range(2))
    for _ in range(100):
        used.learn("a", unit(morning + 0.1 * rng.standard_normal((10, DIMENSIONS))), new_track=True)
    for _ in range(400):
        rows = unit(evening + 0.1 * rng.standard_normal((10, DIMENSIONS)))
        used.learn("a", rows, new_track=True)
        fresh.learn("a", rows, new_track=True)
    asked = unit(rng.standard_normal((4, DIMENSIONS)))
    np.testing.assert_allclose(used.transform(asked, ["a"] * 4), fresh.transform(asked, ["a"] * 4), atol=0.02)


@pytest.mark.parametrize("rows", [np.zeros((0, 0), np.float32), np.zeros(0, np.float32)])
def test_a_tracklet_without_embeddings_teaches_nothing(rows: NDArray[np.float32]) -> None:
    space = FeatureSpace()
    before = space.freeze()
    space.learn("a", rows, new_track=True)
    assert space.freeze().drift(before) == 0.0


def test_what_is_frozen_does_not_change() -> None:
    rng = np.random.default_rng(10)
    space = FeatureSpace()
    asked = unit(rng.standard_normal((3, DIMENSIONS))).astype(np.float32)
    for rows in tracks_of(rng, 30, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    frozen, before = space.freeze(), space.transform(asked, ["a", "a", "elsewhere"])
    for rows in tracks_of(rng, 30, np.ones(DIMENSIONS)):
        space.learn("b", rows, new_track=True)
    np.testing.assert_array_equal(frozen.transform(asked, ["a", "a", "elsewhere"]), before)
    assert np.abs(space.transform(asked, ["a", "a", "elsewhere"]) - before).max() > 1e-3


def test_drift_is_how_far_a_mean_has_moved() -> None:
    rng = np.random.default_rng(12)
    space = FeatureSpace(whiten=False)
    for rows in tracks_of(rng, 20, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    before = space.freeze()
    assert before.drift(before) == 0.0
    for rows in tracks_of(rng, 5, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    after = space.freeze()
    assert after.drift(before) == pytest.approx(float(np.linalg.norm(after.means["a"] - before.means["a"])))


def test_another_map_is_another_space_altogether() -> None:
    rng = np.random.default_rng(13)
    space = FeatureSpace()
    before = space.freeze()
    for rows in tracks_of(rng, 5, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    assert space.freeze().drift(before) == np.inf


def test_the_map_is_renewed_for_ever() -> None:
    """Also when so much was seen that old embeddings are forgotten as fast as new ones come."""
    rng = np.random.default_rng(14)
    space = FeatureSpace(memory_embeddings=50.0)
    for rows in tracks_of(rng, 60, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    before = space.freeze()
    for rows in tracks_of(rng, 20, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    assert space.freeze().matrix is not before.matrix


def test_memory_does_not_grow() -> None:
    rng = np.random.default_rng(11)
    space = FeatureSpace()

    def held() -> int:
        return sum(np.asarray(v).size if not isinstance(v, dict) else len(v) for v in vars(space).values())

    for rows in tracks_of(rng, 5, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    early = held()
    for rows in tracks_of(rng, 100, np.ones(DIMENSIONS)):
        space.learn("a", rows, new_track=True)
    assert held() == early


def test_one_person_in_many_broken_tracks_does_not_become_the_mean() -> None:
    """Removing that person's own mean would leave nothing but noise."""
    rng = np.random.default_rng(5)
    person = unit(rng.standard_normal(DIMENSIONS))
    told, untold = FeatureSpace(whiten=False), FeatureSpace(whiten=False)
    looks = [unit(person + 0.3 * rng.standard_normal((3, DIMENSIONS))) for _ in range(200)]
    for rows in looks:
        for space in (told, untold):
            space.learn("a", rows.astype(np.float32), new_track=True)
    told.count_people("a", 1)
    pair = np.stack([unit(looks[0].mean(axis=0)), unit(looks[1].mean(axis=0))]).astype(np.float32)
    alike = [float(np.prod(space.transform(pair, ["a", "a"]), axis=0).sum()) for space in (told, untold)]
    assert alike[0] > 0.5
    assert alike[0] > alike[1] + 0.3


def test_a_restored_space_maps_as_the_one_it_comes_from() -> None:
    rng = np.random.default_rng(3)
    learnt, restored = FeatureSpace(), FeatureSpace()
    vectors = rng.standard_normal((40, 8)).astype(np.float32)
    for camera, part in (("a", vectors[:20]), ("b", vectors[20:])):
        learnt.learn(camera, part, new_track=True)
    learnt.count_people("a", 1)
    restored.restore(learnt.state())
    for space in (learnt, restored):
        space.learn("a", vectors[5:9], new_track=True)
    rows = [space.transform(vectors, ["a", "b"] * 20) for space in (learnt, restored)]
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-5)
    empty = FeatureSpace()
    empty.restore(FeatureSpace().state())
    assert empty.freeze().elsewhere is None


def test_generated_pictures_lose_what_they_have_in_common_as_a_camera_does() -> None:
    rng = np.random.default_rng(7)
    space = FeatureSpace(whiten=False, prior_tracks=0.0)
    looks = rng.standard_normal((30, DIMENSIONS))
    style = 3.0 * rng.standard_normal(DIMENSIONS)
    for look in looks:
        space.learn("a", unit(look + 0.1 * rng.standard_normal((10, DIMENSIONS))), new_track=True)
        space.learn_generated(unit(look + style + 0.1 * rng.standard_normal((8, DIMENSIONS))))
    drawn = unit(looks + style)
    assert cosine(drawn.astype(np.float64)).min() > 0.5, "all that is drawn looks alike"
    frozen = space.freeze()
    real = frozen.transform(unit(looks), ["a"] * 30)
    found = frozen.transform(drawn, [GENERATED] * 30)
    own = (real * found).sum(axis=1)
    others = (real @ found.T)[~np.eye(30, dtype=bool)]
    assert own.min() > 0.7
    assert own.mean() > 0.9
    assert abs(others.mean()) < 0.1
    assert frozen.trust == 1.0


def test_generated_pictures_are_trusted_the_more_people_were_drawn() -> None:
    rng = np.random.default_rng(8)
    space = FeatureSpace(prior_tracks=4.0)
    assert space.freeze().trust == 0.0
    space.learn("a", unit(rng.standard_normal((5, DIMENSIONS))), new_track=True)
    trusts = []
    for _ in range(12):
        space.learn_generated(unit(rng.standard_normal((8, DIMENSIONS))))
        trusts.append(space.freeze().trust)
    assert trusts == sorted(trusts)
    assert (trusts[3], trusts[11]) == (0.5, 0.75)
    assert FeatureSpace(remove_camera_mean=False).freeze().trust == 1.0


def test_what_is_generated_changes_no_camera_and_no_scatter() -> None:
    rng = np.random.default_rng(9)
    with_them, without = FeatureSpace(), FeatureSpace()
    for rows in tracks_of(rng, 6, np.full(DIMENSIONS, 0.3)):
        for space in (with_them, without):
            space.learn("a", rows, new_track=True)
        with_them.learn_generated(unit(rng.standard_normal((8, DIMENSIONS))))
    rows = unit(rng.standard_normal((4, DIMENSIONS)))
    cameras = ["a", "a", "b", "b"]
    np.testing.assert_array_equal(with_them.transform(rows, cameras), without.transform(rows, cameras))
