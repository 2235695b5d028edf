"""Crops, cards and sessions for the tests of the embed stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from edge.backends import Port
from edge.config.card import ModelCard
from edge.records import Crop, CroppedFrame, Tracks


class ReusingSession:
    """A network of dim 4 that answers every call in the same output buffer, as some runtimes do.

    Its vector of a picture is the means of the picture's left and right half, then 1 and 2. ``answer``
    replaces that by any function of the input.
    """

    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()

    def __init__(self) -> None:
        self.buffer = np.zeros((64, 4), np.float32)
        self.batches: list[int] = []
        self.answer: Callable[[np.ndarray], np.ndarray] = self.halves

    @staticmethod
    def halves(pictures: np.ndarray) -> np.ndarray:
        middle = pictures.shape[3] // 2
        left, right = (part.mean(axis=(1, 2, 3)) for part in np.split(pictures, [middle], axis=3))
        return np.stack((left, right, np.ones_like(left), np.full_like(left, 2)), axis=1)

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        pictures = feeds["data"]
        self.batches.append(len(pictures))
        self.buffer[: len(pictures)] = self.answer(pictures)
        return {"embedding": self.buffer[: len(pictures)]}

    def close(self) -> None:
        pass


@pytest.fixture
def session() -> ReusingSession:
    return ReusingSession()


@pytest.fixture
def make_card() -> Callable[..., ModelCard]:
    """A card of a network of dim 4 with 8x16 input; keywords replace parts of it."""

    def make(**others: object) -> ModelCard:
        plain: dict[str, object] = {
            "name": "test-reid",
            "task": "embed",
            "file": "reid.onnx",
            "bytes": 1,
            "sha256": "0123456789ab" + "0" * 52,
            "licence": "none",
            "origin": "a test",
            "input": {"name": "data", "width": 8, "height": 16, "resize": "stretch", "colour": "bgr"},
            "outputs": {"embedding": (None, 4)},
            "decoder": "embedding",
            "dim": 4,
        }
        return ModelCard.model_validate(plain | others)

    return make


@pytest.fixture
def make_frame() -> Callable[[Sequence[np.ndarray]], CroppedFrame]:
    """A frame with these crops."""

    def make(images: Sequence[np.ndarray], camera: str = "door") -> CroppedFrame:
        count = len(images)
        tracks = Tracks(
            camera,
            1,
            5,
            (640, 480),
            np.arange(1, count + 1),
            np.zeros((count, 4), np.float32),
            np.ones(count, np.float32),
            np.zeros(count, np.float32),
        )
        return CroppedFrame(
            tracks, tuple(Crop(camera, i + 1, 1, 5, 0.5, image) for i, image in enumerate(images))
        )

    return make
