"""A person cut out of a frame, and what the ReID net makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.records.frame import Pixels
from edge.records.tracks import Tracks

__all__ = ["Crop", "CroppedFrame", "EmbeddedFrame", "Embedding"]


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """One person cut out of one frame.

    camera, track, frame_number, captured_at_ns: where and when.
    quality: 0 to 1; see :mod:`edge.stages.crop.quality`.
    pixels: the picture, on the host or on a device; its own memory, not a view of the frame.
    """

    camera: str
    track: int
    frame_number: int
    captured_at_ns: int
    quality: float
    pixels: Pixels

    @property
    def image_bgr_hwc(self) -> NDArray[np.uint8]:
        """The picture on the host, uint8 (h, w, 3), blue first; copied there when first asked for."""
        return self.pixels if isinstance(self.pixels, np.ndarray) else self.pixels.on_host()


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A crop and its ReID vector.

    crop: the crop it was made from.
    vector: float32 (d,), unit length; its own memory, not a view of the runtime's buffer.
    model: fingerprint of the model (name and first digits of its sha256); vectors of different
        models are never compared.
    """

    crop: Crop
    vector: NDArray[np.float32]
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class CroppedFrame:
    """The tracks of one frame and the crops worth embedding among them (often none)."""

    tracks: Tracks
    crops: tuple[Crop, ...]


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedFrame:
    """The tracks of one frame and the embeddings made from it (often none)."""

    tracks: Tracks
    embeddings: tuple[Embedding, ...]
