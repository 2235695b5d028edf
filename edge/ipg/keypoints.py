"""Keypoints of people in pictures, found by an ONNX pose network that a card describes.

For top-down networks: a picture shows one person, who fills it, and each keypoint is looked for in all of it.
Two kinds of outputs are read, and keypoints of two orders: COCO's 17 and OpenPose's 18.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.backends.pictures import InputBatch
from edge.errors import ModelError, OutputError
from edge.ipg.skeleton import KEYPOINTS, Skeleton, from_coco

if TYPE_CHECKING:
    from edge.backends.session import Session
    from edge.config.card import ModelCard

__all__ = ["PoseFinder", "write_keypoints"]

_SHIFT = 0.25  # of a cell, towards the higher neighbour: what is lost by taking the middle of a cell


class PoseFinder:
    """Finds the keypoints of one person in each picture.

    Owns its input buffer: one thread at a time. The session stays the caller's to close.

    Args:
        card: of task ``pose``.
        session: the open network.

    Raises:
        ModelError: the card is not a pose network's.
    """

    def __init__(self, card: ModelCard, session: Session) -> None:
        if card.task != "pose":
            raise ModelError(f"model '{card.name}' (task '{card.task}') finds no keypoints")
        self._card = card
        self._session = session
        self._input = InputBatch(card.input, card.batch or 1)

    def find(self, image_bgr_hwc: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The keypoints of the person in a picture.

        Args:
            image_bgr_hwc: uint8 (h, w, 3), blue first.

        Returns:
            float32 (18, 2): x and y as fractions of the picture, in OpenPose's order; float32 (18,): how sure
            the network is, in its own measure, mostly 0 to 1.

        Raises:
            ModelError: the outputs are not what the card says.
        """
        placement = self._input.write(0, image_bgr_hwc)
        found = self._session.run({self._card.input.name: self._input.view(self._input.slots)})
        outputs = [np.asarray(found[name][0], dtype=np.float32) for name in self._card.outputs]
        points, scores = (_from_heatmaps if self._card.decoder == "heatmaps" else _from_bins)(outputs)
        if len(points) not in (KEYPOINTS - 1, KEYPOINTS):
            raise ModelError(
                f"model '{self._card.name}' gives {len(points)} keypoints, not COCO's 17 or OpenPose's 18"
            )
        points = points * np.array((self._card.input.width, self._card.input.height), np.float32)
        boxes = placement.to_source(np.concatenate([points, points], axis=1))
        height, width = image_bgr_hwc.shape[:2]
        fractions = (boxes[:, :2] / np.array((width, height))).astype(np.float32)
        return from_coco(fractions, scores) if len(points) < KEYPOINTS else (fractions, scores)

    def skeleton(self, name: str, image_bgr_hwc: NDArray[np.uint8], score_min: float) -> Skeleton | None:
        """The pose in a picture, without what is not seen surely; None where nothing is.

        Args:
            name: what it shall be called.
            image_bgr_hwc: uint8 (h, w, 3), blue first.
            score_min: keypoints of lower scores, or outside the picture, count as not seen.
        """
        points, scores = self.find(image_bgr_hwc)
        seen = (scores >= score_min) & (points >= 0).all(axis=1) & (points <= 1).all(axis=1)
        if not seen.any():
            return None
        return Skeleton(name, np.where(seen[:, None], points, np.nan).astype(np.float32))


def write_keypoints(skeletons: Sequence[Skeleton], file: Path) -> None:
    """Write poses in the form that :func:`edge.ipg.skeleton.read_keypoints` reads.

    Raises:
        OutputError: the file cannot be written.
    """
    poses = {
        one.name: [
            [round(float(x), 4), round(float(y), 4)] if np.isfinite(x) else None for x, y in one.points
        ]
        for one in skeletons
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        part.write_text(json.dumps({"poses": poses}, indent=1) + "\n", encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise OutputError(f"cannot write '{file}': {error.strerror}; give another --out") from None


def _from_heatmaps(outputs: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Middles of the highest cells, moved a little towards the higher neighbour; fractions of the input."""
    (maps,) = outputs
    count, rows, columns = maps.shape
    best = maps.reshape(count, -1).argmax(axis=1)
    y, x = np.unravel_index(best, (rows, columns))
    each = np.arange(count)
    points = np.stack([x, y], axis=1).astype(np.float32)
    for axis, (place, size) in enumerate(((x, columns), (y, rows))):
        inside = (place > 0) & (place < size - 1)
        low, high = np.clip(place - 1, 0, size - 1), np.clip(place + 1, 0, size - 1)
        before = maps[each, y, low] if axis == 0 else maps[each, low, x]
        after = maps[each, y, high] if axis == 0 else maps[each, high, x]
        points[:, axis] += np.where(inside, _SHIFT * np.sign(after - before), 0.0)
    middles = np.asarray((points + 0.5) / np.array((columns, rows)), dtype=np.float32)
    return middles, maps.reshape(count, -1).max(axis=1)


def _from_bins(outputs: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The likeliest bin of each axis (SimCC, Li et al. 2022); the less sure axis says how sure."""
    points = np.stack([(bins.argmax(axis=1) + 0.5) / bins.shape[1] for bins in outputs], axis=1)
    return points.astype(np.float32), np.minimum(*(bins.max(axis=1) for bins in outputs))
