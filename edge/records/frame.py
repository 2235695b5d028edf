"""One picture from one camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frame", "Pixels", "Surface", "size_of"]


class Surface(Protocol):
    """A picture in a device's memory, 8 bits, blue first; nobody writes into it, any thread may read it."""

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        ...

    def on_host(self) -> NDArray[np.uint8]:
        """Return it as uint8 (height, width, 3), copied the first time and kept."""
        ...

    def mirrored(self) -> Surface:
        """Another one, left and right exchanged."""
        ...


Pixels: TypeAlias = "NDArray[np.uint8] | Surface"
"""A picture: uint8 (height, width, 3), blue first, on the host; or a :class:`Surface`."""


def size_of(pixels: Pixels) -> tuple[int, int]:
    """Width and height of a picture, wherever it lies."""
    if isinstance(pixels, np.ndarray):
        return pixels.shape[1], pixels.shape[0]
    return pixels.size_px


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture and when it was taken.

    camera: the camera's name in cams.yaml.
    number: 1 for the first frame the source delivered; counts every decoded frame, also those
        that ``fps_max`` or a full channel dropped, and goes on over reconnections.
    epoch: 0 for the first connection, one more for each reconnection.
    pts_s: stream time in seconds; starts again in each epoch.
    captured_at_ns: wall time in nanoseconds since 1970 UTC; the clock of matching.
    pixels: the picture, on the host or on a device.
    """

    camera: str
    number: int
    epoch: int
    pts_s: float
    captured_at_ns: int
    pixels: Pixels

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return size_of(self.pixels)

    @property
    def image_bgr_hwc(self) -> NDArray[np.uint8]:
        """The picture on the host, uint8 (height, width, 3), blue first; copied when first asked for."""
        return self.pixels if isinstance(self.pixels, np.ndarray) else self.pixels.on_host()
