"""What a camera does to a picture."""

from __future__ import annotations

import numpy as np
import pytest

from edge.site.sensor import Sensor, develop, random_sensor
from edge.site.textures import TILES, noise_field, tile

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (90, 160, 3), dtype=np.uint8)
GREY = np.full((90, 160, 3), 128, np.uint8)


def see(picture: np.ndarray, sensor: Sensor, seed: int = 0) -> np.ndarray:
    return develop(picture.copy(), sensor, np.random.default_rng(seed)).astype(int)


def test_a_neutral_sensor_changes_nothing() -> None:
    assert (see(PICTURE, Sensor()) == PICTURE).all()


def test_a_cast_multiplies_the_colours_in_their_order() -> None:
    blue, green, red = see(GREY, Sensor(gain_bgr=(1.2, 1.0, 0.8)))[0, 0]
    assert (blue, green, red) == (pytest.approx(154, abs=1), 128, pytest.approx(102, abs=1))


def test_gamma_lifts_the_dark_and_leaves_black_and_white() -> None:
    ramp = np.repeat(np.array([0, 40, 255], np.uint8)[None, :, None], 3, axis=2)
    dark, lifted, white = see(ramp, Sensor(gamma=1.5))[0, :, 0]
    assert (dark, white) == (0, 255)
    assert lifted > 60


@pytest.mark.parametrize("kind", ["noise", "coarse_noise"])
@pytest.mark.parametrize("infrared", [False, True])
def test_noise_has_the_strength_it_should_and_no_bias(kind: str, infrared: bool) -> None:
    out = see(np.full((360, 640, 3), 128, np.uint8), Sensor(infrared=False, **{kind: 6.0}))  # type: ignore[arg-type]
    assert out.std() == pytest.approx(6.0, rel=0.1)
    assert out.mean() == pytest.approx(128, abs=0.6)
    grey = see(GREY, Sensor(infrared=infrared, **{kind: 6.0}))  # type: ignore[arg-type]
    assert (np.ptp(grey, axis=2).max() == 0) == infrared


def test_noise_depends_on_the_seed_alone() -> None:
    sensor = Sensor(noise=5.0)
    assert (see(PICTURE, sensor, 1) == see(PICTURE, sensor, 1)).all()
    assert (see(PICTURE, sensor, 1) != see(PICTURE, sensor, 2)).any()


def test_a_picture_larger_than_the_field_of_noise_is_covered_too() -> None:
    large = np.full((900, 1920, 3), 128, np.uint8)
    out = see(large, Sensor(noise=6.0))
    assert out[-50:, -50:].std() > 4


def test_infrared_is_grey_and_saturation_less_colourful() -> None:
    assert np.ptp(see(PICTURE, Sensor(infrared=True)), axis=2).max() == 0
    half = np.ptp(see(PICTURE, Sensor(saturation=0.5)), axis=2).mean()
    assert half == pytest.approx(np.ptp(PICTURE.astype(int), axis=2).mean() / 2, rel=0.05)


def test_a_vignette_darkens_the_corners_only() -> None:
    out = see(GREY, Sensor(vignette=0.5))
    assert out[45, 80, 0] >= 126
    assert out[0, 0, 0] == pytest.approx(64, abs=3)


def test_blur_takes_the_detail() -> None:
    assert see(PICTURE, Sensor(blur_px=1.5)).std() < 0.5 * PICTURE.std()


def test_random_sensors_differ_and_stay_within_reason() -> None:
    sensors = [random_sensor(np.random.default_rng(seed)) for seed in range(200)]
    assert len(set(sensors)) == 200
    assert 5 < sum(sensor.infrared for sensor in sensors) < 45
    assert all(0.3 < gain < 3.0 for sensor in sensors for gain in sensor.gain_bgr)


def test_tiles_are_even_grey_on_the_whole_and_can_be_repeated() -> None:
    for name in TILES:
        grain = tile(name).astype(int)
        assert grain.mean() == pytest.approx(128, abs=4)
        for across in (grain, grain.T):
            steps = np.abs(np.diff(across, axis=1)).mean(axis=0)
            seam = np.abs(across[:, 0] - across[:, -1]).mean()
            assert seam < 1.5 * steps.max() + 2, name
    assert np.abs(noise_field(0.9)).mean() == pytest.approx(800, rel=0.1)
