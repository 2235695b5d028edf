"""A place as one camera sees it when nobody is there: a picture, and how far away everything is."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.camera import Camera
from edge.site.canvas import Canvas, Light
from edge.site.places import Place, Solid
from edge.site.sketch import NEAR_M, sketch_solids
from edge.site.textures import tile

__all__ = ["paint_place"]

Reals = NDArray[np.float64]

_FADE = 26.0  # metres over which the floor's grain fades, for a lens of 45 degrees


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
        sketch_solids(image, blockers, camera, far_first, light)
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


def _half(camera: Camera) -> Camera:
    """The same view with half the pixels each way."""
    width, height = camera.size_px
    small = ((width + 1) // 2, (height + 1) // 2)
    scale = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
    return Camera(scale @ camera.intrinsics, camera.rotation, camera.shift_m, small)


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
    if points[:, 2].min() >= NEAR_M:
        return points
    out: list[Reals] = []
    for here, there in zip(points, np.roll(points, -1, axis=0), strict=True):
        if here[2] >= NEAR_M:
            out.append(here)
        if (here[2] >= NEAR_M) != (there[2] >= NEAR_M):
            share = (NEAR_M - here[2]) / (there[2] - here[2])
            out.append(here + share * (there - here))
    return np.array(out).reshape(-1, 3)
