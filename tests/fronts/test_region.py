from __future__ import annotations

import numpy as np
import pytest

from edge.fronts import Region
from edge.records import Detections, Frame

LEFT_HALF = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
L_SHAPE = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)]


def found(*boxes_px: tuple[float, float, float, float]) -> Detections:
    image = np.zeros((100, 200, 3), np.uint8)
    frame = Frame("door", 1, 0, 0.0, 0, image)
    boxes = np.array(boxes_px, np.float32).reshape(-1, 4)
    return Detections(frame, boxes, np.linspace(0.9, 0.1, len(boxes), dtype=np.float32))


def test_people_whose_feet_are_outside_are_left_out() -> None:
    left, right = (10, 10, 50, 90), (150, 10, 190, 90)
    kept = Region([LEFT_HALF]).keep(found(left, right))
    assert kept.boxes_px.tolist() == [list(left)]
    assert kept.scores.tolist() == pytest.approx([0.9])


def test_only_the_middle_of_the_lower_edge_counts() -> None:
    mostly_outside = (60, 0, 130, 90)  # its feet are at x = 95 of 200
    assert len(Region([LEFT_HALF]).keep(found(mostly_outside)).boxes_px) == 1


def test_a_person_in_any_of_the_polygons_is_kept() -> None:
    right_half = [(0.6, 0.0), (1.0, 0.0), (1.0, 1.0), (0.6, 1.0)]
    kept = Region([LEFT_HALF, right_half]).keep(found((0, 0, 20, 50), (100, 0, 116, 50), (180, 0, 200, 50)))
    assert kept.boxes_px[:, 0].tolist() == [0, 180]


def test_a_polygon_over_the_whole_picture_keeps_people_cut_by_its_edges() -> None:
    boxes = ((0, 50, 40, 100), (180, 50, 200, 100), (0, 0, 0.5, 100))
    assert len(Region([WHOLE]).keep(found(*boxes)).boxes_px) == 3


def test_a_concave_polygon_is_followed() -> None:
    points = np.array([(0.25, 0.75), (0.75, 0.25), (0.75, 0.75), (0.5, 0.499)])
    assert Region([L_SHAPE]).contains(points).tolist() == [True, True, False, True]


def test_random_points_agree_with_a_plain_half_plane_test_of_a_triangle() -> None:
    corners = np.array([(0.1, 0.2), (0.9, 0.3), (0.4, 0.95)])
    points = np.random.default_rng(1).uniform(0, 1, (500, 2))
    sides = []
    for index in range(3):
        (x0, y0), (x1, y1) = corners[index], corners[(index + 1) % 3]
        sides.append((x1 - x0) * (points[:, 1] - y0) - (y1 - y0) * (points[:, 0] - x0) > 0)
    expected = sides[0] & sides[1] & sides[2]
    assert 50 < expected.sum() < 450
    region = Region([[(x, y) for x, y in corners.tolist()]])
    assert (region.contains(points) == expected).all()


def test_a_frame_without_people_is_passed_on_as_it_is() -> None:
    nobody = found()
    assert Region([LEFT_HALF]).keep(nobody) is nobody
