"""What is drawn on, and the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Canvas", "Light"]


@dataclass(frozen=True, slots=True)
class Light:
    """One lamp far away, and light from everywhere.

    towards: unit vector to the lamp; its last number is positive.
    direct, ambient: brightness of either; their sum is about 1.
    shadow: how dark a cast shadow is, 0 (none) to 1 (black).
    softness_px: blur of shadows.
    """

    towards: tuple[float, float, float] = (0.35, 0.25, 0.9)
    direct: float = 0.5
    ambient: float = 0.6
    shadow: float = 0.35
    softness_px: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A picture that is being drawn.

    image_bgr_hwc: uint8 (h, w, 3)  changed in place
    blockers_m: float32 (h, w)      depth of whatever stands there; infinite for floor and sky
    """

    image_bgr_hwc: NDArray[np.uint8]
    blockers_m: NDArray[np.float32]
