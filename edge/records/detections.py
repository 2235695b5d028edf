"""People found in one frame, before tracking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.records.frame import Frame

__all__ = ["Detections"]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """People found in one frame; row i of every array is one person.

    frame: the frame they were found in.
    boxes_px: float32 (n, 4)  left, top, right, bottom in source pixels, inside the frame
    scores:   float32 (n,)    0 to 1
    """

    frame: Frame
    boxes_px: NDArray[np.float32]
    scores: NDArray[np.float32]
