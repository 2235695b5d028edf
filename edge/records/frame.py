"""One picture from one camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frame"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture and when it was taken.

    camera: the camera's name in cams.yaml.
    number: 1 for the first frame the source delivered; counts every decoded frame, also those
        that ``fps_max`` or a full channel dropped, and goes on over reconnections.
    epoch: 0 for the first connection, one more for each reconnection.
    pts_s: stream time in seconds; starts again in each epoch.
    captured_at_ns: wall time in nanoseconds since 1970 UTC; the clock of matching.
    image_bgr_hwc: uint8 (height, width, 3), blue first.
    """

    camera: str
    number: int
    epoch: int
    pts_s: float
    captured_at_ns: int
    image_bgr_hwc: NDArray[np.uint8]
