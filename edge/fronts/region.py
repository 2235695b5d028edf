"""Regions of interest: people who stand outside are ignored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.records import Detections

__all__ = ["Region"]

# A box cut by the picture's edge has its foot point exactly on the edge, where inside and outside are a
# matter of rounding; it belongs to a polygon that reaches the edge.
_EDGE = 1e-6


class Region:
    """Polygons of one camera's picture.

    Args:
        polygons: corners (x, y) of each in fractions of width and height; a person inside any of them is
            kept.
    """

    def __init__(self, polygons: Sequence[Sequence[tuple[float, float]]]) -> None:
        self._polygons = [np.asarray(polygon, dtype=np.float64) for polygon in polygons]

    def keep(self, detections: Detections) -> Detections:
        """Return only the people whose foot point, the middle of the box's lower edge, lies inside."""
        boxes_px = detections.boxes_px
        if not len(boxes_px):
            return detections
        width_px, height_px = detections.frame.size_px
        feet = np.empty((len(boxes_px), 2))
        feet[:, 0] = (boxes_px[:, 0] + boxes_px[:, 2]) / (2 * width_px)
        feet[:, 1] = boxes_px[:, 3] / height_px
        inside = self.contains(feet)
        if inside.all():
            return detections
        return Detections(detections.frame, boxes_px[inside], detections.scores[inside])

    def contains(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say for each point whether it lies in one of the polygons.

        Args:
            points: float64 (n, 2)   x, y in fractions

        Returns:
            bool (n,)
        """
        points = np.clip(points, _EDGE, 1 - _EDGE)
        inside = np.zeros(len(points), dtype=np.bool_)
        for polygon in self._polygons:
            inside |= _inside(points, polygon)
        return inside


def _inside(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Even-odd rule: a ray to the right crosses the sides around a point an odd number of times."""
    x, y = points[:, :1], points[:, 1:]
    x0, y0 = polygon[:, 0], polygon[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    spans = (y0 > y) != (y1 > y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)  # a level side spans no point
    crossed = spans & (x < x0 + (y - y0) * (x1 - x0) / rise)
    odd: NDArray[np.bool_] = crossed.sum(axis=1) % 2 == 1
    return odd
