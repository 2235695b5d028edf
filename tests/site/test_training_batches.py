from __future__ import annotations

import numpy as np
import pytest

from edge.site.picture_store import CropSet, SceneSet, SceneTruth
from edge.site.training_batches import CropBatches, SceneBatches

WIDTH_PX, HEIGHT_PX = 208, 128
PERSON_BGR = (0, 0, 255)


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    """Grey scenes; each has a pure red person (or none), and one who is hidden entirely."""
    images = np.full((6, 360, 640, 3), 90, np.uint8)
    truths = []
    for number in range(6):
        left, top, wide, tall = 60 + 80 * number, 80, 40, 120 + 10 * number
        boxes = [(400.0, 20.0, 420.0, 60.0)]
        visible = [0.0]
        if number != 5:
            images[number, top : top + tall, left : left + wide] = PERSON_BGR
            boxes.append((left, top, left + wide, top + tall))
            visible.append(1.0)
        truths.append(SceneTruth(np.array(boxes, np.float32), np.array(visible, np.float32)))
    return SceneSet(images, tuple(truths))


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are placed, but neither varied nor cluttered."""
    from edge.site import training_batches

    monkeypatch.setattr(training_batches, "vary_picture", lambda image, rng, strength=1.0: image)
    monkeypatch.setattr(training_batches, "scatter_clutter", lambda image, boxes, rng, count: None)


def test_boxes_stay_on_their_people_wherever_these_are_laid(scenes: SceneSet, unchanged: None) -> None:
    batches = SceneBatches(scenes, 8, 3, (WIDTH_PX, HEIGHT_PX))
    seen = 0
    for number in range(6):
        batch = batches[number]
        for image, boxes, counts in zip(batch.images_bgr_nchw, batch.boxes_px, batch.counts, strict=True):
            red = (image[2] > 150) & (image[:2] < 60).all(axis=0)
            for left, top, right, bottom in boxes[counts]:
                inner = red[int(top) + 2 : int(bottom) - 2, int(left) + 2 : int(right) - 2]
                assert inner.size == 0 or inner.mean() > 0.95
                seen += 1
            outside = red.copy()
            for left, top, right, bottom in boxes:
                outside[max(0, int(top) - 2) : int(bottom) + 3, max(0, int(left) - 2) : int(right) + 3] = (
                    False
                )
            assert outside.mean() < 0.03  # slivers of who is cut off; gaps may be of any colour
    assert seen > 30


def test_boxes_lie_inside_the_picture_and_hidden_people_are_nobody(scenes: SceneSet) -> None:
    batch = SceneBatches(scenes, 16, 4, (WIDTH_PX, HEIGHT_PX))[0]
    assert batch.images_bgr_nchw.shape == (16, 3, HEIGHT_PX, WIDTH_PX)
    assert not (batch.counts & batch.ignored).any()
    known = batch.boxes_px[batch.counts | batch.ignored]
    assert (known[:, 2:] > known[:, :2]).all()
    assert (known >= 0).all()
    assert (known[:, 2:] <= (WIDTH_PX, HEIGHT_PX)).all()
    assert (batch.boxes_px[~(batch.counts | batch.ignored)] == 0).all()
    assert (batch.counts | batch.ignored).sum(axis=1).max() <= 4  # of four scenes at most, one each


def test_a_batch_of_a_number_is_always_the_same_and_others_differ(scenes: SceneSet) -> None:
    one, same = (SceneBatches(scenes, 2, 5, (WIDTH_PX, HEIGHT_PX)) for _ in range(2))
    other_seed = SceneBatches(scenes, 2, 6, (WIDTH_PX, HEIGHT_PX))
    assert np.array_equal(one[7].images_bgr_nchw, same[7].images_bgr_nchw)
    assert np.array_equal(one[7].boxes_px, same[7].boxes_px)
    assert not np.array_equal(one[7].images_bgr_nchw, one[8].images_bgr_nchw)
    assert not np.array_equal(one[7].images_bgr_nchw, other_seed[7].images_bgr_nchw)


def test_a_batch_of_crops_has_several_different_views_of_each_person() -> None:
    images = np.zeros((5, 4, 128, 64, 3), np.uint8)
    for person in range(5):
        images[person] = 40 * person + 40
    batch = CropBatches(CropSet(images), people=3, views=4, seed=2)[0]
    assert batch.images_bgr_nchw.shape == (12, 3, 128, 64)
    people, counts = np.unique(batch.persons, return_counts=True)
    assert len(people) == 3
    assert (counts == 4).all()
    same = CropBatches(CropSet(images), people=3, views=4, seed=2)[0]
    assert np.array_equal(batch.images_bgr_nchw, same.images_bgr_nchw)


def test_scenes_of_two_kinds_are_mixed_as_asked(scenes: SceneSet, unchanged: None) -> None:
    """The other kind has nobody in it."""
    others = SceneSet(
        np.zeros_like(scenes.images_bgr_nhwc),
        tuple(SceneTruth(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)) for _ in scenes.truths),
    )

    def people(share: float) -> int:
        batches = SceneBatches(scenes, 8, 3, (WIDTH_PX, HEIGHT_PX), 1.0, others, share)
        return sum(int((batches[number].counts | batches[number].ignored).sum()) for number in range(4))

    none, half, all_of_them = people(1.0), people(0.5), people(0.0)
    assert none == 0
    assert 0.3 * all_of_them < half < 0.7 * all_of_them
