from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.stages.crop.quality import (
    LEAST_LOOKS,
    at_sharpness,
    crop_quality,
    quality_range,
    shape,
    sharpness,
    size,
    uncut,
    unhidden,
)

FRAME_PX = (640, 480)


def array(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float64)


def quality(boxes: np.ndarray, overlaps: np.ndarray, size_px: tuple[int, int], sharp: object) -> np.ndarray:
    least, most = quality_range(boxes, overlaps, size_px)
    details = np.broadcast_to(np.asarray(sharp, np.float64), least.shape)
    return np.array([at_sharpness(*row) for row in zip(least, most, details, strict=True)])


def random_scene(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    corners = rng.uniform(-5, 1, (count, 2, 2)) + rng.uniform(0, 1, (count, 2, 2)) * (640, 480)
    boxes = np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1).astype(np.float32)
    return boxes, rng.uniform(0, 1, count).astype(np.float32), rng.uniform(0, 1, count)


def test_size_grows_with_height_and_ends_at_one() -> None:
    values = size(np.linspace(0, 500, 200))
    assert values[0] == 0
    assert values[-1] == 1
    assert (np.diff(values) >= 0).all()
    assert size(array(60))[0] > 2 * size(array(60 / 8))[0]


def test_shape_is_one_for_people_who_stand_and_zero_for_poles_and_planks() -> None:
    heights = np.full(5, 100.0)
    assert shape(array(30, 40, 50, 10, 150), heights).tolist() == [1, 1, 1, 0, 0]
    rising = shape(np.linspace(0, 40, 50), np.full(50, 100.0))
    falling = shape(np.linspace(50, 200, 50), np.full(50, 100.0))
    assert (np.diff(rising) >= 0).all()
    assert (np.diff(falling) <= 0).all()


def test_the_more_hidden_the_worse() -> None:
    values = unhidden(np.linspace(0, 1, 100))
    assert values[0] == 1
    assert values[-1] < 0.02
    assert (np.diff(values) < 0).all()
    assert unhidden(array(0.35))[0] == pytest.approx(0.5)


@pytest.mark.parametrize("side", range(4))
def test_each_edge_of_the_frame_cuts(side: int) -> None:
    inside = np.array((100.0, 100.0, 200.0, 300.0))
    values = []
    for gap_px in np.linspace(-1, 4, 30):
        box = inside.copy()
        box[side] = gap_px if side < 2 else FRAME_PX[side - 2] - gap_px
        values.append(uncut(box[None], FRAME_PX)[0])
    assert values[0] == 0.25
    assert values[-1] == 1
    assert (np.diff(values) >= 0).all()


def test_blur_lowers_sharpness() -> None:
    rng = np.random.default_rng(3)
    for height in (20, 60, 64, 65, 200):
        image = rng.integers(0, 256, (height, max(8, height // 2), 3), dtype=np.uint8)
        values = [sharpness(image)]
        for radius in (0.8, 1.5, 3.0):
            scale = max(1.0, height / 64)
            values.append(sharpness(cv2.GaussianBlur(image, (0, 0), radius * scale)))
        assert (np.diff(values) < 0).all()


def test_sharpness_does_not_depend_on_light(texture: np.ndarray) -> None:
    image = texture[:60, :30]
    dark = (image // 3).astype(np.uint8)
    assert sharpness(dark) == pytest.approx(sharpness(image), abs=0.02)


def test_a_flat_or_tiny_picture_has_no_detail() -> None:
    for height, width in ((60, 30), (1, 1), (1, 40), (40, 1), (500, 1)):
        assert sharpness(np.full((height, width, 3), 90, np.uint8)) == 0


def test_any_memory_layout_gives_the_same_sharpness(texture: np.ndarray) -> None:
    view = texture[10:90, 20:60]
    assert sharpness(view) == sharpness(view.copy())
    assert sharpness(view[:, ::-1]) == pytest.approx(sharpness(view))


def test_quality_is_always_from_zero_to_one() -> None:
    boxes, overlaps, sharpnesses = random_scene(np.random.default_rng(1), 2000)
    values = quality(boxes, overlaps, FRAME_PX, sharpnesses)
    assert values.min() >= 0
    assert values.max() <= 1
    assert quality(np.empty((0, 4), np.float32), np.empty(0, np.float32), FRAME_PX, 1.0).shape == (0,)


def test_perfect_is_one() -> None:
    box = np.array([[100, 100, 150, 240]], np.float32)
    assert quality(box, np.zeros(1, np.float32), FRAME_PX, 1.0)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("what", ["overlap", "sharpness", "height", "edge"])
def test_quality_never_falls_when_one_factor_improves(what: str) -> None:
    rng = np.random.default_rng(2)
    boxes, overlaps, sharpnesses = random_scene(rng, 500)
    better_boxes, better_overlaps, better_sharpnesses = boxes.copy(), overlaps.copy(), sharpnesses.copy()
    frame_px = FRAME_PX
    if what == "overlap":
        better_overlaps *= rng.uniform(0, 1, 500).astype(np.float32)
    elif what == "sharpness":
        better_sharpnesses += rng.uniform(0, 1, 500) * (1 - sharpnesses) * 0.999
    elif what == "height":
        boxes += 10_000  # far from any edge
        factor = rng.uniform(1, 2, (500, 1)).astype(np.float32)
        better_boxes = np.concatenate(
            (boxes[:, :2], boxes[:, :2] + factor * (boxes[:, 2:] - boxes[:, :2])), 1
        )
        frame_px = (100_000, 100_000)
    else:
        better_boxes = boxes + 10_000
        frame_px = FRAME_PX
    before = quality(boxes, overlaps, frame_px, sharpnesses)
    if what == "edge":
        frame_px = (100_000, 100_000)
    after = quality(better_boxes, better_overlaps, frame_px, better_sharpnesses)
    assert (after >= before - 2e-3).all()  # float32 boxes far out lose a little of their shape


def test_what_is_in_view_always_has_the_least_quality() -> None:
    rng = np.random.default_rng(5)
    boxes, overlaps, _ = random_scene(rng, 500)
    values = quality(boxes + 1000, np.minimum(overlaps, 0.25), (9000, 9000), 0.0)
    assert values.min() >= 0.3
    assert quality(boxes, overlaps, FRAME_PX, 1.0)[overlaps > 0.45].max() < 0.3
    assert LEAST_LOOKS > 0.3


def test_one_crop_equals_the_same_row(texture: np.ndarray) -> None:
    box = np.array([100, 100, 140, 200], np.float32)
    image = texture[100:200, 100:140]
    expected = quality(box[None], np.array([0.2], np.float32), FRAME_PX, sharpness(image))[0]
    assert crop_quality(box, 0.2, FRAME_PX, image) == pytest.approx(expected)
