"""Where people walked on the ground, from the foot points of their boxes, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.config.calibration import Calibration
from edge.records.identity import Settled

__all__ = ["Footpaths", "Ground", "cut_path"]

Reals = NDArray[np.float64]

GAP_S = 1.5
_STEP_MAX_M = 0.5
_SMOOTH = 5


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What is known of the ground of a site.

    calibrations: camera to its view of the ground; cameras without one are left out of the plan.
    truth: person to float64 (n, 3), time in seconds, x and y in metres; empty where it is not known.
    """

    calibrations: Mapping[str, Calibration]
    truth: Mapping[int, Reals] = field(default_factory=dict)


class Footpaths:
    """Points on the ground per camera and identity.

    A point is kept every ``every_s``; where there are more than ``most``, every second one goes and the step
    doubles. Not kept are people nobody knows, feet below the edge of the picture, and feet so near the
    horizon that one pixel is half a metre or more.

    Args:
        calibrations: see :class:`Ground`.
        every_s: shortest time between two points of one person in one camera.
        most: most points kept.
    """

    def __init__(
        self, calibrations: Mapping[str, Calibration], every_s: float = 0.2, most: int = 40_000
    ) -> None:
        self._calibrations = dict(calibrations)
        self._every_s = every_s
        self._most = most
        self._count = 0
        self._points: dict[tuple[int, str], list[tuple[float, float, float]]] = {}

    def settle(self, settled: Settled) -> None:
        """Take in boxes of one camera, in frame order."""
        calibration = self._calibrations.get(settled.camera)
        if calibration is None or not len(settled.identities):
            return
        boxes = settled.boxes_px.astype(np.float64)
        feet = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)
        places = calibration.ground_of(feet)
        nearer = calibration.ground_of(feet + np.array([0.0, 1.0]))
        with np.errstate(invalid="ignore"):
            sharp = np.hypot(*(places - nearer).T) < _STEP_MAX_M
        usable = sharp & (boxes[:, 3] < calibration.size_px[1] - 2) & (settled.identities > 0)
        times_s = settled.times_ns / 1e9
        for row in np.flatnonzero(usable).tolist():
            points = self._points.setdefault((int(settled.identities[row]), settled.camera), [])
            if points and times_s[row] - points[-1][0] < self._every_s:
                continue
            points.append((float(times_s[row]), float(places[row, 0]), float(places[row, 1])))
            self._count += 1
        if self._count > self._most:
            self._thin()

    def merge(self, old: int, new: int) -> None:
        """Give all points of ``old`` to ``new``."""
        if old == new:
            return
        for identity, camera in [key for key in self._points if key[0] == old]:
            moved = self._points.pop((identity, camera))
            self._points[new, camera] = sorted([*self._points.get((new, camera), []), *moved])

    def of(self) -> dict[int, list[Reals]]:
        """Identity to its paths, float64 (n, 2) metres each, one for each camera and stay, smoothed."""
        found: dict[int, list[Reals]] = {}
        for (identity, _), points in sorted(self._points.items()):
            gap_s = max(GAP_S, 2.5 * self._every_s)
            pieces = [_smooth(piece) for piece in cut_path(np.array(points), gap_s) if len(piece) > 2]
            if pieces:
                found.setdefault(identity, []).extend(pieces)
        return found

    def _thin(self) -> None:
        self._every_s *= 2
        self._points = {key: points[::2] for key, points in self._points.items()}
        self._count = sum(map(len, self._points.values()))


def cut_path(points: Reals, gap_s: float = GAP_S) -> list[Reals]:
    """Cut a path where its owner was away.

    Args:
        points: float64 (n, 3) time in seconds, x and y.
        gap_s: longest absence within one piece.

    Returns:
        Pieces, float64 (m, 2) x and y.
    """
    cuts = np.flatnonzero(np.diff(points[:, 0]) > gap_s) + 1
    return [piece[:, 1:] for piece in np.split(points, cuts)]


def _smooth(path: Reals) -> Reals:
    """Moving mean; the window shrinks towards the ends, which stay where they are."""
    sums = np.vstack([np.zeros((1, 2)), np.cumsum(path, axis=0)])
    index = np.arange(len(path))
    reach = np.minimum(_SMOOTH // 2, np.minimum(index, len(path) - 1 - index))
    return np.asarray((sums[index + reach + 1] - sums[index - reach]) / (2 * reach + 1)[:, None])
