"""Batches to train on: drawn pictures, placed, cut, mirrored and changed anew each time.

Batch number i is the same whenever it is asked for, so an interrupted training goes on exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.picture_store import CropSet, SceneSet
from edge.site.variation import erase_patch, scatter_clutter, vary_picture

__all__ = ["CropBatch", "CropBatches", "SceneBatch", "SceneBatches"]

Floats = NDArray[np.float32]
Rng = np.random.Generator

_FILL = 114
_VISIBLE_MIN = 0.35  # less of somebody is to be seen: no mistake to find them or not
_NOBODY_BELOW = 0.06  # hardly a pixel of somebody: nobody is there
_HEIGHT_MIN_PX = 11.0  # in the network's input


@dataclass(frozen=True, slots=True, eq=False)
class SceneBatch:
    """Pictures for a detector.

    images_bgr_nchw: uint8 (n, 3, h, w)
    boxes_px: float32 (n, people, 4)  corners; rows beyond the last person are zero
    counts:   bool (n, people)        somebody to be found
    ignored:  bool (n, people)        somebody whom it is no mistake to find or not
    """

    images_bgr_nchw: NDArray[np.uint8]
    boxes_px: Floats
    counts: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class CropBatch:
    """Pictures for a ReID network, several of each person.

    images_bgr_nchw: uint8 (n, 3, h, w)
    persons: int64 (n,)  row in the set
    """

    images_bgr_nchw: NDArray[np.uint8]
    persons: NDArray[np.int64]


class SceneBatches:
    """Batches for a detector, by number.

    Args:
        scenes: what they are made of.
        size: pictures of a batch.
        seed: another seed, other batches.
        size_px: width and height of the network's input.
        strength: how much pictures are changed; at 1 most are four scenes in one and look like no camera's.
        others: more scenes, of another kind.
        others_share: how often one of those is taken, 0 to 1.
    """

    def __init__(
        self,
        scenes: SceneSet,
        size: int,
        seed: int,
        size_px: tuple[int, int],
        strength: float = 1.0,
        others: SceneSet | None = None,
        others_share: float = 0.5,
    ) -> None:
        self._sets = (scenes, scenes if others is None else others)
        self._others_share = others_share
        self._size, self._seed = size, seed
        self._width, self._height = size_px
        self._strength = strength

    def __getitem__(self, number: int) -> SceneBatch:
        """The batch of a number, 0 or more."""
        rng = np.random.default_rng((self._seed, number))
        parts = [self._picture(rng) for _ in range(self._size)]
        most = max(1, *(len(boxes) for _, boxes, _ in parts))
        boxes_px = np.zeros((self._size, most, 4), np.float32)
        kinds = np.zeros((self._size, most), np.int8)
        for row, (_, boxes, kind) in enumerate(parts):
            boxes_px[row, : len(boxes)], kinds[row, : len(boxes)] = boxes, kind
        images = np.stack([image.transpose(2, 0, 1) for image, _, _ in parts])
        return SceneBatch(images, boxes_px, kinds == 1, kinds == 2)

    def _picture(self, rng: Rng) -> tuple[NDArray[np.uint8], Floats, NDArray[np.int8]]:
        """One picture, its boxes, and for each 1 (to be found) or 2 (either is fine)."""
        canvas = np.full((self._height, self._width, 3), _FILL, np.uint8)
        if rng.random() < 0.3:
            canvas[:] = rng.integers(0, 256, 3, dtype=np.uint8)
        boxes: list[Floats] = []
        visible: list[Floats] = []
        if rng.random() >= 0.55 * self._strength:
            regions = [(0, 0, self._width, self._height)]
            zooms = (0.75, 2.0)
        else:
            x = int(rng.uniform(0.3, 0.7) * self._width)
            y = int(rng.uniform(0.3, 0.7) * self._height)
            regions = [
                (left, top, right, bottom)
                for left, right in ((0, x), (x, self._width))
                for top, bottom in ((0, y), (y, self._height))
            ]
            zooms = (0.5, 1.6)
        for region in regions:
            scenes = self._sets[int(rng.random() < self._others_share)]
            placed, seen = self._lay(canvas, region, scenes, self._choose(scenes, rng), zooms, rng)
            boxes.append(placed)
            visible.append(seen)
        all_boxes, all_visible = np.concatenate(boxes), np.concatenate(visible)
        if rng.random() < 0.5 * self._strength:
            scatter_clutter(canvas, all_boxes, rng, int(rng.integers(1, 9)))
        image = vary_picture(canvas, rng, self._strength)
        tall = all_boxes[:, 3] - all_boxes[:, 1]
        kind = np.where((all_visible >= _VISIBLE_MIN) & (tall >= _HEIGHT_MIN_PX), 1, 2).astype(np.int8)
        return image, all_boxes, kind

    @staticmethod
    def _choose(scenes: SceneSet, rng: Rng) -> int:
        """A scene; one without anybody is mostly passed over, for there is little to learn from it."""
        for _ in range(3):
            index = int(rng.integers(len(scenes.truths)))
            if (scenes.truths[index].visible >= _VISIBLE_MIN).any():
                break
        return index

    def _lay(
        self,
        canvas: NDArray[np.uint8],
        region: tuple[int, int, int, int],
        scenes: SceneSet,
        index: int,
        zooms: tuple[float, float],
        rng: Rng,
    ) -> tuple[Floats, Floats]:
        """Lay one scene into a region of the canvas; its boxes there, and how much of each is to be seen."""
        left, top, right, bottom = region
        scene, truth = scenes.images_bgr_nhwc[index], scenes.truths[index]
        tall, wide = scene.shape[:2]
        zoom = self._width / wide * float(np.exp(rng.uniform(np.log(zooms[0]), np.log(zooms[1]))))
        stretch = float(np.exp(rng.normal(0.0, 0.07)))
        factors = np.array((zoom * stretch, zoom / stretch))
        if rng.random() < 0.5:
            factors[0] *= -1.0
        # Somewhere at random: hanging over where it is larger than the region, inside where smaller.
        spare = np.array((right - left, bottom - top)) - np.abs(factors) * (wide, tall)
        low = (
            np.array((left, top))
            + np.where(spare > 0, rng.uniform(0, 1, 2), rng.uniform(-0.05, 1.05, 2)) * spare
        )
        clear = truth.boxes_px[truth.visible >= _VISIBLE_MIN]
        if len(clear) and rng.random() < 0.8:
            low = self._onto_somebody(low, region, clear, factors, (wide, tall), rng)
        shift = low + np.where(factors < 0, -factors * (wide, tall), 0.0)
        matrix = np.array(((factors[0], 0.0, shift[0] - left), (0.0, factors[1], shift[1] - top)))
        target = canvas[top:bottom, left:right]
        cv2.warpAffine(
            scene,
            matrix,
            (right - left, bottom - top),
            dst=target,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        ends = truth.boxes_px.reshape(-1, 2, 2) * factors + shift
        whole = np.concatenate((ends.min(axis=1), ends.max(axis=1)), axis=1)
        limits_low, limits_high = (
            np.maximum(low, (left, top)),
            np.minimum(low + np.abs(factors) * (wide, tall), (right, bottom)),
        )
        cut = np.clip(whole, np.tile(limits_low, 2), np.tile(limits_high, 2))
        area = np.prod(whole[:, 2:] - whole[:, :2], axis=1)
        share = np.prod(cut[:, 2:] - cut[:, :2], axis=1) / np.maximum(area, 1e-6)
        there = share * truth.visible >= _NOBODY_BELOW
        return cut[there].astype(np.float32), (share * truth.visible)[there].astype(np.float32)

    @staticmethod
    def _onto_somebody(
        low: NDArray[np.float64],
        region: tuple[int, int, int, int],
        boxes_px: Floats,
        factors: NDArray[np.float64],
        size_px: tuple[int, int],
        rng: Rng,
    ) -> NDArray[np.float64]:
        """Where to lay the scene's corner so that one of its people is in the region, where it hangs over."""
        left, top, right, bottom = region
        box = boxes_px[int(rng.integers(len(boxes_px)))]
        middle = (box[:2] + box[2:]) * 0.5
        inside = np.where(factors < 0, size_px - middle, middle) * np.abs(factors)
        wanted = np.array((rng.uniform(left, right), rng.uniform(top, bottom))) - inside
        room = np.array((right - left, bottom - top)) - np.abs(factors) * size_px
        covering = np.clip(wanted, np.array((left, top)) + np.minimum(room, 0.0), (left, top))
        return np.where(room < 0, covering, low)


class CropBatches:
    """Batches for a ReID network, by number.

    Args:
        crops: what they are made of.
        people: different people of a batch.
        views: pictures of each.
        seed: another seed, other batches.
    """

    def __init__(self, crops: CropSet, people: int, views: int, seed: int) -> None:
        self._crops, self._people, self._views, self._seed = crops, people, views, seed

    def __getitem__(self, number: int) -> CropBatch:
        """The batch of a number, 0 or more."""
        rng = np.random.default_rng((self._seed, number))
        all_people, all_views = self._crops.images_bgr_pvhwc.shape[:2]
        persons = rng.choice(all_people, self._people, replace=False)
        images: list[NDArray[np.uint8]] = []
        for person in persons:
            for view in rng.choice(all_views, self._views, replace=False):
                images.append(_changed_crop(self._crops.images_bgr_pvhwc[person, view], rng))
        return CropBatch(np.stack(images).transpose(0, 3, 1, 2).copy(), np.repeat(persons, self._views))


def _changed_crop(image: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    """A crop cut a little otherwise, perhaps mirrored, in other light, perhaps with a patch painted over."""
    tall, wide = image.shape[:2]
    if rng.random() < 0.5:
        image = image[:, ::-1]
    zoom = np.exp(rng.normal(0.0, 0.06, 2))
    shift = rng.normal(0.0, 0.04, 2) * (wide, tall) + (1.0 - zoom) * 0.5 * (wide, tall)
    matrix = np.array(((zoom[0], 0.0, shift[0]), (0.0, zoom[1], shift[1])))
    image = np.asarray(cv2.warpAffine(image, matrix, (wide, tall), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    image = vary_picture(image, rng, 0.5)
    if rng.random() < 0.3:
        image = image.copy()
        erase_patch(image, rng, 0.25)
    return image
