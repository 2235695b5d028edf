from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.centralize import neighbor_centralize
from edge.errors import ConfigError
from edge.evaluate.recipe import Recipe, Scope, Side, centralize


def side(count: int, seed: int, cameras: int = 3) -> Side:
    rng = np.random.default_rng(seed)
    return Side(rng.standard_normal((count, 6)).astype(np.float32), np.arange(count) % cameras + 1)


def unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


QUERY, GALLERY = side(9, 1), side(12, 2)


def test_an_empty_recipe_only_normalizes() -> None:
    query, gallery = centralize(Recipe(), QUERY, GALLERY)
    np.testing.assert_allclose(query, unit(QUERY.vectors), atol=1e-6)
    np.testing.assert_allclose(gallery, unit(GALLERY.vectors), atol=1e-6)
    assert query.dtype == gallery.dtype == np.float32


@pytest.mark.parametrize("scope", ["separate", "joint", "gallery"])
def test_scope_says_whose_neighbours_count(scope: Scope) -> None:
    query, gallery = centralize(Recipe(nfc=(3, 2), scope=scope), QUERY, GALLERY)
    both = np.concatenate([QUERY.vectors, GALLERY.vectors])
    expected = {
        "separate": (neighbor_centralize(QUERY.vectors, 3, 2), neighbor_centralize(GALLERY.vectors, 3, 2)),
        "joint": tuple(np.split(np.asarray(neighbor_centralize(both, 3, 2)), [9])),
        "gallery": (unit(QUERY.vectors), neighbor_centralize(GALLERY.vectors, 3, 2)),
    }[scope]
    np.testing.assert_allclose(query, expected[0], atol=1e-5)
    np.testing.assert_allclose(gallery, expected[1], atol=1e-5)


def test_cross_camera_takes_neighbours_from_other_cameras_only() -> None:
    _, gallery = centralize(Recipe(nfc=(3, 3), cross_camera=True), QUERY, GALLERY)
    others = GALLERY.cameras[:, None] != GALLERY.cameras[None, :]
    expected = neighbor_centralize(GALLERY.vectors, 3, 3, allowed=others)
    np.testing.assert_allclose(gallery, expected, atol=1e-5)
    assert not np.allclose(gallery, neighbor_centralize(GALLERY.vectors, 3, 3), atol=1e-3)


def test_each_cameras_mean_is_that_of_query_and_gallery_together() -> None:
    query, gallery = centralize(Recipe(camera_mean=True), QUERY, GALLERY)
    rows = np.concatenate([unit(QUERY.vectors), unit(GALLERY.vectors)])
    cameras = np.concatenate([QUERY.cameras, GALLERY.cameras])
    for camera in np.unique(cameras):
        rows[cameras == camera] -= rows[cameras == camera].mean(axis=0)
    np.testing.assert_allclose(np.concatenate([query, gallery]), unit(rows), atol=1e-5)


def test_generated_pictures_are_added_where_there_are_any() -> None:
    generated = side(3, 3).vectors
    owned: list[list[int]] = [[] for _ in range(9)]
    owned[2], owned[5] = [0, 1], [2]
    query, gallery = centralize(
        Recipe(eta=0.5), Side(QUERY.vectors, QUERY.cameras, generated, owned), GALLERY
    )
    expected, more = unit(QUERY.vectors), unit(generated)
    expected[2] += 0.5 * (more[0] + more[1])
    expected[5] += 0.5 * more[2]
    np.testing.assert_allclose(query, unit(expected), atol=1e-5)
    np.testing.assert_allclose(gallery, unit(GALLERY.vectors), atol=1e-6)


def test_inputs_are_not_changed() -> None:
    before = QUERY.vectors.copy(), GALLERY.vectors.copy()
    centralize(Recipe(nfc=(2, 2), camera_mean=True), QUERY, GALLERY)
    np.testing.assert_array_equal(QUERY.vectors, before[0])
    np.testing.assert_array_equal(GALLERY.vectors, before[1])


def test_more_neighbours_than_pictures_are_an_error_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match=r"--nfc: K1 must be less than .* \(got 9, the query has 9\)"):
        centralize(Recipe(nfc=(9, 2)), QUERY, GALLERY)
    centralize(Recipe(nfc=(9, 2), scope="joint"), QUERY, GALLERY)


def test_other_cameras_need_other_cameras() -> None:
    alone = Side(QUERY.vectors, np.ones(9, np.int64))
    with pytest.raises(ConfigError, match=r"--cross-camera: the query comes from one camera"):
        centralize(Recipe(nfc=(2, 2), cross_camera=True), alone, GALLERY)


def test_the_mean_of_one_picture_leaves_nothing_of_it() -> None:
    cameras = GALLERY.cameras.copy()
    cameras[4] = 77
    with pytest.raises(ConfigError, match=r"--camera-mean: camera 77 has one picture"):
        centralize(Recipe(camera_mean=True), QUERY, Side(GALLERY.vectors, cameras))
