"""Pictures of people to train a generator on: who is on each, and in which pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, RunError
from edge.ipg.pictures import PICTURE_SUFFIXES, read_picture
from edge.ipg.skeleton import KEYPOINTS, Skeleton, read_keypoints

__all__ = ["Album", "Pictures", "read_album"]

TRAIN_FOLDER = "bounding_box_train"
POSE_FOLDER = "bounding_box_train_pose"


class Pictures(Protocol):
    """Pictures by number, read when they are asked for."""

    def __len__(self) -> int:
        """How many."""
        ...

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """uint8 (height, width, 3), red first, of any size."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """Pictures of people; row i of every array is picture i.

    pictures: of any sizes, red first.
    people: int64 (n,)         who it shows
    points: float32 (n, 18, 2) keypoints as fractions of width and height; NaN where not seen
    shown: bool (n,)           may be what the generator is shown
    drawn: bool (n,)           may be what it shall draw; has keypoints
    """

    pictures: Pictures
    people: NDArray[np.int64]
    points: NDArray[np.float32]
    shown: NDArray[np.bool_]
    drawn: NDArray[np.bool_]

    def skeleton(self, index: int) -> Skeleton:
        """The pose of a picture."""
        return Skeleton(str(index), self.points[index])


class _Files:
    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        image = read_picture(self._paths[index])
        if isinstance(image, str):
            raise RunError(f"'{self._paths[index]}' {image}; it was there when the training began")
        return image


def read_album(folder: Path) -> tuple[Album, list[tuple[Path, str]]]:
    """Read a folder in Market-1501's layout, with keypoints beside it.

    ``bounding_box_train/0002_c1s1_000451_03.jpg`` belongs to
    ``bounding_box_train_pose/0002_c1s1_000451_03.json``, see :func:`~edge.ipg.skeleton.read_keypoints`. A
    picture without keypoints may be shown, but is not drawn. People of whom there are not two pictures, one
    of them with keypoints, are left out, as are distractors (0000) and junk (-1).

    Returns:
        The album, and the files that were left out, with the reason.

    Raises:
        ConfigError: there are no such folders, or nobody in them can be learnt from.
    """
    pictures, poses = folder / TRAIN_FOLDER, folder / POSE_FOLDER
    for place in (pictures, poses):
        if not place.is_dir():
            raise ConfigError(
                f"holds no {place.name}/; a training needs pictures in {TRAIN_FOLDER}/ and their keypoints "
                f"in {POSE_FOLDER}/, see docs/ipg.md",
                file=str(folder),
            )
    skips: list[tuple[Path, str]] = []
    rows: dict[int, list[tuple[Path, NDArray[np.float32] | None]]] = {}
    for path in sorted(pictures.iterdir()):
        if path.suffix.lower() not in PICTURE_SUFFIXES or path.name.startswith("."):
            continue
        name, found, _ = path.stem.partition("_c")
        if not found or not name.isdigit() or int(name) == 0:
            skips.append((path, "shows nobody in particular"))
            continue
        image = read_picture(path)
        if isinstance(image, str):
            skips.append((path, image))
            continue
        points = _points(poses / f"{path.stem}.json", skips)
        rows.setdefault(int(name), []).append((path, points))
    kept: list[tuple[int, Path, NDArray[np.float32] | None]] = []
    for person, own in rows.items():
        if len(own) < 2 or all(points is None for _, points in own):
            skips += [(path, "is the person's only picture, or has no keypoints") for path, _ in own]
        else:
            kept += [(person, path, points) for path, points in own]
    if not kept:
        raise ConfigError(
            f"shows nobody in two pictures of whom one has keypoints ({len(skips)} files were left out)",
            file=str(folder),
        )
    nothing = np.full((KEYPOINTS, 2), np.nan, np.float32)
    return Album(
        pictures=_Files([path for _, path, _ in kept]),
        people=np.array([person for person, _, _ in kept], np.int64),
        points=np.stack([nothing if points is None else points for _, _, points in kept]),
        shown=np.ones(len(kept), bool),
        drawn=np.array([points is not None for _, _, points in kept]),
    ), skips


def _points(file: Path, skips: list[tuple[Path, str]]) -> NDArray[np.float32] | None:
    """A picture's keypoints; None where there are none."""
    if not file.is_file():
        return None
    try:
        skeletons = read_keypoints(file)
    except ConfigError as error:
        skips.append((file, error.message))
        return None
    if len(skeletons) > 1:
        skips.append((file, f"holds {len(skeletons)} poses; one is wanted"))
        return None
    return skeletons[0].points
