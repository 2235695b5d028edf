"""Places without people: floor, walls, pillars, furniture, and a picture of them for one camera."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.camera import Camera
from edge.site.paint import Canvas, Light
from edge.site.people import Bgr
from edge.site.textures import grain_field, tile

__all__ = ["Floor", "Place", "Solid", "box", "cylinder", "paint_place"]

Reals = NDArray[np.float64]
Point = tuple[float, float]

_NEAR_M = 0.12
_FADE = 26.0  # metres over which the floor's grain fades, for a lens of 45 degrees


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


def paint_place(place: Place, camera: Camera, light: Light, *, exact: bool = True) -> Canvas:
    """The place as a camera sees it when nobody is there.

    Args:
        place: what is there.
        camera: from where.
        light: shades the sides of solids; they cast no shadows but a dark rim on the floor.
        exact: whether the depth of every pixel of a solid is computed, and its texture in perspective; else
            its middle's depth is taken for all, textures are flat, and the floor has half the pixels.
    """
    width, height = camera.size_px
    image = _floor_and_sky(place, camera if exact else _half(camera), light)
    if not exact:
        image = np.asarray(cv2.resize(image, (width, height)), np.uint8)
    blockers = np.full((height, width), np.inf, np.float32)
    here = camera.position_m
    far_first = sorted(
        place.solids, key=lambda one: -max(math.hypot(x - here[0], y - here[1]) for x, y in one.outline_m)
    )
    if exact:
        for one in far_first:
            _paint_solid(image, blockers, camera, one, light)
    elif far_first:
        _paint_quickly(image, blockers, camera, far_first, light)
    return Canvas(image, blockers)


def _floor_and_sky(place: Place, camera: Camera, light: Light) -> NDArray[np.uint8]:
    width, height = camera.size_px
    floor = place.floor
    grain = tile(floor.texture)
    to_tile = np.diag([grain.shape[1] / floor.tile_m, grain.shape[0] / floor.tile_m, 1.0])
    inverse = to_tile @ camera.image_to_floor
    grey = cv2.warpPerspective(
        grain,
        inverse,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_WRAP,
    ).astype(np.float32)
    rows = np.arange(height, dtype=np.float64)
    rays = np.stack([np.full(height, camera.intrinsics[0, 2]), rows, np.ones(height)])
    ahead = camera.rotation.T @ np.linalg.solve(camera.intrinsics, rays)
    down = -ahead[2]
    reach = np.where(
        down > 1e-4, camera.position_m[2] * np.hypot(ahead[0], ahead[1]) / np.maximum(down, 1e-4), np.inf
    )
    sharp = np.clip(
        1.0 - reach / (_FADE * floor.tile_m / 2 * camera.intrinsics[0, 0] / (1.2 * width)), 0.0, 1.0
    )
    strength = (floor.contrast * sharp).astype(np.float32)[:, None]
    grey = np.clip(128 + (grey - 128) * strength, 0, 255).astype(np.uint8)
    shade = light.ambient + light.direct * light.towards[2]
    ramp = np.arange(256)[:, None] / 128.0 * np.array(floor.colour_bgr) * min(shade, 1.25)
    table = np.clip(ramp, 0, 255).astype(np.uint8)[None]
    image = np.asarray(cv2.LUT(cv2.merge([grey, grey, grey]), table), np.uint8)
    _paint_sky(image, place, camera)
    return image


def _paint_sky(image: NDArray[np.uint8], place: Place, camera: Camera) -> None:
    """Everything above the horizon, which may be tilted."""
    width, height = camera.size_px
    line = np.linalg.inv(camera.floor_to_image)[2]  # third coordinate 0: the horizon
    if abs(line[1]) < 1e-12:
        return
    ends = [(-(line[2] + line[0] * x) / line[1]) for x in (0.0, width - 1.0)]
    if max(ends) < 0:
        return
    top, horizon = (np.array(colour, np.float64) for colour in place.sky_bgr)
    level = int(min(max(*ends, 1.0), height))
    share = np.clip(np.arange(level) / max(level - 1, 1), 0, 1)[:, None]
    rows = np.repeat(((1 - share) * top + share * horizon)[:, None], width, axis=1).astype(np.uint8)
    mask = np.zeros((level, width), np.uint8)
    corners = np.array([(0, 0), (width - 1, 0), (width - 1, ends[1]), (0, ends[0])], np.float64)
    cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 255)
    np.copyto(image[:level], rows, where=mask[:, :, None] > 0)


def _paint_solid(
    image: NDArray[np.uint8],
    blockers: NDArray[np.float32],
    camera: Camera,
    one: Solid,
    light: Light,
) -> None:
    count = len(one.outline_m)
    outline = np.array(one.outline_m)
    middle = outline.mean(axis=0)
    top = middle + (outline - middle) * one.taper
    corners = np.vstack(
        [
            np.column_stack([outline, np.full(count, one.low_m)]),
            np.column_stack([top, np.full(count, one.high_m)]),
        ]
    )
    after = (np.arange(count) + 1) % count
    sides = [[k, after[k], count + after[k], count + k] for k in range(count)]
    faces = [*sides, list(range(count, 2 * count)), list(range(count - 1, -1, -1))]
    here = camera.position_m
    for number, face in enumerate(faces):
        points = corners[face]
        normal = _normal(points)
        if float(normal @ (points[0] - here)) >= 0:
            continue
        clipped = _in_front(points @ camera.rotation.T + camera.shift_m)
        if len(clipped) < 3:
            continue
        k = camera.intrinsics
        pixels = np.column_stack(
            [
                clipped[:, 0] * k[0, 0] / clipped[:, 2] + k[0, 2],
                clipped[:, 1] * k[1, 1] / clipped[:, 2] + k[1, 2],
            ]
        )
        shade = light.ambient * (0.85 + 0.15 * normal[2]) + light.direct * max(
            float(normal @ light.towards), 0.0
        )
        _fill(image, blockers, camera, pixels, points[0], normal, one, shade, number < count)


def _paint_quickly(
    image: NDArray[np.uint8],
    blockers: NDArray[np.float32],
    camera: Camera,
    solids: Sequence[Solid],
    light: Light,
) -> None:
    """Draw solids in the order given; those that reach behind the camera are left out."""
    counts = np.array([len(one.outline_m) for one in solids])
    outlines = np.concatenate([np.array(one.outline_m) for one in solids])
    solid = np.repeat(np.arange(len(solids)), counts)
    begins = np.cumsum(counts) - counts
    middles = (np.add.reduceat(outlines, begins) / counts[:, None])[solid]
    lows, highs, tapers, colours = (
        np.array([getattr(one, name) for one in solids], np.float64)
        for name in ("low_m", "high_m", "taper", "colour_bgr")
    )
    bottom = np.column_stack([outlines, lows[solid]])
    top = np.column_stack([middles + (outlines - middles) * tapers[solid, None], highs[solid]])
    pixels, depths = camera.project(np.concatenate([bottom, top]))
    points = np.round(np.clip(pixels, -20_000, 20_000) * 16).astype(np.int32)
    after = np.arange(1, len(outlines) + 1)
    after[begins + counts - 1] = begins
    here = np.arange(len(outlines))
    quads = np.column_stack([here, after, after + len(outlines), here + len(outlines)])
    first, second = pixels[quads[:, 2]] - pixels[quads[:, 0]], pixels[quads[:, 3]] - pixels[quads[:, 1]]
    faces_us = first[:, 0] * second[:, 1] < first[:, 1] * second[:, 0]
    along = outlines[after] - outlines
    lamp = light.towards
    lit = (along[:, 1] * lamp[0] - along[:, 0] * lamp[1]) / (np.hypot(along[:, 0], along[:, 1]) + 1e-9)
    shade = 0.85 * light.ambient + light.direct * np.maximum(lit, 0.0)
    sides = np.minimum(colours[solid] * shade[:, None], 255).tolist()
    lids = np.minimum(colours * (light.ambient + light.direct * lamp[2]), 255).tolist()
    ahead = (
        np.minimum.reduceat(np.minimum(depths[: len(outlines)], depths[len(outlines) :]), begins) > _NEAR_M
    )
    away = np.add.reduceat(depths[: len(outlines)] + depths[len(outlines) :], begins) / counts / 2
    is_below = highs < camera.position_m[2]
    for number, one in enumerate(solids):
        if not ahead[number]:
            continue
        begin, end = begins[number], begins[number] + counts[number]
        lid = points[len(outlines) + begin : len(outlines) + end]
        hull = np.asarray(cv2.convexHull(np.concatenate([points[begin:end], lid])), np.int32)
        cv2.fillConvexPoly(blockers, hull, float(away[number]), cv2.LINE_8, 4)
        for side in np.flatnonzero(faces_us[begin:end]) + begin:
            cv2.fillConvexPoly(image, points[quads[side]], sides[side], cv2.LINE_8, 4)
        if is_below[number]:
            cv2.fillConvexPoly(image, lid, lids[number], cv2.LINE_8, 4)
        if one.texture:
            _texture_flat(image, hull, one.texture)


def _texture_flat(image: NDArray[np.uint8], hull: NDArray[np.int32], texture: str) -> None:
    """Multiply what lies within an outline (sixteenths of pixels) by a tile as if it faced the camera."""
    left, top, wide, high = cv2.boundingRect(hull)
    height, width = image.shape[:2]
    right, bottom = min((left + wide) // 16 + 1, width), min((top + high) // 16 + 1, height)
    left, top = max(left // 16, 0), max(top // 16, 0)
    if right - left < 8 or bottom - top < 8:
        return
    field = grain_field(texture)
    grey = cv2.resize(
        field[: min(bottom - top, 640) * 2, : min(right - left, 640) * 2], (right - left, bottom - top)
    )
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillConvexPoly(mask, hull - np.array([left * 16, top * 16], np.int32), 255, cv2.LINE_8, 4)
    grey[mask == 0] = 128
    region = image[top:bottom, left:right]
    cv2.multiply(region, cv2.merge([grey, grey, grey]), region, scale=1 / 128)


def _half(camera: Camera) -> Camera:
    """The same view with half the pixels each way."""
    width, height = camera.size_px
    small = ((width + 1) // 2, (height + 1) // 2)
    scale = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
    return Camera(scale @ camera.intrinsics, camera.rotation, camera.shift_m, small)


def _fill(
    image: NDArray[np.uint8],
    blockers: NDArray[np.float32],
    camera: Camera,
    pixels: Reals,
    point: Reals,
    normal: Reals,
    one: Solid,
    shade: float,
    is_side: bool,
) -> None:
    """Fill one face's outline with its colour, and the depths with where it is."""
    height, width = blockers.shape
    polygon = np.round(np.clip(pixels, -20_000, 20_000) * 16).astype(np.int32)
    left, top = np.maximum(np.floor(pixels.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + 1, (width, height))
    if right <= left or bottom <= top:
        return
    colour = tuple(float(min(c * shade, 255)) for c in one.colour_bgr)
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillConvexPoly(mask, polygon - (left * 16, top * 16), 255, cv2.LINE_8, 4)
    inside = mask > 0
    if one.texture and is_side:
        colours = _textured(camera, point, normal, one, colour, (left, top, right, bottom))
        image[top:bottom, left:right][inside] = colours[inside]
    else:
        image[top:bottom, left:right][inside] = colour
    blockers[top:bottom, left:right][inside] = _plane_depth(
        camera, point, normal, (left, top, right, bottom)
    )[inside]


def _plane_depth(
    camera: Camera, point: Reals, normal: Reals, extent: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    """Depth of a plane in each pixel of a rectangle."""
    turned = camera.rotation @ normal
    offset = float(normal @ (point - camera.position_m))
    left, top, right, bottom = extent
    k = camera.intrinsics
    x = (np.arange(left, right) - k[0, 2]) / k[0, 0]
    y = (np.arange(top, bottom) - k[1, 2]) / k[1, 1]
    along = turned[0] * x[None, :] + turned[1] * y[:, None] + turned[2]
    away = np.where(np.abs(along) < 1e-9, 1e-9, along)
    return np.clip(offset / away, 0.05, 1e6).astype(np.float32)


def _textured(
    camera: Camera,
    point: Reals,
    normal: Reals,
    one: Solid,
    colour: tuple[float, ...],
    extent: tuple[int, int, int, int],
) -> NDArray[np.uint8]:
    """A side's colour with its tile, 2 m wide, in the pixels of a rectangle."""
    left, top, right, bottom = extent
    depth = _plane_depth(camera, point, normal, extent)
    k = camera.intrinsics
    x = (np.arange(left, right, dtype=np.float32) - np.float32(k[0, 2])) / np.float32(k[0, 0])
    y = (np.arange(top, bottom, dtype=np.float32) - np.float32(k[1, 2])) / np.float32(k[1, 1])
    across = np.array([-normal[1], normal[0], 0.0])
    length = np.linalg.norm(across)
    across = across / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    origin = camera.position_m
    axis_u, axis_v = camera.rotation @ across, camera.rotation @ np.array([0.0, 0.0, 1.0])
    base_u, base_v = float(origin @ across), float(origin[2])
    scale = 256 / 2.0
    u = (depth * (axis_u[0] * x[None, :] + axis_u[1] * y[:, None] + axis_u[2]) + base_u) * scale
    v = -(depth * (axis_v[0] * x[None, :] + axis_v[1] * y[:, None] + axis_v[2]) + base_v) * scale
    grain = tile(one.texture)
    grey = cv2.remap(
        grain,
        np.asarray(u % 256, np.float32),
        np.asarray(v % 256, np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    shade = (np.asarray(grey, np.float32) - 128) * 0.4 / 128 + 1.0
    return np.clip(shade[:, :, None] * np.array(colour, np.float32), 0, 255).astype(np.uint8)


def _normal(points: Reals) -> Reals:
    first, second = points[1] - points[0], points[-1] - points[0]
    normal = np.array(
        [
            first[1] * second[2] - first[2] * second[1],
            first[2] * second[0] - first[0] * second[2],
            first[0] * second[1] - first[1] * second[0],
        ]
    )
    return np.asarray(normal / (math.sqrt(float(normal @ normal)) + 1e-12))


def _in_front(points: Reals) -> Reals:
    """The part of a polygon in camera coordinates that lies before the camera."""
    if points[:, 2].min() >= _NEAR_M:
        return points
    out: list[Reals] = []
    for here, there in zip(points, np.roll(points, -1, axis=0), strict=True):
        if here[2] >= _NEAR_M:
            out.append(here)
        if (here[2] >= _NEAR_M) != (there[2] >= _NEAR_M):
            share = (_NEAR_M - here[2]) / (there[2] - here[2])
            out.append(here + share * (there - here))
    return np.array(out).reshape(-1, 3)


def everything_that_blocks(solids: Sequence[Solid]) -> list[Solid]:
    """Solids that people walk around."""
    return [one for one in solids if one.solid and one.low_m < 1.9]
