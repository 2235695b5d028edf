"""Places without people: floor, walls, pillars, furniture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge.site.people import Bgr

__all__ = ["Floor", "Place", "Point", "Solid", "box", "cylinder"]

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Solid:
    """An upright prism, perhaps tapered; hides what is behind it.

    outline_m: corners on the floor, anticlockwise seen from above; convex.
    low_m, high_m: heights of its bottom and top.
    colour_bgr: of its sides.
    taper: size of the top beside that of the bottom.
    texture: name of a tile for its sides; empty for none.
    solid: whether people walk around it; a lamp or a sign overhead is not in the way.
    """

    outline_m: tuple[Point, ...]
    low_m: float
    high_m: float
    colour_bgr: Bgr
    taper: float = 1.0
    texture: str = ""
    solid: bool = True

    @property
    def middle_m(self) -> Point:
        """Centre of the outline."""
        x, y = np.mean(self.outline_m, axis=0)
        return float(x), float(y)


@dataclass(frozen=True, slots=True)
class Floor:
    """What people walk on.

    texture: name of a tile.
    colour_bgr: its mean colour.
    tile_m: length of one tile's side.
    contrast: of the grain; 1 is the tile's own.
    """

    texture: str = "concrete"
    colour_bgr: Bgr = (140, 150, 155)
    tile_m: float = 2.0
    contrast: float = 0.7


@dataclass(frozen=True, slots=True)
class Place:
    """A place.

    floor: what people walk on, without end.
    sky_bgr: colours above the horizon, at the top and at the horizon.
    solids: whatever stands there.
    """

    floor: Floor
    sky_bgr: tuple[Bgr, Bgr] = ((200, 190, 180), (225, 220, 215))
    solids: tuple[Solid, ...] = ()


def box(
    middle_m: Point,
    size_m: tuple[float, float, float],
    colour_bgr: Bgr,
    *,
    turn: float = 0.0,
    low_m: float = 0.0,
    texture: str = "",
    taper: float = 1.0,
    solid: bool = True,
) -> Solid:
    """A box: size along x, y and z, turned by ``turn`` radians about its middle."""
    c, s = math.cos(turn), math.sin(turn)
    half_x, half_y = size_m[0] / 2, size_m[1] / 2
    outline = tuple(
        (middle_m[0] + c * x - s * y, middle_m[1] + s * x + c * y)
        for x, y in ((-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y))
    )
    return Solid(outline, low_m, low_m + size_m[2], colour_bgr, taper, texture, solid)


def cylinder(
    middle_m: Point,
    radius_m: float,
    height_m: float,
    colour_bgr: Bgr,
    *,
    low_m: float = 0.0,
    sides: int = 10,
    taper: float = 1.0,
    solid: bool = True,
) -> Solid:
    """A round post."""
    angles = [2 * math.pi * (k + 0.5) / sides for k in range(sides)]
    outline = tuple(
        (middle_m[0] + radius_m * math.cos(a), middle_m[1] + radius_m * math.sin(a)) for a in angles
    )
    return Solid(outline, low_m, low_m + height_m, colour_bgr, taper, "", solid)
