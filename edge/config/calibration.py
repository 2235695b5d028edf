"""calib/<site>/<camera>.yaml: where on the ground a pixel of a camera lies.

A camera in cams.yaml names its file with ``calibration:``. The keys are explained in ``calib/README.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from edge.config.document import load_document
from edge.config.numbers import Number, Whole
from edge.config.validate import validate

__all__ = ["Calibration", "load_calibration"]

Row = tuple[Number, Number, Number]
Square = tuple[Row, Row, Row]
WideRow = tuple[Number, Number, Number, Number]

_SINGULAR = 1e-12


class Calibration(BaseModel):
    """One camera's view of the ground plane."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1] = Field(default=1, description="Version of this file's form.")
    camera: str | None = Field(default=None, description="Which camera it is of, for the reader.")
    size_px: tuple[Whole, Whole] = Field(
        description="Width and height of the pictures the matrices are meant for."
    )
    image_to_ground_m: Square = Field(
        description="Homography from pixels (u, v, 1) to metres on the ground (x, y, 1), up to scale."
    )
    rotation: Square | None = Field(
        default=None, description="From the world's axes to the camera's; tells where the camera is."
    )
    translation_m: Row | None = Field(default=None, description="Where the world's origin is, seen from it.")
    intrinsics: Square | None = Field(default=None, description="Not needed here; for other programs.")
    projection: tuple[WideRow, WideRow, WideRow] | None = Field(
        default=None, description="Not needed here; for other programs."
    )

    @field_validator("image_to_ground_m")
    @classmethod
    def _can_be_inverted(cls, rows: Square) -> Square:
        matrix = np.array(rows)
        scale = float(np.abs(matrix).max())
        if scale == 0 or abs(float(np.linalg.det(matrix / scale))) < _SINGULAR:
            raise ValueError("is no homography: its rows depend on each other; measure it again")
        return rows

    @field_validator("size_px")
    @classmethod
    def _has_pixels(cls, size_px: tuple[int, int]) -> tuple[int, int]:
        if min(size_px) < 1:
            raise ValueError(f"width and height must be 1 or more (got {size_px[0]} x {size_px[1]})")
        return size_px

    @property
    def position_m(self) -> tuple[float, float, float] | None:
        """Where the camera is, the third number is its height; None where the file does not tell."""
        if self.rotation is None or self.translation_m is None:
            return None
        x, y, z = (-np.array(self.rotation).T @ np.array(self.translation_m)).tolist()
        return x, y, z

    def ground_of(self, points_px: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where on the ground pixels lie.

        Args:
            points_px: float (n, 2) u, v; for a person, where the feet touch the ground.

        Returns:
            float64 (n, 2) metres; NaN for pixels on or above the horizon, which show no ground.
        """
        matrix = np.array(self.image_to_ground_m)
        points = np.column_stack([np.asarray(points_px, np.float64).reshape(-1, 2), np.ones(len(points_px))])
        mapped = points @ matrix.T
        below = np.array([self.size_px[0] / 2, self.size_px[1], 1.0]) @ matrix[2]  # certainly ground
        ahead = mapped[:, 2] * np.sign(below)
        on_ground = ahead > 1e-9 * abs(below)
        ground = np.full((len(mapped), 2), np.nan)
        ground[on_ground] = mapped[on_ground, :2] / mapped[on_ground, 2:]
        return ground


def load_calibration(path: str | Path) -> Calibration:
    """Read a camera's calibration.

    Raises:
        ConfigError: the file is missing or wrong, with its line.
    """
    return validate(Calibration, load_document(path))
