"""Makes drawn pictures vary more than real ones do, so that a network trained on them expects anything.

Everything takes and gives uint8 pictures (h, w, 3), blue first, and a generator of random numbers; the same
generator state gives the same picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.sensor import Sensor, develop

__all__ = ["erase_patch", "scatter_clutter", "vary_picture"]

Picture = NDArray[np.uint8]
Rng = np.random.Generator

_LEVELS = np.arange(256, dtype=np.float32) / 255.0


def vary_picture(image_bgr_hwc: Picture, rng: Rng, strength: float = 1.0) -> Picture:
    """Change light, colour, sharpness and noise at random.

    Args:
        image_bgr_hwc: the picture; not changed.
        rng: where chance comes from.
        strength: 0 leaves everything, 1 is far beyond what cameras do.
    """
    image = image_bgr_hwc
    if rng.random() < 0.25 * strength:
        image = _turn_hue(image, rng, strength)
    if rng.random() < 0.5 * strength:
        image = _change_saturation(image, rng)
    if rng.random() < 0.9 * strength:
        image = _change_levels(image, rng, strength)
    if rng.random() < 0.3 * strength:
        image = _shade(image, rng)
    if rng.random() < 0.35 * strength:
        image = _blur(image, rng)
    if rng.random() < 0.45 * strength:
        image = _add_noise(image, rng)
    if rng.random() < 0.2 * strength:
        image = _compress(image, rng)
    return image


def scatter_clutter(
    image_bgr_hwc: Picture, boxes_px: NDArray[np.float32], rng: Rng, count: int, cover_max: float = 0.3
) -> None:
    """Draw shapes that are nobody into a picture: posts, boxes, balls, stacks of coloured blocks.

    Args:
        image_bgr_hwc: changed in place.
        boxes_px: float32 (n, 4) corners of people.
        rng: where chance comes from.
        count: how many shapes are tried.
        cover_max: a shape that hides more of somebody's box is left out.
    """
    height, width = image_bgr_hwc.shape[:2]
    for _ in range(count):
        tall = float(np.exp(rng.uniform(np.log(8.0), np.log(0.7 * height))))
        wide = min(tall * float(np.exp(rng.uniform(np.log(0.06), np.log(2.0)))), 0.4 * width)
        left, top = rng.uniform(-wide / 2, width - wide / 2), rng.uniform(-tall / 2, height - tall / 2)
        shape = np.array((left, top, left + wide, top + tall), np.float32)
        if _covered(boxes_px, shape) <= cover_max:
            _draw_shape(image_bgr_hwc, shape, rng)


def erase_patch(image_bgr_hwc: Picture, rng: Rng, share_max: float = 0.35) -> None:
    """Paint over one rectangle of a picture, in place, with one colour or with noise."""
    height, width = image_bgr_hwc.shape[:2]
    area = rng.uniform(0.03, share_max) * height * width
    ratio = float(np.exp(rng.uniform(np.log(0.3), np.log(3.3))))
    tall, wide = min(height, round(np.sqrt(area * ratio))), min(width, round(np.sqrt(area / ratio)))
    top, left = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
    patch = image_bgr_hwc[top : top + tall, left : left + wide]
    if rng.random() < 0.5:
        patch[:] = rng.integers(0, 256, 3, dtype=np.uint8)
    else:
        patch[:] = rng.integers(0, 256, patch.shape, dtype=np.uint8)


def _covered(boxes_px: NDArray[np.float32], shape: NDArray[np.float32]) -> float:
    """Largest share of a box that a shape hides; 0 without boxes."""
    if not len(boxes_px):
        return 0.0
    low, high = np.maximum(boxes_px[:, :2], shape[:2]), np.minimum(boxes_px[:, 2:], shape[2:])
    areas = np.prod(boxes_px[:, 2:] - boxes_px[:, :2], axis=1)
    hidden = np.prod(np.maximum(high - low, 0.0), axis=1)
    return float((hidden / np.maximum(areas, 1e-6)).max())


def _draw_shape(image: Picture, shape: NDArray[np.float32], rng: Rng) -> None:
    """One shape of one of four kinds."""
    left, top, right, bottom = (round(float(side)) for side in shape)
    kind = rng.integers(0, 4)
    if kind == 0:
        cv2.rectangle(image, (left, top), (right, bottom), _colour(rng), -1)
    elif kind == 1:
        middle = ((left + right) // 2, (top + bottom) // 2)
        axes = (max((right - left) // 2, 1), max((bottom - top) // 2, 1))
        cv2.ellipse(image, middle, axes, float(rng.uniform(-20, 20)), 0, 360, _colour(rng), -1, cv2.LINE_AA)
    elif kind == 2:  # blocks on top of each other
        parts = np.sort(rng.uniform(top, bottom, int(rng.integers(1, 4))))
        for low, high in zip((top, *parts), (*parts, bottom), strict=True):
            shift = int(rng.uniform(-0.2, 0.2) * (right - left))
            cv2.rectangle(image, (left + shift, round(low)), (right + shift, round(high)), _colour(rng), -1)
    else:
        corners = np.stack((rng.uniform(left, right, 4), rng.uniform(top, bottom, 4)), axis=1)
        hull = cv2.convexHull(corners.astype(np.int32))
        cv2.fillConvexPoly(image, hull, _colour(rng), cv2.LINE_AA)


def _colour(rng: Rng) -> tuple[int, int, int]:
    grey = rng.integers(0, 256)
    blue, green, red = (int(np.clip(grey + rng.normal(0, 50), 0, 255)) for _ in range(3))
    return blue, green, red


def _turn_hue(image: Picture, rng: Rng, strength: float) -> Picture:
    """Rotate colours around the axis of greys: a little, or anywhere at full strength."""
    anywhere = strength >= 1.0 and rng.random() < 0.4
    angle = rng.uniform(-np.pi, np.pi) if anywhere else rng.normal(0, 0.25 * strength)
    cosine, sine = np.cos(angle), np.sin(angle)
    third, root = (1.0 - cosine) / 3.0, sine / np.sqrt(3.0)
    diagonal, one, other = cosine + third, third - root, third + root
    turn = np.array(((diagonal, one, other), (other, diagonal, one), (one, other, diagonal)), np.float32)
    return np.asarray(cv2.transform(image, turn), np.uint8)


def _change_saturation(image: Picture, rng: Rng) -> Picture:
    """Towards grey, all the way now and then, or to stronger colours."""
    share = 0.0 if rng.random() < 0.25 else rng.uniform(0.2, 1.5)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.addWeighted(image, share, grey, 1.0 - share, 0.0), np.uint8)


def _change_levels(image: Picture, rng: Rng, strength: float) -> Picture:
    """Brightness, contrast, gamma and a cast, by one table per channel."""
    gamma = float(np.exp(rng.normal(0, 0.3 * strength)))
    gains = np.exp(rng.normal(0, 0.22 * strength)) * np.exp(rng.normal(0, 0.08 * strength, 3))
    middle, offset = rng.uniform(0.2, 0.7), rng.normal(0, 0.07 * strength)
    curve = _LEVELS**gamma
    tables = [np.clip(((curve - middle) * gain + middle + offset) * 255.0, 0, 255) for gain in gains]
    return np.asarray(cv2.LUT(image, np.stack(tables, axis=1).astype(np.uint8)[None]), np.uint8)


def _shade(image: Picture, rng: Rng) -> Picture:
    """Light and dark regions with smooth or hard edges."""
    height, width = image.shape[:2]
    coarse = rng.uniform(0.45, 1.4, (int(rng.integers(2, 5)), int(rng.integers(2, 6)))).astype(np.float32)
    how = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST
    light = cv2.resize(coarse, (width, height), interpolation=how)
    return np.asarray(cv2.multiply(image, cv2.merge((light, light, light)), dtype=cv2.CV_8U), np.uint8)


def _blur(image: Picture, rng: Rng) -> Picture:
    """Out of focus, moving, or enlarged from few pixels."""
    height, width = image.shape[:2]
    kind = rng.integers(0, 3)
    if kind == 0:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.8)), np.uint8)
    if kind == 1:
        kernel = np.zeros((5, 5), np.float32)
        angle = rng.uniform(0, np.pi)
        shift = (2.0 * np.cos(angle), 2.0 * np.sin(angle))
        ends = [(round(2 + side * shift[0]), round(2 + side * shift[1])) for side in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)
    factor = rng.uniform(1.3, 2.6)
    small = cv2.resize(
        image, (max(4, round(width / factor)), max(4, round(height / factor))), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _add_noise(image: Picture, rng: Rng) -> Picture:
    """Grain, fine or as coarse as two pixels."""
    fine, coarse = (2.0 + 12.0 * rng.random(), 0.0) if rng.random() < 0.7 else (0.0, 2.0 + 8.0 * rng.random())
    return develop(image, Sensor(noise=fine, coarse_noise=coarse), rng)


def _compress(image: Picture, rng: Rng) -> Picture:
    """As a strong JPEG leaves it."""
    done, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 75))))
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8) if done else image
