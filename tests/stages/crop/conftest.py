"""Frames and tracks for the tests of the crop stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

import numpy as np
import pytest

from edge.records import Frame, Tracks

Box = tuple[float, float, float, float]
MakeScene = Callable[..., tuple[Frame, Tracks]]


@pytest.fixture(scope="session")
def texture() -> np.ndarray:
    """A picture of 640x480 full of detail, the same in every run."""
    return np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)


@pytest.fixture
def make_scene(texture: np.ndarray) -> MakeScene:
    """One frame and its people: ``{track id: box}``, and ``{track id: overlap}`` where it is not 0."""
    numbers = count(1)

    def make(
        time_s: float,
        people: Mapping[int, Box],
        *,
        overlaps: Mapping[int, float] | None = None,
        camera: str = "door",
        image: np.ndarray | None = None,
    ) -> tuple[Frame, Tracks]:
        picture = texture if image is None else image
        number, taken_ns = next(numbers), round(time_s * 1e9)
        shares = [(overlaps or {}).get(track, 0.0) for track in people]
        tracks = Tracks(
            camera,
            number,
            taken_ns,
            (picture.shape[1], picture.shape[0]),
            np.array(list(people), np.int64),
            np.array(list(people.values()), np.float32).reshape(-1, 4),
            np.full(len(people), 0.9, np.float32),
            np.array(shares, np.float32),
        )
        return Frame(camera, number, 0, time_s, taken_ns, picture), tracks

    return make
