"""From a picture to a network's input, and from boxes in that input back to the picture.

Three ways to make a picture fit, named as in a model card:

* ``letterbox``: keep the aspect ratio, centre, pad on both sides (the YOLOv8 and YOLO11 exports);
* ``letterbox-top-left``: keep the aspect ratio, pad right and below (YOLOX);
* ``stretch``: fill the input, the aspect ratio changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.backends.session import Session
from edge.config.card import CardInput
from edge.errors import ModelError
from edge.records import Pixels

__all__ = ["Feeder", "HostFeeder", "InputBatch", "Normalization", "Placement", "place"]

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in the network's input.

    left_px, top_px, width_px, height_px: the rectangle it fills, in input pixels.
    source_width_px, source_height_px: the picture's own size.
    """

    left_px: int
    top_px: int
    width_px: int
    height_px: int
    source_width_px: int
    source_height_px: int

    def to_source(self, boxes_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes in input pixels, float32 (n, 4) corners, as boxes in source pixels (not clipped)."""
        per_x = self.source_width_px / self.width_px
        per_y = self.source_height_px / self.height_px
        factor = np.array((per_x, per_y, per_x, per_y), dtype=np.float32)
        return (boxes_px - self._shift()) * factor

    def to_input(self, boxes_px: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes in source pixels, float32 (n, 4) corners, as boxes in input pixels."""
        per_x = self.width_px / self.source_width_px
        per_y = self.height_px / self.source_height_px
        factor = np.array((per_x, per_y, per_x, per_y), dtype=np.float32)
        return boxes_px * factor + self._shift()

    def _shift(self) -> NDArray[np.float32]:
        return np.array((self.left_px, self.top_px, self.left_px, self.top_px), dtype=np.float32)


def place(source_width_px: int, source_height_px: int, spec: CardInput) -> Placement:
    """Where a picture of this size goes in the input that ``spec`` describes.

    Sides are rounded as the networks' own training code does, and are never less than one pixel.
    """
    if spec.resize == "stretch":
        return Placement(0, 0, spec.width, spec.height, source_width_px, source_height_px)
    ratio = min(spec.width / source_width_px, spec.height / source_height_px)
    if spec.resize == "letterbox-top-left":
        width, height = int(source_width_px * ratio + 1e-6), int(source_height_px * ratio + 1e-6)
    else:
        width, height = round(source_width_px * ratio), round(source_height_px * ratio)
    width, height = min(max(width, 1), spec.width), min(max(height, 1), spec.height)
    left, top = 0, 0
    if spec.resize == "letterbox":
        left, top = (spec.width - width) // 2, (spec.height - height) // 2
    return Placement(left, top, width, height, source_width_px, source_height_px)


class Normalization:
    """How pixels of 0 to 255 become a network's numbers: ``pixel * factor + offset`` in each channel.

    factor, offset: float32 (3,), in the card's colour order.
    is_plain: whether pixels stay as they are.

    Args:
        spec: the input's part of a model card.

    Raises:
        ModelError: the card asks for bytes and for a normalisation that bytes cannot hold.
    """

    __slots__ = ("factor", "is_plain", "offset")

    def __init__(self, spec: CardInput) -> None:
        scale = np.full(3, spec.scale, dtype=np.float64)
        mean, std = np.array(spec.mean), np.array(spec.std)
        self.factor: NDArray[np.float32] = (scale / std).astype(np.float32)
        self.offset: NDArray[np.float32] = (-mean / std).astype(np.float32)
        self.is_plain = bool((self.factor == 1.0).all() and (self.offset == 0.0).all())
        if spec.dtype == "uint8" and not self.is_plain:
            raise ModelError(
                f"input '{spec.name}' takes bytes, so scale must be 1, mean 0 and std 1: correct the card"
            )


class Feeder(Protocol):
    """Brings pictures to a network in the form it takes, and runs it; one thread at a time."""

    def run(self, pictures: Sequence[Pixels], rows: int) -> tuple[dict[str, Array], list[Placement]]:
        """Run the network once.

        Args:
            pictures: at least one, of any sizes.
            rows: rows of the batch, at least as many; the last picture fills those that are left.

        Returns:
            The outputs by name, on the host, valid until the next call; and where each picture lies.
        """
        ...


class HostFeeder:
    """Pictures on the host, fitted by OpenCV into an array that is kept.

    Args:
        spec: the input's part of a model card.
        session: the open network; stays the caller's to close.
        slots: how many pictures are expected; it grows by itself.

    Raises:
        ModelError: as :class:`InputBatch`.
    """

    def __init__(self, spec: CardInput, session: Session, slots: int = 1) -> None:
        self._spec = spec
        self._session = session
        self._inputs = InputBatch(spec, slots)

    def run(self, pictures: Sequence[Pixels], rows: int) -> tuple[dict[str, Array], list[Placement]]:
        """Fit and run; see :class:`Feeder`."""
        if rows > self._inputs.slots:
            self._inputs = InputBatch(self._spec, rows)
        arrays = [one if isinstance(one, np.ndarray) else one.on_host() for one in pictures]
        placements = [self._inputs.write(slot, array) for slot, array in enumerate(arrays)]
        for slot in range(len(arrays), rows):
            self._inputs.write(slot, arrays[-1])
        return self._session.run({self._spec.name: self._inputs.view(rows)}), placements


class InputBatch:
    """A network's input tensor, kept and refilled for every batch.

    Writing a picture costs one resize, one split into planes and one conversion per plane; the
    padding is only written again when a slot gets a picture that lies elsewhere. Not for use by
    two threads at once.

    Args:
        spec: the input's part of a model card.
        slots: how many pictures it holds.

    Raises:
        ModelError: the card asks for bytes and for a normalisation that bytes cannot hold.
    """

    def __init__(self, spec: CardInput, slots: int) -> None:
        self._spec = spec
        numbers = Normalization(spec)
        self._factor, self._offset, self._is_plain = numbers.factor, numbers.offset, numbers.is_plain
        self._pad = (spec.pad * self._factor + self._offset).astype(spec.dtype)
        self._tensor: Array = np.empty((slots, 3, spec.height, spec.width), dtype=spec.dtype)
        self._placed: list[Placement | None] = [None] * slots
        self._scratch: dict[tuple[int, int], tuple[NDArray[np.uint8], list[NDArray[np.uint8]]]] = {}

    @property
    def slots(self) -> int:
        """How many pictures it holds."""
        return len(self._placed)

    def write(self, slot: int, image_bgr_hwc: NDArray[np.uint8]) -> Placement:
        """Put one picture into a slot.

        Args:
            slot: 0 to ``slots`` - 1.
            image_bgr_hwc: uint8 (height, width, 3), blue first, at least 1x1; any memory layout.

        Returns:
            Where it lies, for the way back.
        """
        height, width = image_bgr_hwc.shape[:2]
        placement = self._placed[slot]
        if placement is None or (placement.source_width_px, placement.source_height_px) != (width, height):
            placement = self._prepare(slot, place(width, height, self._spec))
        image = image_bgr_hwc if image_bgr_hwc.flags.c_contiguous else np.ascontiguousarray(image_bgr_hwc)
        size = (placement.width_px, placement.height_px)
        resized, planes = self._buffers(size)
        if size == (width, height):
            cv2.split(image, planes)
        else:
            cv2.resize(image, size, dst=resized, interpolation=cv2.INTER_LINEAR)
            cv2.split(resized, planes)
        rows = slice(placement.top_px, placement.top_px + placement.height_px)
        columns = slice(placement.left_px, placement.left_px + placement.width_px)
        target = self._tensor[slot, :, rows, columns]
        for channel, plane in enumerate(planes if self._spec.colour == "bgr" else planes[::-1]):
            self._convert(plane, target[channel], channel)
        return placement

    def view(self, count: int) -> Array:
        """The first ``count`` slots, (count, 3, height, width); the next write changes it."""
        return self._tensor[:count]

    def _convert(self, plane: NDArray[np.uint8], target: Array, channel: int) -> None:
        """One plane of bytes to the network's numbers."""
        if self._is_plain:
            np.copyto(target, plane)
        elif target.dtype == np.float32:
            np.multiply(plane, self._factor[channel], out=target)
            np.add(target, self._offset[channel], out=target)
        else:
            np.copyto(target, plane * self._factor[channel] + self._offset[channel], casting="same_kind")

    def _prepare(self, slot: int, placement: Placement) -> Placement:
        """Write the padding of a slot if the picture's rectangle in it changes."""
        before = self._placed[slot]
        if before is None or _rectangle(before) != _rectangle(placement):
            self._tensor[slot] = self._pad[:, None, None]
        self._placed[slot] = placement
        return placement

    def _buffers(self, size: tuple[int, int]) -> tuple[NDArray[np.uint8], list[NDArray[np.uint8]]]:
        """Scratch for one (width, height): interleaved (height, width, 3) and three planes."""
        if size not in self._scratch:
            if len(self._scratch) >= 8:
                self._scratch.clear()
            width, height = size
            self._scratch[size] = (
                np.empty((height, width, 3), dtype=np.uint8),
                [np.empty((height, width), dtype=np.uint8) for _ in range(3)],
            )
        return self._scratch[size]


def _rectangle(placement: Placement) -> tuple[int, int, int, int]:
    return placement.left_px, placement.top_px, placement.width_px, placement.height_px
