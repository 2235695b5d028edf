"""A calibrated camera, for tests of what lies on the ground."""

from __future__ import annotations

import numpy as np

from edge.config.calibration import Calibration

SIZE_PX = (640, 360)
PX_PER_M = 40.0


def map_view(placed: bool = True) -> Calibration:
    """A camera that sees the ground as a map: 40 px are 1 m, (320, 360) px is (0, 0) m, up is north.

    ``placed``: whether it is known where the camera is, 3 m above (0, 0).
    """
    rows = [[1 / PX_PER_M, 0, -320 / PX_PER_M], [0, -1 / PX_PER_M, 360 / PX_PER_M], [0, 0, 1]]
    where = {"rotation": np.eye(3).tolist(), "translation_m": [0, 0, -3]} if placed else {}
    return Calibration.model_validate({"image_to_ground_m": rows, "size_px": SIZE_PX} | where)


def box_on(x_m: float, y_m: float) -> np.ndarray:
    """float32 (4,): the box of somebody who stands there."""
    x, y = 320 + x_m * PX_PER_M, 360 - y_m * PX_PER_M
    return np.array([x - 10, y - 60, x + 10, y], np.float32)
