"""The poses of a run: the standard ones, a file of keypoints, or a folder of pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.ipg.pictures import PICTURE_SUFFIXES, read_picture, save_plain
from edge.ipg.skeleton import Skeleton, read_keypoints, standard_skeletons
from edge.ipg.sticks import draw_sticks

__all__ = ["PosePicture", "draw_poses", "pose_pictures", "read_pose_folder"]

FILE_PX = (128, 64)  # height and width of a pose's picture file, as upstream's are


@dataclass(frozen=True, slots=True, eq=False)
class PosePicture:
    """A pose before the networks have seen it.

    name: what its pictures are called.
    image_rgb: uint8 (height, width, 3) as in a file, see :mod:`edge.ipg.sticks`.
    """

    name: str
    image_rgb: NDArray[np.uint8]


def pose_pictures(skeletons: list[Skeleton], size_px: tuple[int, int] = FILE_PX) -> list[PosePicture]:
    """Skeletons drawn at a size (height, width)."""
    return [PosePicture(one.name, draw_sticks(one, size_px)) for one in skeletons]


def read_pose_folder(folder: Path) -> tuple[list[PosePicture], list[tuple[Path, str]]]:
    """Read a folder of pose pictures, in the order of their names (numbers by their value).

    Returns:
        The poses, and the files that could not be used, with the reason.

    Raises:
        ConfigError: no such folder, or it holds no usable picture.
    """
    try:
        files = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_natural)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(folder)) from None
    poses: dict[str, PosePicture] = {}
    skips: list[tuple[Path, str]] = []
    for path in files:
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            continue
        image = read_picture(path)
        if isinstance(image, str):
            skips.append((path, image))
        elif path.stem in poses:
            skips.append((path, "has the name of another pose"))
        else:
            poses[path.stem] = PosePicture(path.stem, image)
    if not poses:
        hint = f"; the first of {len(skips)} {skips[0][0].name} {skips[0][1]}" if skips else ""
        raise ConfigError(
            f"holds no picture of a pose{hint}; 'edge poses draw --out DIR' draws eight", file=str(folder)
        )
    return list(poses.values()), skips


def draw_poses(out: Path, keypoints: Path | None = None, size_px: tuple[int, int] = FILE_PX) -> list[Path]:
    """Write poses as picture files, ``<name>.png``.

    Args:
        out: the folder; it is made.
        keypoints: a file of keypoints; the standard poses unless given.
        size_px: height and width.

    Raises:
        ConfigError: the file of keypoints is wrong.
        RunError: a picture cannot be written.
    """
    skeletons = read_keypoints(keypoints) if keypoints is not None else standard_skeletons()
    paths = []
    for pose in pose_pictures(skeletons, size_px):
        paths.append(out / f"{pose.name}.png")
        save_plain(pose.image_rgb, paths[-1])
    return paths


def _natural(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.findall(r"\d+|\D+", path.stem)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts], path.suffix
