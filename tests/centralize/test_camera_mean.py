from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.centralize import RunningCameraMean, remove_camera_mean


def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_each_cameras_mean_is_gone() -> None:
    rng = np.random.default_rng(0)
    feats, cameras = rng.standard_normal((30, 5)), np.arange(30) % 3
    out = remove_camera_mean(feats, cameras, normalize=False)
    for camera in range(3):
        expected = feats[cameras == camera] - feats[cameras == camera].mean(axis=0)
        np.testing.assert_allclose(out[cameras == camera], expected, atol=1e-6)


def test_rows_are_normalized_before_and_after() -> None:
    rng = np.random.default_rng(1)
    feats, cameras = rng.standard_normal((12, 5)), ["a", "b"] * 6
    plain = remove_camera_mean(unit(feats), cameras, normalize=False)
    np.testing.assert_allclose(remove_camera_mean(7 * feats, cameras), unit(plain), atol=1e-6)


def test_a_cameras_only_feature_is_refused_since_nothing_would_be_left() -> None:
    with pytest.raises(ValueError, match=r"row 2 of feats is its camera's mean.*camera 'b' has 1 features"):
        remove_camera_mean(np.eye(3), ["a", "a", "b"])
    assert not remove_camera_mean(np.eye(3), ["a", "a", "b"], normalize=False)[2].any()


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="cameras must have one label for each of 3 rows, got 2"):
        remove_camera_mean(np.eye(3), ["a", "b"])
    with pytest.raises(ValueError, match="row 0 is all zeros"):
        remove_camera_mean(np.zeros((2, 2)), ["a", "a"])


def test_the_running_mean_of_everything_is_the_mean_of_everything() -> None:
    rng = np.random.default_rng(2)
    feats, cameras = rng.standard_normal((40, 5)), list("abbc" * 10)
    running = RunningCameraMean(prior=0.0, memory=float("inf"))
    for feature, camera in zip(feats, cameras, strict=True):
        running.add(camera, feature)
    assert running.cameras == ("a", "b", "c")
    expected = remove_camera_mean(feats, cameras, normalize=False)
    np.testing.assert_allclose(running.remove(feats, cameras), expected, atol=1e-6)


def test_while_nothing_was_seen_nothing_is_removed() -> None:
    np.testing.assert_array_equal(RunningCameraMean().remove(np.eye(2), ["a", "b"]), np.eye(2))
    with pytest.raises(ValueError, match="no mean of camera 'a'"):
        RunningCameraMean().mean("a")


def test_few_people_take_little_away() -> None:
    running = RunningCameraMean(prior=4.0)
    running.add("a", np.tile([1.0, 0.0], (50, 1)), people=1)
    np.testing.assert_allclose(running.mean("a"), [0.2, 0.0])
    running.add("a", np.tile([1.0, 0.0], (50, 1)), people=11)
    np.testing.assert_allclose(running.mean("a"), [0.75, 0.0])
    running.count_people("a", 4)
    np.testing.assert_allclose(running.mean("a"), [0.5, 0.0])


def test_a_camera_never_seen_has_the_mean_of_the_site() -> None:
    running = RunningCameraMean(prior=0.0)
    running.add("a", np.array([[1.0, 0.0], [0.0, 1.0]]))
    np.testing.assert_allclose(running.mean("new"), [0.5, 0.5], rtol=1e-4)


def test_old_features_are_forgotten() -> None:
    running = RunningCameraMean(prior=0.0, memory=100.0)
    running.add("a", np.tile([1.0, 0.0], (1000, 1)))
    for _ in range(1000):
        running.add("a", [0.0, 1.0])
    np.testing.assert_allclose(running.mean("a"), [0.0, 1.0], atol=0.01)


def test_running_input_that_does_not_fit_is_named() -> None:
    running = RunningCameraMean()
    running.add("a", np.eye(3))
    with pytest.raises(ValueError, match="feats must have 3 columns"):
        running.add("a", np.eye(2))
    with pytest.raises(ValueError, match="row 0 is not"):
        running.add("a", [np.nan, 0.0, 0.0])
    with pytest.raises(ValueError, match="one label for each of 3 rows, got 1"):
        running.remove(np.eye(3), ["a"])
    with pytest.raises(ValueError, match="memory must be 1 or more"):
        RunningCameraMean(memory=0.0)
    with pytest.raises(ValueError, match="prior must be 0 or more"):
        RunningCameraMean(prior=-1.0)
