"""Random surroundings: places full of things that are not people, and pictures that are no place at all."""

from __future__ import annotations

import colorsys
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.camera import Camera
from edge.site.canvas import Canvas, Light
from edge.site.people import Bgr
from edge.site.places import Floor, Place, Solid, box, cylinder
from edge.site.textures import TILES, grain_field

__all__ = ["collage", "random_colour", "random_light", "random_place"]

_SIDE_TEXTURES = ("bricks", "concrete", "planks", "marble", "small_slabs", "carpet", "", "", "")


def random_colour(rng: np.random.Generator) -> Bgr:
    """Any colour, the dull ones more often."""
    u = rng.random(4)
    red, green, blue = colorsys.hsv_to_rgb(
        u[0], 0.7 * float(u[1] ** 2) if u[3] < 0.85 else float(u[1]), 0.12 + 0.85 * float(u[2])
    )
    return round(255 * blue), round(255 * green), round(255 * red)


def random_light(rng: np.random.Generator) -> Light:
    """Sun, overcast sky, or lamps."""
    u = rng.random(6)
    height = 0.25 + 1.2 * float(u[0])
    around = 2 * math.pi * float(u[1])
    direct = 0.75 * float(u[2])
    return Light(
        towards=(math.cos(height) * math.cos(around), math.cos(height) * math.sin(around), math.sin(height)),
        direct=direct,
        ambient=1.02 - 0.62 * direct + 0.2 * float(u[3] - 0.5),
        shadow=min(0.85, 0.15 + direct * float(u[4])) if u[5] < 0.8 else 0.0,
        softness_px=0.8 + 5.0 * float(u[3]),
    )


def random_place(rng: np.random.Generator, camera: Camera, *, things: int) -> Place:
    """A floor, perhaps a wall far behind, and things on the floor in front of the camera.

    Args:
        rng: where the choice comes from.
        camera: what stands nearer than two metres to it would fill the picture and is left out.
        things: how many.
    """
    floor = Floor(
        texture=TILES[int(rng.integers(len(TILES)))],
        colour_bgr=random_colour(rng),
        tile_m=float(rng.uniform(0.8, 6.0)),
        contrast=float(rng.uniform(0.1, 1.1)),
    )
    solids: list[Solid] = []
    position = camera.position_m
    ahead = camera.rotation[2]
    heading = math.atan2(ahead[1], ahead[0])
    spread = math.atan(camera.size_px[0] / 2 / camera.intrinsics[0, 0]) * 1.1
    if rng.random() < 0.65:
        solids += _back_wall(rng, position, heading)
    for _ in range(things):
        far = float(np.exp(rng.uniform(math.log(3.5), math.log(30.0))))
        angle = heading + float(rng.uniform(-spread, spread))
        spot = (float(position[0]) + far * math.cos(angle), float(position[1]) + far * math.sin(angle))
        solids += _thing(rng, spot)
    return Place(floor, (random_colour(rng), random_colour(rng)), tuple(solids))


def collage(rng: np.random.Generator, size_px: tuple[int, int]) -> Canvas:
    """A picture of nothing: gradients, tiles, patches and lines; nothing in it hides anybody."""
    width, height = size_px
    small = rng.integers(0, 256, (int(rng.integers(2, 7)), int(rng.integers(2, 9)), 3), dtype=np.uint8)
    if rng.random() < 0.3:
        small[:] = random_colour(rng)
    image = np.asarray(cv2.resize(small, size_px, interpolation=cv2.INTER_LINEAR), np.uint8)
    for _ in range(int(rng.integers(0, 30))):
        _patch(rng, image)
    if rng.random() < 0.7:
        image = grained(image, rng, float(rng.uniform(0.1, 0.9)))
    return Canvas(image, np.full((height, width), np.inf, np.float32))


def grained(image: NDArray[np.uint8], rng: np.random.Generator, contrast: float) -> NDArray[np.uint8]:
    """The picture with a piece of a random tile's grain over it."""
    height, width = image.shape[:2]
    field = grain_field(TILES[int(rng.integers(len(TILES)))])
    finest = max(width, height) / field.shape[0]
    scale = float(np.exp(rng.uniform(math.log(max(0.7, finest)), math.log(4.0))))
    wide, high = max(2, int(width / scale)), max(2, int(height / scale))
    left, top = (int(v) for v in rng.integers(0, (field.shape[1] - wide + 1, field.shape[0] - high + 1)))
    grey = cv2.resize(field[top : top + high, left : left + wide], (width, height))
    if rng.random() < 0.5:
        grey = cv2.flip(grey, int(rng.integers(-1, 2)))
    table = np.clip(128 + (np.arange(256) - 128) * contrast, 0, 255).astype(np.uint8)
    grey = cv2.LUT(grey, table)
    return np.asarray(cv2.multiply(image, cv2.merge([grey, grey, grey]), scale=1 / 128), np.uint8)


def _patch(rng: np.random.Generator, image: NDArray[np.uint8]) -> None:
    """One rectangle, ellipse, line or polygon."""
    height, width = image.shape[:2]
    colour = random_colour(rng)
    x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
    size = float(np.exp(rng.uniform(math.log(4), math.log(0.7 * width))))
    long = size * float(np.exp(rng.uniform(-1.2, 1.2)))
    kind = rng.random()
    if kind < 0.45:
        cv2.rectangle(
            image, (int(x), int(y)), (int(x + size), int(y + long)), colour, -1 if rng.random() < 0.8 else 2
        )
    elif kind < 0.6:
        cv2.ellipse(
            image,
            (int(x), int(y)),
            (int(size / 2) + 1, int(long / 2) + 1),
            float(rng.uniform(0, 180)),
            0,
            360,
            colour,
            -1,
        )
    elif kind < 0.8:
        end = (int(x + rng.normal(0, size)), int(y + rng.normal(0, long)))
        cv2.line(image, (int(x), int(y)), end, colour, int(rng.integers(1, 12)), cv2.LINE_AA)
    else:
        corners = np.array([x, y]) + rng.normal(0, 0.4, (int(rng.integers(3, 6)), 2)) * (size, long)
        cv2.fillPoly(image, [np.round(corners).astype(np.int32)], colour)


def _back_wall(rng: np.random.Generator, position: NDArray[np.float64], heading: float) -> list[Solid]:
    """A long wall, perhaps with doors and windows, across the view."""
    far = float(np.exp(rng.uniform(math.log(9.0), math.log(45.0))))
    turn = heading + math.pi / 2 + float(rng.normal(0, 0.35))
    middle = (float(position[0]) + far * math.cos(heading), float(position[1]) + far * math.sin(heading))
    high = float(rng.uniform(2.5, 14.0))
    solids = [
        box(
            middle,
            (6 * far, 0.4, high),
            random_colour(rng),
            turn=turn,
            texture=str(rng.choice(_SIDE_TEXTURES)),
        )
    ]
    for _ in range(int(rng.integers(0, 9))):
        along = float(rng.uniform(-1.2, 1.2)) * far
        wide, tall = float(rng.uniform(0.6, 3.0)), float(rng.uniform(0.8, 2.6))
        low = 0.0 if rng.random() < 0.4 else float(rng.uniform(0.5, max(0.6, high - tall)))
        spot = (
            middle[0] + along * math.cos(turn) - 0.3 * math.cos(heading),
            middle[1] + along * math.sin(turn) - 0.3 * math.sin(heading),
        )
        solids.append(box(spot, (wide, 0.1, tall), random_colour(rng), turn=turn, low_m=low))
    return solids


def _thing(rng: np.random.Generator, spot: tuple[float, float]) -> list[Solid]:
    """One thing, drawn from furniture, street and shop; some are as tall and slim as people."""
    x, y = spot
    turn = float(rng.uniform(0, math.pi))
    colour, other = random_colour(rng), random_colour(rng)
    kind = int(rng.integers(11))
    u = rng.random(4)
    if kind == 0:  # crate, cabinet, vending machine
        size = (0.4 + 1.6 * float(u[0]), 0.4 + 1.0 * float(u[1]), 0.4 + 1.8 * float(u[2]))
        return [box(spot, size, colour, turn=turn, texture=str(rng.choice(_SIDE_TEXTURES)))]
    if kind == 1:  # lamp post
        high = 2.5 + 3.5 * float(u[0])
        return [
            cylinder(spot, 0.05 + 0.07 * float(u[1]), high, colour, sides=6),
            cylinder(spot, 0.22, 0.3, other, low_m=high, sides=8),
        ]
    if kind == 2:  # pillar
        return [cylinder(spot, 0.15 + 0.35 * float(u[0]), 2.5 + 2 * float(u[1]), colour, sides=12)]
    if kind == 3:  # table or bench
        long, wide = 0.8 + 1.2 * float(u[0]), 0.5 + 0.4 * float(u[1])
        high = 0.42 + 0.35 * float(u[2])
        legs = [
            box(
                (x + math.cos(turn) * d, y + math.sin(turn) * d),
                (0.08, 0.9 * wide, high),
                other,
                turn=turn,
            )
            for d in (-0.42 * long, 0.42 * long)
        ]
        return [*legs, box(spot, (long, wide, 0.06), colour, turn=turn, low_m=high)]
    if kind == 4:  # bin, bollard, hydrant, of a child's size and shape
        high = 0.6 + 0.6 * float(u[0])
        return [
            cylinder(spot, 0.15 + 0.15 * float(u[1]), high, colour),
            cylinder(spot, 0.12, 0.15, other, low_m=high),
        ]
    if kind == 5:  # sign: a post with a board
        high = 1.2 + 1.2 * float(u[0])
        return [
            cylinder(spot, 0.04, high, colour, sides=5),
            box(spot, (0.3 + 0.6 * float(u[1]), 0.04, 0.3 + 0.6 * float(u[2])), other, turn=turn, low_m=high),
        ]
    if kind == 6:  # tree or potted plant
        trunk, green = (
            0.5 + 1.8 * float(u[0]),
            (30 + int(40 * u[1]), 60 + int(90 * u[2]), 30 + int(60 * u[3])),
        )
        wide = 0.3 + 1.1 * float(u[1])
        return [
            cylinder(spot, 0.06 + 0.08 * float(u[3]), trunk, (40, 60, 85), sides=6),
            *(
                cylinder(
                    (x + dx * wide, y + dy * wide),
                    wide * 0.75,
                    1.2 * wide,
                    green,
                    low_m=trunk + dz,
                    sides=7,
                    taper=t,
                )
                for dx, dy, dz, t in (
                    (0.0, 0.0, 0.0, 0.5),
                    (0.4, 0.1, 0.2 * wide, 0.7),
                    (-0.3, -0.3, 0.5 * wide, 0.4),
                )
            ),
        ]
    if kind == 7:  # car
        long = 3.6 + 1.2 * float(u[0])
        wheels = [
            cylinder(
                (
                    x + math.cos(turn) * a * long - math.sin(turn) * b,
                    y + math.sin(turn) * a * long + math.cos(turn) * b,
                ),
                0.3,
                0.6,
                (25, 25, 25),
                sides=8,
            )
            for a in (-0.32, 0.32)
            for b in (-0.8, 0.8)
        ]
        return [
            *wheels,
            box(spot, (long, 1.75, 0.6), colour, turn=turn, low_m=0.3),
            box(spot, (0.55 * long, 1.6, 0.55), (60, 50, 45), turn=turn, low_m=0.9, taper=0.75),
        ]
    if kind == 8:  # a coat stand, or a column of clothes: the shape of a person, and no person
        return [
            cylinder(spot, 0.03, 1.0, other, sides=5),
            box(spot, (0.45, 0.3, 0.75), colour, turn=turn, low_m=0.85, taper=0.6),
        ]
    if kind == 9:  # shelf with goods
        goods = [
            box(
                (x + math.cos(turn) * d, y + math.sin(turn) * d),
                (0.35, 0.42, 0.3),
                random_colour(rng),
                turn=turn,
                low_m=h,
            )
            for h in (0.3, 0.8, 1.3)
            for d in (-0.6, -0.1, 0.4)
        ]
        return [box(spot, (1.8, 0.35, 1.8), colour, turn=turn), *goods]
    return [  # wall or fence of medium height
        box(
            spot,
            (1.5 + 4 * float(u[0]), 0.12, 0.8 + 1.4 * float(u[1])),
            colour,
            turn=turn,
            texture=str(rng.choice(_SIDE_TEXTURES)),
        )
    ]
