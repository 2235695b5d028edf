"""Regions of interest: polygons in fractions of the picture, checked to be polygons."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from edge.config.numbers import Number

__all__ = ["Point", "Polygon", "Roi"]

Fraction = Annotated[Number, Field(ge=0, le=1)]
Point = tuple[Fraction, Fraction]
Corners = tuple[tuple[float, float], ...]

AREA_MIN = 1e-6  # of the picture: one pixel of a megapixel


def _list_of_polygons(value: object) -> object:
    """Recognise the usual mistake of giving one polygon where a list of polygons belongs."""
    if isinstance(value, (list, tuple)) and value and _is_point(value[0]):
        raise ValueError("must be a list of polygons: put one more pair of brackets around, [[[x, y], …]]")
    return value


def _is_point(value: object) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(_is_number(item) for item in value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _simple(corners: Corners) -> Corners:
    points = corners[:-1] if len(corners) > 3 and corners[0] == corners[-1] else corners
    if len(set(points)) != len(points):
        raise ValueError("two corners of the polygon are the same point")
    if abs(_area(points)) < AREA_MIN:
        raise ValueError("the polygon has no area: its corners lie on one line")
    sides = [(points[i], points[(i + 1) % len(points)]) for i in range(len(points))]
    for (i, one), (j, two) in combinations(enumerate(sides), 2):
        neighbours = j == i + 1 or (i == 0 and j == len(sides) - 1)
        if not neighbours and _cross(one[0], one[1], two[0], two[1]):
            raise ValueError(
                f"the polygon crosses itself (sides {i + 1} and {j + 1}); order its corners around it"
            )
    return points


def _area(points: Corners) -> float:
    """Signed area by the shoelace formula."""
    return 0.5 * sum(
        x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(points, (*points[1:], points[0]), strict=True)
    )


def _side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> int:
    turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (turn > 0) - (turn < 0)


def _cross(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]
) -> bool:
    """Whether the segments ab and cd share a point."""
    sides = (_side(a, b, c), _side(a, b, d), _side(c, d, a), _side(c, d, b))
    if sides[0] != sides[1] and sides[2] != sides[3]:
        return True
    return any(
        side == 0 and _within(p, q, r)
        for side, (p, q, r) in zip(sides, ((a, b, c), (a, b, d), (c, d, a), (c, d, b)), strict=True)
    )


def _within(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether c, on one line with a and b, lies between them."""
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])


Polygon = Annotated[
    tuple[Point, ...],
    Field(min_length=3, max_length=200),
    AfterValidator(_simple),
]
Roi = Annotated[tuple[Polygon, ...], Field(min_length=1, max_length=100), BeforeValidator(_list_of_polygons)]
