"""Cameras with real projection matrices.

World axes: x east, y north, z up, metres; the floor is z = 0. A camera's own: x right, y down, z ahead.
Pixels: (0, 0) is the centre of the top left pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Camera", "Vector", "aim"]

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera.

    intrinsics: float64 (3, 3)  K, pixels
    rotation: float64 (3, 3)    R, world to camera
    shift_m: float64 (3,)       t, world to camera
    size_px: width, height
    """

    intrinsics: NDArray[np.float64]
    rotation: NDArray[np.float64]
    shift_m: NDArray[np.float64]
    size_px: tuple[int, int]

    @property
    def projection(self) -> NDArray[np.float64]:
        """float64 (3, 4): K [R | t]."""
        return np.asarray(self.intrinsics @ np.column_stack([self.rotation, self.shift_m]))

    @property
    def position_m(self) -> NDArray[np.float64]:
        """float64 (3,): where the camera is."""
        return np.asarray(-self.rotation.T @ self.shift_m)

    @property
    def floor_to_image(self) -> NDArray[np.float64]:
        """float64 (3, 3): from floor metres (x, y, 1) to pixels, up to scale."""
        return self.projection[:, [0, 1, 3]]

    @property
    def image_to_floor(self) -> NDArray[np.float64]:
        """float64 (3, 3): from pixels (u, v, 1) to floor metres, its last entry 1."""
        inverse = np.linalg.inv(self.floor_to_image)
        return np.asarray(inverse / inverse[2, 2])

    def project(self, points_m: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where points of the world are seen.

        Args:
            points_m: float64 (n, 3).

        Returns:
            float64 (n, 2) pixels, and float64 (n,) depth in metres. A pixel means nothing where the depth is
            not positive.
        """
        seen = points_m @ self.rotation.T + self.shift_m
        depth = seen[:, 2]
        safe = np.where(np.abs(depth) < 1e-6, 1e-6, depth)
        k = self.intrinsics
        pixels = np.empty((len(points_m), 2))
        pixels[:, 0] = seen[:, 0] * (k[0, 0] / safe) + k[0, 2]
        pixels[:, 1] = seen[:, 1] * (k[1, 1] / safe) + k[1, 2]
        return pixels, depth


def aim(
    position_m: Vector, target_m: Vector, *, fov_deg: float, size_px: tuple[int, int], roll_deg: float = 0.0
) -> Camera:
    """A camera at a place that looks at another.

    Args:
        position_m: where it is.
        target_m: what is in the middle of its picture.
        fov_deg: horizontal field of view.
        size_px: width, height.
        roll_deg: turned clockwise about its axis.
    """
    x, y, z = (there - here for there, here in zip(target_m, position_m, strict=True))
    length = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    level = math.hypot(x, y)
    right = (y / level, -x / level, 0.0) if level > 1e-9 else (1.0, 0.0, 0.0)
    down = (-z * right[1], z * right[0], x * right[1] - y * right[0])
    roll = math.radians(roll_deg)
    cosine, sine = math.cos(roll), math.sin(roll)
    rotation = np.array(
        [
            [cosine * r + sine * d for r, d in zip(right, down, strict=True)],
            [cosine * d - sine * r for r, d in zip(right, down, strict=True)],
            [x, y, z],
        ]
    )
    width, height = size_px
    focal = width / 2 / math.tan(math.radians(fov_deg) / 2)
    intrinsics = np.array([[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]])
    return Camera(intrinsics, rotation, -rotation @ np.array(position_m, dtype=np.float64), size_px)
