"""People of the synthetic site as an album to train a generator on.

They are shown as cameras see them, and drawn as portraits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.ipg.album import Album
from edge.ipg.skeleton import KEYPOINTS
from edge.site.picture_store import Drawn, draw_crops, draw_portraits

__all__ = ["FIRST_SEED", "drawn_album"]

FIRST_SEED = 10_000_000_000  # of the people that the project's own small networks are trained on


class _Pictures:
    """Pictures of two stores, blue first there, by one number."""

    def __init__(self, *stores: NDArray[np.uint8]) -> None:
        self._stores = stores

    def __len__(self) -> int:
        return sum(len(store) for store in self._stores)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        for store in self._stores:
            if index < len(store):
                return np.ascontiguousarray(store[index, :, :, ::-1])
            index -= len(store)
        raise IndexError(index)


def drawn_album(
    cache: Path,
    people: int,
    views: int,
    *,
    first_seed: int = FIRST_SEED,
    workers: int = 1,
    drawn: Drawn | None = None,
) -> Album:
    """``views`` crops and as many portraits of each person, drawn unless they are kept already.

    Raises:
        OutputError: they cannot be kept.
    """
    portraits = draw_portraits(cache, first_seed, people, views, workers=workers, drawn=drawn)
    crops = draw_crops(cache, first_seed, people, views, workers=workers, drawn=drawn)
    high, wide = portraits.images_bgr_pvhwc.shape[2:4]
    points = portraits.keypoints_px.reshape(-1, KEYPOINTS, 2) / np.array((wide, high), np.float32)
    count = people * views
    first = np.arange(2 * count) < count
    return Album(
        pictures=_Pictures(
            *(one.images_bgr_pvhwc.reshape(count, high, wide, 3) for one in (portraits, crops))
        ),
        people=np.tile(np.repeat(np.arange(people), views), 2).astype(np.int64),
        points=np.concatenate([points, np.full_like(points, np.nan)]).astype(np.float32),
        shown=~first,
        drawn=first,
    )
