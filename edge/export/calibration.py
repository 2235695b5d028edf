"""Pictures that decide the ranges of an INT8 network, read as the pipeline would read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.backends.pictures import InputBatch
from edge.config.card import CardInput, ModelCard
from edge.errors import ConfigError
from edge.evaluate.features import read_picture

__all__ = ["FOLDERS", "PICTURES_MIN", "calibration_batches", "calibration_pictures"]

Array = NDArray[np.generic]

# Below a calibration folder: what a detector and what a ReID network looks at.
FOLDERS = {"detect": "scenes", "embed": "crops"}
PICTURES_MIN = 16
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


def calibration_pictures(folder: Path, card: ModelCard, most: int) -> list[Path]:
    """Choose pictures for a network, evenly over the folder's sorted names.

    Args:
        folder: pictures; or a folder with ``crops/`` and ``scenes/``.
        card: the network's.
        most: how many at most.

    Raises:
        ConfigError: there is no such folder, or it has fewer than :data:`PICTURES_MIN` pictures.
    """
    own = folder / FOLDERS[card.task]
    place = own if own.is_dir() else folder
    kind = "pictures of scenes" if card.task == "detect" else "crops of people"
    remedy = "draw some with 'edge site calibration', or name a folder of your own with --calibration"
    if not place.is_dir():
        raise ConfigError(f"is no folder; INT8 needs {kind}: {remedy}", file=str(place))
    try:
        found = sorted(path for path in place.iterdir() if path.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(place)) from None
    if len(found) < PICTURES_MIN:
        raise ConfigError(
            f"holds {len(found)} pictures; INT8 needs {PICTURES_MIN} or more {kind}: {remedy}",
            file=str(place),
        )
    step = max(len(found) / most, 1.0)
    return [found[int(number * step)] for number in range(min(most, len(found)))]


def calibration_batches(pictures: Sequence[Path], spec: CardInput, batch: int = 1) -> Iterator[Array]:
    """The network's inputs, ``batch`` pictures each, of the pictures in order.

    Raises:
        ConfigError: a picture cannot be read.
    """
    inputs = InputBatch(spec, batch)
    for start in range(0, len(pictures), batch):
        part = pictures[start : start + batch]
        for slot in range(batch):
            path = part[min(slot, len(part) - 1)]
            image = read_picture(path)
            if isinstance(image, str):
                raise ConfigError(f"{image}; remove it", file=str(path))
            inputs.write(slot, image)
        yield inputs.view(batch).copy()
