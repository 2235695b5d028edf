"""What a camera makes of the light: colour cast, exposure, blur, noise, vignette, infrared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.textures import noise_field

__all__ = ["Sensor", "develop", "random_sensor"]

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sensor:
    """One camera's way of seeing; all neutral unless given.

    gain_bgr: factors of blue, green and red: exposure and white balance.
    gamma: above 1 lifts the dark parts.
    black: added everywhere, 0 to 255: a veil of stray light.
    saturation: 0 is grey.
    blur_px: standard deviation of the lens's blur.
    noise: standard deviation of the noise at mid grey, of 255.
    coarse_noise: of noise that is two pixels wide, as after the camera's own compression.
    vignette: how much darker the corners are, 0 to 1.
    infrared: one grey channel, lit from the camera.
    """

    gain_bgr: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    black: float = 0.0
    saturation: float = 1.0
    blur_px: float = 0.0
    noise: float = 0.0
    coarse_noise: float = 0.0
    vignette: float = 0.0
    infrared: bool = False


def develop(image_bgr_hwc: Picture, sensor: Sensor, rng: np.random.Generator) -> Picture:
    """The picture as this camera would give it.

    Args:
        image_bgr_hwc: uint8 (h, w, 3); may be changed.
        sensor: the camera.
        rng: for the noise.

    Returns:
        uint8 (h, w, 3).
    """
    image = image_bgr_hwc
    if sensor.infrared:
        grey = cv2.transform(image, np.array([[0.26, 0.36, 0.56]], np.float32))
        image = cv2.merge([grey, grey, grey])  # type: ignore[assignment]
    elif sensor.saturation < 0.99:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        image = cv2.addWeighted(image, sensor.saturation, grey, 1 - sensor.saturation, 0)  # type: ignore[assignment]
    image = cv2.LUT(image, _curve(sensor.gain_bgr, sensor.gamma, sensor.black))  # type: ignore[assignment]
    if sensor.vignette > 0:
        height, width = image.shape[:2]
        image = cv2.multiply(image, _vignette(width, height, round(sensor.vignette, 2)), scale=1 / 255)  # type: ignore[assignment]
    if sensor.blur_px > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), sensor.blur_px)  # type: ignore[assignment]
    for strength, grain in ((sensor.noise, 0.0), (sensor.coarse_noise, 0.9)):
        if strength > 0.2:
            image = _add_noise(image, strength, grain, rng, grey=sensor.infrared)
    return image


def random_sensor(rng: np.random.Generator, *, infrared: bool | None = None) -> Sensor:
    """Any camera, good or bad.

    Args:
        rng: where the choice comes from.
        infrared: whether it is one; one in ten when None.
    """
    u = rng.random(10)
    exposure = float(np.exp(rng.normal(0.05, 0.22)))
    cast = np.exp(rng.normal(0.0, 0.10, 3))
    blue, green, red = (float(exposure * c) for c in cast)
    grey = bool(u[0] < 0.1) if infrared is None else infrared
    return Sensor(
        gain_bgr=(exposure, exposure, exposure) if grey else (blue, green, red),
        gamma=float(np.exp(rng.normal(0.0, 0.22))),
        black=float(max(0.0, 45 * (u[1] - 0.5))) if u[2] < 0.6 else 0.0,
        saturation=0.35 + 0.65 * float(u[3]) if u[4] < 0.5 else 1.0,
        blur_px=float(1.8 * u[5] ** 2),
        noise=float(14 * u[6] ** 2) if u[7] < 0.65 else 0.0,
        coarse_noise=float(9 * u[6] ** 2) if u[7] >= 0.65 else 0.0,
        vignette=float(0.5 * u[8]) if u[9] < 0.3 else 0.0,
        infrared=grey,
    )


@lru_cache(maxsize=256)
def _curve(gain_bgr: tuple[float, float, float], gamma: float, black: float) -> Picture:
    """uint8 (1, 256, 3): what each value becomes."""
    value = (np.arange(256) / 255.0) ** (1 / gamma)
    table = value[:, None] * np.array(gain_bgr) * (255 - black) + black
    return np.asarray(np.clip(np.round(table), 0, 255), np.uint8)[None]


@lru_cache(maxsize=32)
def _vignette(width: int, height: int, strength: float) -> Picture:
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    grey = np.clip(255 * (1 - strength * (x * x + y * y) / 2), 0, 255).astype(np.uint8)
    return np.asarray(cv2.merge([grey, grey, grey]), np.uint8)


def _add_noise(
    image: Picture, strength: float, grain: float, rng: np.random.Generator, *, grey: bool
) -> Picture:
    """Add a piece of a large field of noise, from anywhere in it: drawing so many takes longer."""
    height, width = image.shape[:2]
    planes = 1 if grey else 3
    field = noise_field(grain)
    if height > field.shape[0] or planes * width > field.shape[1]:
        field = np.tile(field, (height // field.shape[0] + 1, planes * width // field.shape[1] + 1))
    top = int(rng.integers(field.shape[0] - height + 1))
    left = int(rng.integers(field.shape[1] - planes * width + 1))
    piece = field[top : top + height, left : left + planes * width].reshape(height, width, planes)
    if grey:
        piece = cv2.merge([piece, piece, piece])  # type: ignore[assignment]
    return np.asarray(cv2.addWeighted(image, 1.0, piece, strength / 1000, 0.0, dtype=cv2.CV_8U))
