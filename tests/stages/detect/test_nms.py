from __future__ import annotations

import numpy as np
import pytest

from edge.stages.detect.nms import suppress


def iou(a: np.ndarray, b: np.ndarray) -> np.float32:
    width = max(np.float32(0), min(a[2], b[2]) - max(a[0], b[0]))
    height = max(np.float32(0), min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def slow_suppress(boxes: np.ndarray, scores: np.ndarray, iou_max: float) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(scores)), key=lambda row: (-scores[row], row)):
        if all(iou(boxes[index], boxes[other]) <= iou_max for other in kept):
            kept.append(index)
    return kept


def crowd(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes in heaps, on a coarse grid so that equal scores, equal boxes and equal overlaps occur."""
    random = np.random.default_rng(seed)
    left_top = random.integers(0, 12, (count, 2)) * 8
    size = random.integers(1, 6, (count, 2)) * 8
    boxes = np.concatenate((left_top, left_top + size), axis=1).astype(np.float32)
    return boxes, (random.integers(1, 20, count) / 20).astype(np.float32)


@pytest.mark.parametrize("iou_max", [0.0, 0.3, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("count", [1, 2, 3, 17, 120])
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_slow_reference(count: int, seed: int, iou_max: float) -> None:
    boxes, scores = crowd(count, seed)
    assert suppress(boxes, scores, iou_max).tolist() == slow_suppress(boxes, scores, iou_max)


@pytest.mark.parametrize("count", [512, 513, 700])
def test_many_boxes_equal_the_slow_reference_too(count: int) -> None:
    boxes, scores = crowd(count, 9)
    boxes += np.random.default_rng(3).uniform(0, 400, (count, 1)).astype(np.float32)
    assert suppress(boxes, scores, 0.5).tolist() == slow_suppress(boxes, scores, 0.5)


def test_no_boxes_give_none() -> None:
    kept = suppress(np.empty((0, 4), dtype=np.float32), np.empty(0, dtype=np.float32), 0.5)
    assert kept.shape == (0,)


@pytest.mark.parametrize("count", [5, 600])
def test_of_equal_scores_the_lowest_index_stays(count: int) -> None:
    boxes = np.tile(np.array([[10, 10, 20, 30]], dtype=np.float32), (count, 1))
    assert suppress(boxes, np.full(count, 0.5, dtype=np.float32), 0.5).tolist() == [0]


def test_an_overlap_of_exactly_the_limit_is_allowed() -> None:
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 2]], dtype=np.float32)  # IoU 0.5
    scores = np.array([0.9, 0.8], dtype=np.float32)
    assert suppress(boxes, scores, 0.5).tolist() == [0, 1]
    assert suppress(boxes, scores, 0.499).tolist() == [0]


def test_a_suppressed_box_suppresses_nobody() -> None:
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], dtype=np.float32)  # neighbours overlap
    scores = np.array([0.9, 0.8, 0.7], dtype=np.float32)
    assert suppress(boxes, scores, 0.4).tolist() == [0, 2]


def test_huge_boxes_do_not_overflow_into_warnings() -> None:
    boxes = np.array([[-1e30, -1e30, 1e30, 1e30], [0, 0, 10, 10]], dtype=np.float32)
    assert len(suppress(boxes, np.array([0.5, 0.6], dtype=np.float32), 0.5)) == 2
