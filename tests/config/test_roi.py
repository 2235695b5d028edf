from __future__ import annotations

import math
import random

import pytest
from pydantic import TypeAdapter, ValidationError

from edge.config.roi import Roi

ADAPTER: TypeAdapter[tuple[tuple[tuple[float, float], ...], ...]] = TypeAdapter(Roi)


def test_polygons_are_taken_as_they_are() -> None:
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    arrow = [[0, 0], [0.5, 0.4], [1, 0], [0.5, 1]]
    assert ADAPTER.validate_python([square, arrow]) == (
        ((0, 0), (1, 0), (1, 1), (0, 1)),
        ((0, 0), (0.5, 0.4), (1, 0), (0.5, 1)),
    )


def test_a_closed_polygon_loses_its_last_corner() -> None:
    assert ADAPTER.validate_python([[[0, 0], [1, 0], [1, 1], [0, 0]]]) == (((0, 0), (1, 0), (1, 1)),)


def test_any_star_shaped_polygon_is_accepted_and_one_with_a_swap_is_not() -> None:
    rng = random.Random(3)
    for corners in range(4, 12):
        points = [
            (0.5 + 0.2 * (1 + rng.random()) * math.cos(a), 0.5 + 0.2 * (1 + rng.random()) * math.sin(a))
            for a in (2 * math.pi * i / corners for i in range(corners))
        ]
        assert ADAPTER.validate_python([points]) == (tuple(points),)
        points[0], points[1] = points[1], points[0]
        with pytest.raises(ValidationError, match="crosses itself"):
            ADAPTER.validate_python([points])


@pytest.mark.parametrize(
    ("roi", "says"),
    [
        ([], "at least 1"),
        ([[[0, 0], [1, 1]]], "at least 3"),
        ([[0, 0], [1, 0], [1, 1]], "list of polygons"),
        ([[[0, 0], [1, 0], [1, 1.5]]], "less than or equal to 1"),
        ([[[0, 0], [640, 0], [640, 480]]], "less than or equal to 1"),
        ([[[0, 0], [1, 0], [1, -0.1]]], "greater than or equal to 0"),
        ([[[0, 0], [1, 0], [True, 1]]], "must be a number"),
        ([[[0, 0], [1, 0], [1, float("nan")]]], "finite|less than|greater than"),
        ([[[0, 0], [0.5, 0.5], [1, 1]]], "no area"),
        ([[[0, 0], [1, 0], [1, 1], [1, 0]]], "same point"),
        ([[[0, 0], [1, 1], [1, 0], [0, 1]]], "crosses itself|no area"),
        ([[[0, 0], [0.9, 1], [1, 0], [0, 0.5]]], "crosses itself"),
        ([[[0, 0], [1, 0, 0], [1, 1]]], "at most 2"),
        ("everything", "valid tuple"),
        ([["a", "b", "c"]], "valid tuple"),
    ],
)
def test_what_is_no_polygon_is_refused(roi: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ADAPTER.validate_python(roi)
