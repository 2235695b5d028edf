"""Skeletons drawn as OpenPose-style sticks: the pictures the pose guider was trained with.

The palette is OpenPose's, whose first colour is (255, 0, 0): the published weights want its first number in
their first channel, and read picture files blue first. So in a *file* red and blue are exchanged, as in
upstream's own pose pictures; :func:`edge.ipg.pictures.to_pose_input` changes them back.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.ipg.skeleton import Skeleton

__all__ = ["draw_sticks"]

PALETTE = (
    (255, 0, 0),
    (255, 85, 0),
    (255, 170, 0),
    (255, 255, 0),
    (170, 255, 0),
    (85, 255, 0),
    (0, 255, 0),
    (0, 255, 85),
    (0, 255, 170),
    (0, 255, 255),
    (0, 170, 255),
    (0, 85, 255),
    (0, 0, 255),
    (85, 0, 255),
    (170, 0, 255),
    (255, 0, 255),
    (255, 0, 170),
    (255, 0, 85),
)
# Limb i, from keypoint to keypoint, has colour i, darkened.
LIMBS = (
    (1, 2),
    (1, 5),
    (2, 3),
    (3, 4),
    (5, 6),
    (6, 7),
    (1, 8),
    (8, 9),
    (9, 10),
    (1, 11),
    (11, 12),
    (12, 13),
    (1, 0),
    (0, 14),
    (14, 16),
    (0, 15),
    (15, 17),
)
LIMB_BRIGHTNESS = 0.6
# Thickness at upstream's size, 64 x 128 pixels; it grows with the picture.
WIDTH_PX = 64
LIMB_PX, POINT_PX = 2.0, 2.0
SHIFT = 4  # bits of a pixel's fraction, in OpenCV's drawing
SCALE = 1 << SHIFT


def draw_sticks(skeleton: Skeleton, size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw one pose on black.

    Args:
        skeleton: keypoints that are not seen, and limbs to them, are left out.
        size_px: height and width.

    Returns:
        uint8 (height, width, 3) as it goes into a file, see above.
    """
    high, wide = size_px
    image = np.zeros((high, wide, 3), np.uint8)  # in the palette's order until the end
    scale = wide / WIDTH_PX
    points = skeleton.points.astype(np.float64) * (wide, high)
    for number, (start, end) in enumerate(LIMBS):
        if np.isfinite(points[[start, end]]).all():
            colour = tuple(LIMB_BRIGHTNESS * value for value in PALETTE[number])
            _draw_limb(image, points[start], points[end], max(LIMB_PX * scale / 2, 0.5), colour)
    for number, point in enumerate(points):
        if np.isfinite(point).all():
            centre = tuple(round(SCALE * value) for value in point)
            radius = max(round(SCALE * POINT_PX * scale), 1)
            cv2.circle(image, centre, radius, PALETTE[number], -1, lineType=cv2.LINE_8, shift=SHIFT)
    return np.ascontiguousarray(image[:, :, ::-1])


def _draw_limb(
    image: NDArray[np.uint8],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    half_px: float,
    colour: tuple[float, ...],
) -> None:
    """A straight limb as a filled rectangle."""
    along = end - start
    length = float(np.hypot(*along))
    if length < 1e-6:
        return
    across = np.array([-along[1], along[0]]) * (half_px / length)
    corners = np.array([start + across, end + across, end - across, start - across])
    fixed = np.round(corners * SCALE).astype(np.int32)
    cv2.fillConvexPoly(image, fixed, colour, lineType=cv2.LINE_8, shift=SHIFT)
