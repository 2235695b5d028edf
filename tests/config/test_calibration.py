from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.config.calibration import Calibration, load_calibration
from edge.errors import ConfigError

SIZE = (640, 360)
FOCAL = 500.0
HEIGHT_M = 3.0
TILT = 0.3  # radians downwards


def projected(points_m: np.ndarray) -> np.ndarray:
    """Pixels of points on the ground, for a camera 3 m above (0, 0) that looks along y and down."""
    x, y = points_m[:, 0], points_m[:, 1]
    ahead = y * np.cos(TILT) + HEIGHT_M * np.sin(TILT)
    down = HEIGHT_M * np.cos(TILT) - y * np.sin(TILT)
    return np.stack([320 + FOCAL * x / ahead, 180 + FOCAL * down / ahead], axis=1)


def homography() -> np.ndarray:
    to_image = np.array(
        [
            [FOCAL, 320 * np.cos(TILT), 320 * HEIGHT_M * np.sin(TILT)],
            [
                0,
                180 * np.cos(TILT) - FOCAL * np.sin(TILT),
                HEIGHT_M * (180 * np.sin(TILT) + FOCAL * np.cos(TILT)),
            ],
            [0, np.cos(TILT), HEIGHT_M * np.sin(TILT)],
        ]
    )
    return np.linalg.inv(to_image)


def calibration_of(scale: float = 1.0) -> Calibration:
    return Calibration.model_validate({"image_to_ground_m": (homography() * scale).tolist(), "size_px": SIZE})


@pytest.mark.parametrize("scale", [1.0, -1.0, 250.0])
def test_feet_land_where_they_stand_whatever_the_scale(scale: float) -> None:
    there = np.array([[0.0, 6.0], [-2.0, 10.0], [3.5, 25.0]])
    assert calibration_of(scale).ground_of(projected(there)) == pytest.approx(there)


@pytest.mark.parametrize("scale", [1.0, -1.0])
def test_the_sky_is_nowhere_on_the_ground(scale: float) -> None:
    horizon = 180 - FOCAL * np.tan(TILT)
    points = np.array([[320, horizon - 20], [10, horizon - 1], [320, horizon + 1], [320, 359]])
    ground = calibration_of(scale).ground_of(points)
    assert np.isnan(ground[:, 0]).tolist() == [True, True, False, False]


def test_the_camera_is_where_its_matrices_say() -> None:
    c, s = np.cos(TILT), np.sin(TILT)
    rotation = np.array([[1, 0, 0], [0, -s, -c], [0, c, -s]])
    shift = -rotation @ np.array([2.0, -5.0, HEIGHT_M])
    more = {"rotation": rotation.tolist(), "translation_m": shift.tolist()}
    found = Calibration.model_validate(calibration_of().model_dump(exclude_none=True) | more)
    assert found.position_m == pytest.approx((2.0, -5.0, HEIGHT_M))
    assert calibration_of().position_m is None


def test_nobody_is_nowhere() -> None:
    assert calibration_of().ground_of(np.empty((0, 2))).shape == (0, 2)


def test_a_file_is_read(tmp_path: Path) -> None:
    rows = "".join(f"  - [{', '.join(f'{n:.9g}' for n in row)}]\n" for row in homography())
    (tmp_path / "door.yaml").write_text(f"image_to_ground_m:\n{rows}size_px: [640, 360]\n")
    found = load_calibration(tmp_path / "door.yaml")
    assert found.position_m is None
    assert found.ground_of(projected(np.array([[1.0, 8.0]]))) == pytest.approx(
        np.array([[1.0, 8.0]]), abs=1e-4
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size_px: [640, 360]\n", r"image_to_ground_m: this key is required"),
        (
            "image_to_ground_m: [[1, 2, 3], [2, 4, 6], [0, 0, 1]]\nsize_px: [640, 360]\n",
            r"door\.yaml:1: image_to_ground_m: is no homography",
        ),
        (
            "image_to_ground_m: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nsize_px: [0, 360]\n",
            r"door\.yaml:2: size_px: width and height must be 1 or more",
        ),
        (
            "image_to_ground_m: [[1, 0], [0, 1, 0], [0, 0, 1]]\nsize_px: [640, 360]\n",
            r"door\.yaml:1: image_to_ground_m",
        ),
        ("image_to_ground_m: [[1, 0, .nan], [0, 1, 0], [0, 0, 1]]\nsize_px: [1, 1]\n", r"finite"),
        (
            "format: 2\nimage_to_ground_m: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nsize_px: [1, 1]\n",
            r"door\.yaml:1: format: must be 1",
        ),
        ("imgae_to_ground: 1\nsize_px: [1, 1]\n", r"image_to_ground_m"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "door.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_calibration(tmp_path / "door.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        load_calibration(tmp_path / "gone.yaml")


def test_the_calibration_of_a_rendered_site_leads_back_to_the_floor() -> None:
    from edge.site import build_site
    from edge.site.calibration import camera_calibration

    for one in build_site("demo").cameras:
        found = Calibration.model_validate(camera_calibration(one))
        assert found.position_m == pytest.approx(tuple(one.camera.position_m))
        width, height = found.size_px
        pixels = np.array([[width * 0.3, height * 0.7], [width * 0.8, height * 0.95]])
        floor = found.ground_of(pixels)
        seen, depths = one.camera.project(np.column_stack([floor, np.zeros(2)]))
        assert (depths > 0).all()
        assert seen == pytest.approx(pixels)
