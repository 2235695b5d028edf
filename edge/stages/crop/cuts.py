"""Parts of a picture, looked at and cut out where the picture lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import RunError
from edge.records import Pixels, size_of
from edge.stages.crop.quality import sharpness

__all__ = ["Box", "Cuts", "Cutting", "HostCuts", "whole_pixels"]

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels, inside the picture, at least one pixel wide and high."""


class Cuts(Protocol):
    """Some parts of one picture, in the order they were asked for."""

    def sharpness(self, index: int) -> float:
        """How sharp a part is; see :func:`edge.stages.crop.quality.sharpness`."""
        ...

    def pixels(self, index: int) -> Pixels:
        """A part as a picture of its own memory."""
        ...


class Cutting(Protocol):
    """Makes :class:`Cuts` of a picture."""

    def __call__(self, pixels: Pixels, boxes: Sequence[Box]) -> Cuts:
        """Make them; the picture stays as it is."""
        ...


class HostCuts:
    """Parts of a picture on the host; one that nobody asks for costs nothing.

    Args:
        pixels: the picture.
        boxes: the parts.
    """

    def __init__(self, pixels: Pixels, boxes: Sequence[Box]) -> None:
        if not isinstance(pixels, np.ndarray):
            raise RunError("a picture on a device came to a cropper of the host")
        self._image = pixels
        self._boxes = boxes
        self._cut: dict[int, NDArray[np.uint8]] = {}
        self._sharpness: dict[int, float] = {}

    def sharpness(self, index: int) -> float:
        """How sharp a part is."""
        if index not in self._sharpness:
            self._sharpness[index] = sharpness(self.pixels(index))
        return self._sharpness[index]

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """A part as a copy."""
        if index not in self._cut:
            left, top, right, bottom = self._boxes[index]
            self._cut[index] = self._image[top:bottom, left:right].copy()
        return self._cut[index]


def whole_pixels(pixels: Pixels, box_px: NDArray[np.float32]) -> Box:
    """The part of a picture in a box (4,), rounded to whole pixels."""
    width, height = size_of(pixels)
    left, top, right, bottom = (round(side) for side in box_px.tolist())
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return left, top, min(max(right, left + 1), width), min(max(bottom, top + 1), height)
