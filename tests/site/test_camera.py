"""Projection: what the matrices say is where things are seen."""

from __future__ import annotations

import numpy as np
import pytest

from edge.site.camera import Camera, aim

SIZE = (640, 360)


@pytest.fixture(params=[(0.0, 0), (12.0, 1), (-30.0, 2)], ids=["level", "rolled", "rolled-back"])
def camera(request: pytest.FixtureRequest) -> Camera:
    roll, number = request.param
    target = [(8.0, 6.0, 0.5), (2.0, 7.0, 1.0), (-3.0, 4.0, 0.0)][number]
    return aim((1.0, -2.0, 3.0), target, fov_deg=70.0, size_px=SIZE, roll_deg=roll)


def test_the_target_is_in_the_middle_of_the_picture() -> None:
    camera = aim((0.0, 0.0, 3.0), (5.0, 4.0, 1.0), fov_deg=60.0, size_px=SIZE)
    pixels, depth = camera.project(np.array([[5.0, 4.0, 1.0]]))
    assert pixels[0] == pytest.approx([(640 - 1) / 2, (360 - 1) / 2])
    assert depth[0] == pytest.approx(np.sqrt(25 + 16 + 4))


def test_points_land_where_the_projection_matrix_says(camera: Camera) -> None:
    points = np.random.default_rng(0).uniform((0, 0, 0), (6, 8, 2), (200, 3))
    pixels, depth = camera.project(points)
    by_hand = np.column_stack([points, np.ones(200)]) @ camera.projection.T
    ahead = by_hand[:, 2] > 0.1
    assert ahead.sum() > 50
    np.testing.assert_allclose(pixels[ahead], (by_hand[:, :2] / by_hand[:, 2:])[ahead], atol=1e-6)
    np.testing.assert_allclose(depth, by_hand[:, 2], atol=1e-9)


def test_the_floor_homography_undoes_the_projection(camera: Camera) -> None:
    floor = np.random.default_rng(1).uniform((0, 0), (6, 8), (100, 2))
    pixels, depth = camera.project(np.column_stack([floor, np.zeros(100)]))
    back = np.column_stack([pixels, np.ones(100)]) @ camera.image_to_floor.T
    np.testing.assert_allclose((back[:, :2] / back[:, 2:])[depth > 0.1], floor[depth > 0.1], atol=1e-6)


def test_a_picture_is_not_mirrored_and_stands_upright() -> None:
    camera = aim((0.0, 0.0, 2.0), (0.0, 10.0, 2.0), fov_deg=60.0, size_px=SIZE)
    east, west, high, low = camera.project(
        np.array([[1.0, 10.0, 2.0], [-1.0, 10.0, 2.0], [0.0, 10.0, 3.0], [0.0, 10.0, 1.0]])
    )[0]
    assert east[0] > west[0]
    assert high[1] < low[1]


def test_the_field_of_view_reaches_from_edge_to_edge() -> None:
    camera = aim((0.0, 0.0, 2.0), (0.0, 10.0, 2.0), fov_deg=90.0, size_px=SIZE)
    pixels, _ = camera.project(np.array([[10.0, 10.0, 2.0], [-10.0, 10.0, 2.0]]))
    assert pixels[:, 0] == pytest.approx([639.5, -0.5])


def test_the_rotation_is_one_and_the_position_is_kept(camera: Camera) -> None:
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)
    assert camera.position_m == pytest.approx([1.0, -2.0, 3.0])


def test_a_camera_may_look_straight_down() -> None:
    camera = aim((3.0, 4.0, 5.0), (3.0, 4.0, 0.0), fov_deg=60.0, size_px=SIZE)
    pixels, depth = camera.project(np.array([[3.0, 4.0, 0.0]]))
    assert pixels[0] == pytest.approx([319.5, 179.5])
    assert depth[0] == pytest.approx(5.0)
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)
