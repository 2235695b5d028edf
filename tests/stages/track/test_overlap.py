from __future__ import annotations

import numpy as np
import pytest

from edge.stages.track.overlap import largest_overlaps


def overlaps(*boxes: tuple[float, float, float, float]) -> list[float]:
    return largest_overlaps(np.array(boxes, np.float32).reshape(-1, 4)).tolist()


def test_nobody_and_somebody_alone_overlap_with_nothing() -> None:
    assert overlaps() == []
    assert overlaps((0, 0, 10, 20)) == [0.0]
    assert overlaps((0, 0, 10, 20), (10, 0, 20, 20)) == [0.0, 0.0]


def test_the_smaller_area_is_what_counts() -> None:
    assert overlaps((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx([0.5, 0.5])
    assert overlaps((0, 0, 100, 100), (10, 10, 20, 20)) == pytest.approx([1.0, 1.0])


def test_the_largest_of_several_counts() -> None:
    assert overlaps((0, 0, 10, 10), (9, 0, 19, 10), (12, 0, 22, 10)) == pytest.approx([0.1, 0.7, 0.7])


def test_a_box_without_area_gives_no_warning() -> None:
    assert overlaps((5, 5, 5, 5), (0, 0, 10, 10), (5, 5, 5, 9)) == [0.0, 0.0, 0.0]


def test_many_random_boxes_equal_the_definition() -> None:
    rng = np.random.default_rng(4)
    corners = rng.uniform(0, 100, (30, 2, 2))
    boxes = np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1).astype(np.float32)
    expected = np.zeros(30)
    for i, a in enumerate(boxes.astype(float)):
        for j, b in enumerate(boxes.astype(float)):
            if i != j:
                width = min(a[2], b[2]) - max(a[0], b[0])
                height = min(a[3], b[3]) - max(a[1], b[1])
                area = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
                expected[i] = max(expected[i], max(width, 0) * max(height, 0) / area)
    found = largest_overlaps(boxes)
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=1e-5)
    assert found.min() >= 0
    assert found.max() <= 1
