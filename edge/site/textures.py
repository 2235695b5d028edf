"""Grey tiles that give surfaces a grain, made once from noise and simple patterns.

A tile is uint8 (256, 256) with a mean of 128 and can be repeated side by side.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["SIDE_PX", "TILES", "grain_field", "noise_field", "tile"]

SIDE_PX = 256
_NAMES = (
    "asphalt",
    "concrete",
    "grass",
    "slabs",
    "small_slabs",
    "bricks",
    "planks",
    "checks",
    "carpet",
    "marble",
)
TILES = _NAMES

_Floats = NDArray[np.float32]
_SEED = 0x7E_47


@lru_cache(maxsize=len(_NAMES))
def tile(name: str) -> NDArray[np.uint8]:
    """The tile of that name, one of :data:`TILES`."""
    rng = np.random.default_rng((_SEED, _NAMES.index(name)))
    across, down = np.meshgrid(np.arange(SIDE_PX), np.arange(SIDE_PX))
    fine, coarse = _noise(rng, 0.8), _noise(rng, 12.0)
    if name == "asphalt":
        value = 22 * fine + 10 * coarse
    elif name == "concrete":
        value = 7 * fine + 16 * coarse + 12 * _noise(rng, 40.0)
    elif name == "grass":
        value = 26 * _noise(rng, 1.5) + 18 * _noise(rng, 6.0) + 14 * fine
    elif name in ("slabs", "small_slabs"):
        side = 128 if name == "slabs" else 32
        value = 6 * fine + 8 * coarse + 14 * _cells(rng, side, side)
        value[(across % side < 2) | (down % side < 2)] -= 45
    elif name == "bricks":
        shifted = (across + 32 * ((down // 32) % 2)) % SIDE_PX
        value = 10 * fine + 16 * _cells(rng, 64, 32, shifted)
        value[(shifted % 64 < 3) | (down % 32 < 3)] += 45
    elif name == "planks":
        short = np.tile(rng.standard_normal((SIDE_PX, 16)).astype(np.float32), (1, 3))
        grain = cv2.resize(short, (3 * SIDE_PX, SIDE_PX))[:, SIDE_PX : 2 * SIDE_PX]
        value = 9 * np.asarray(grain, np.float32) + 16 * _cells(rng, SIDE_PX, 32)
        value[down % 32 < 2] -= 50
    elif name == "checks":
        value = 48.0 * (((across // 64) + (down // 64)) % 2) + 4 * fine
    elif name == "carpet":
        value = 16 * fine + 10 * np.sin(across * 2 * np.pi / 16) + 10 * np.sin(down * 2 * np.pi / 32)
    else:
        value = 20 * np.sin(_noise(rng, 20.0) * 2.5) + 10 * coarse
    value = value - value.mean() + 128
    return np.asarray(np.clip(value, 0, 255), np.uint8)


@lru_cache(maxsize=len(_NAMES))
def grain_field(name: str) -> NDArray[np.uint8]:
    """uint8 (1280, 1280): a tile repeated."""
    return np.tile(tile(name), (5, 5))


@lru_cache(maxsize=4)
def noise_field(sigma_px: float) -> NDArray[np.int16]:
    """int16 (768, 2400): repeatable noise with a standard deviation of 1000, blurred by so much."""
    rng = np.random.default_rng((_SEED, 99, round(sigma_px * 10)))
    noise = rng.standard_normal((768, 2400)).astype(np.float32)
    if sigma_px > 0:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma_px), np.float32)
        noise /= noise.std()
    return np.asarray(np.clip(noise * 1000, -32000, 32000), np.int16)


def _noise(rng: np.random.Generator, sigma_px: float) -> _Floats:
    """Blurred noise that can be repeated, standard deviation 1."""
    noise = rng.standard_normal((SIDE_PX, SIDE_PX)).astype(np.float32)
    edge = min(SIDE_PX, int(4 * sigma_px) + 2)
    wide = cv2.GaussianBlur(np.pad(noise, edge, mode="wrap"), (0, 0), sigma_px)[edge:-edge, edge:-edge]
    return np.asarray(wide / wide.std(), np.float32)


def _cells(
    rng: np.random.Generator, wide: int, high: int, across: NDArray[np.int64] | None = None
) -> _Floats:
    """Every cell of a grid another value."""
    values = rng.standard_normal((SIDE_PX // high, SIDE_PX // wide)).astype(np.float32)
    x = (np.arange(SIDE_PX)[None, :] if across is None else across) // wide
    y = np.broadcast_to(np.arange(SIDE_PX)[:, None] // high, (SIDE_PX, SIDE_PX))
    return np.asarray(values[y, np.broadcast_to(x, (SIDE_PX, SIDE_PX))], np.float32)
