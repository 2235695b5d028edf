"""Skeletons of 18 keypoints: the eight standard poses, and poses read from a file.

The keypoints are those of OpenPose's COCO model, in its order: nose, neck, right shoulder, elbow, wrist, left
shoulder, elbow, wrist, right hip, knee, ankle, left hip, knee, ankle, right eye, left eye, right ear,
left ear. Right and left are the person's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.config.json_object import read_json_object
from edge.errors import ConfigError

__all__ = ["KEYPOINTS", "Skeleton", "from_coco", "read_keypoints", "standard_skeletons"]

KEYPOINTS = 18
STANDARD_FILE = Path(__file__).with_name("standard_poses.json")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}\Z")
# COCO's own 17 keypoints in this order; the neck is missing and lies between the shoulders.
_FROM_COCO = (0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """One pose.

    name: what its pictures are called.
    points: float32 (18, 2), x and y as fractions of the picture's width and height; NaN where not seen.
    """

    name: str
    points: NDArray[np.float32]


def from_coco(
    points: NDArray[np.floating], scores: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """COCO's 17 keypoints as these 18; the neck lies between the shoulders, as sure as the less sure one.

    Args:
        points: (17, 2).
        scores: (17,).
    """
    neck, sure = (points[5] + points[6]) / 2, min(scores[5], scores[6])
    return (
        np.array([neck if row < 0 else points[row] for row in _FROM_COCO], dtype=np.float32),
        np.array([sure if row < 0 else scores[row] for row in _FROM_COCO], dtype=np.float32),
    )


def standard_skeletons() -> list[Skeleton]:
    """The eight standard poses: walking and standing, seen from eight sides."""
    return read_keypoints(STANDARD_FILE)


def read_keypoints(path: Path) -> list[Skeleton]:
    """Read poses from a JSON file.

    Either this project's form, ``{"size_px": [width, height], "poses": {name: [[x, y], …]}}`` with 18 points
    each, null where one is not seen, x and y in pixels of that size (fractions of the picture without
    ``size_px``); or OpenPose's, ``{"canvas_width": …, "canvas_height": …, "people": [{"pose_keypoints_2d":
    [x, y, score, …]}]}`` with 18 triples, or COCO's 17.

    Raises:
        ConfigError: it cannot be read, or is neither.
    """
    content = read_json_object(path)
    if ("poses" in content) == ("people" in content):
        raise ConfigError("must be an object with 'poses' or with 'people', see docs/ipg.md", file=str(path))
    try:
        skeletons = _own_form(content) if "poses" in content else _openpose_form(content, path.stem)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"a pose is wrong: {error}", file=str(path)) from None
    if not skeletons:
        raise ConfigError("holds no pose", file=str(path))
    for skeleton in skeletons:
        if not _NAME.match(skeleton.name):
            raise ConfigError(
                f"a pose is called {skeleton.name!r}; letters, digits and _ . + - may be used", file=str(path)
            )
        if not np.isfinite(skeleton.points).any():
            raise ConfigError(f"pose '{skeleton.name}' has no keypoint that is seen", file=str(path))
    return skeletons


def _own_form(content: dict[str, object]) -> list[Skeleton]:
    poses, size = content["poses"], content.get("size_px", [1, 1])
    if not isinstance(poses, dict) or not isinstance(size, list) or len(size) != 2 or min(size) <= 0:
        raise ValueError("'poses' must be an object, and 'size_px' width and height")
    return [Skeleton(name, _points(rows, size)) for name, rows in poses.items()]


def _points(rows: object, size: list[float]) -> NDArray[np.float32]:
    if not isinstance(rows, list) or len(rows) != KEYPOINTS:
        raise ValueError(f"it must have {KEYPOINTS} keypoints")
    pairs = [[np.nan, np.nan] if row is None else [float(row[0]), float(row[1])] for row in rows]
    return (np.array(pairs) / np.array(size, dtype=np.float64)).astype(np.float32)


def _openpose_form(content: dict[str, object], stem: str) -> list[Skeleton]:
    people = content["people"]
    if not isinstance(people, list):
        raise ValueError("'people' must be a list")
    size = np.array([content["canvas_width"], content["canvas_height"]], dtype=np.float64)
    if not (size > 0).all():
        raise ValueError("'canvas_width' and 'canvas_height' must be more than 0")
    skeletons = []
    for number, person in enumerate(people):
        triples = np.array(person["pose_keypoints_2d"], dtype=np.float64)
        if triples.size not in (3 * KEYPOINTS, 3 * (KEYPOINTS - 1)):
            raise ValueError(f"'pose_keypoints_2d' must have 18 or 17 triples (got {triples.size} numbers)")
        triples = triples.reshape(-1, 3)
        if len(triples) < KEYPOINTS:
            triples = np.column_stack(from_coco(triples[:, :2], triples[:, 2]))
        points = np.where(triples[:, 2:] > 0, triples[:, :2] / size, np.nan).astype(np.float32)
        skeletons.append(Skeleton(stem if len(people) == 1 else f"{stem}_{number + 1}", points))
    return skeletons
