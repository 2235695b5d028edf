"""The embed stage: crops of any cameras in, one unit vector for each of them out."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.backends.pictures import Feeder, HostFeeder
from edge.backends.session import Session
from edge.config.card import ModelCard
from edge.config.pipeline import EmbedSpec
from edge.errors import ModelError
from edge.records import Crop, CroppedFrame, EmbeddedFrame, Embedding, Pixels

__all__ = ["Embedder"]

_log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Sums = NDArray[np.float64]


class Embedder:
    """Describes crops with one ReID network.

    Its feeder has a buffer of its own, so one thread at a time may call :meth:`embed`; it starts none
    itself. The session stays the caller's to close.

    Args:
        card: what the network needs.
        session: the open network.
        spec: most pictures per run (a network's fixed batch is obeyed), and whether each crop is averaged
            with its mirror image.
        feeder: brings the pictures to the session; over the host's memory unless given.

    Raises:
        ModelError: the card is not one of an embedding network.
    """

    def __init__(
        self, card: ModelCard, session: Session, spec: EmbedSpec, feeder: Feeder | None = None
    ) -> None:
        if card.task != "embed" or card.dim is None:
            raise ModelError(
                f"model '{card.name}' (task '{card.task}') gives no embeddings; "
                "choose a model with task 'embed'"
            )
        self.card = card
        self._dim = card.dim
        self._flip = spec.flip
        self._batch_max = card.batch or spec.batch_max
        self._feeder = feeder or HostFeeder(card.input, session, card.batch or 1)
        self._unusable = 0

    @property
    def unusable(self) -> int:
        """How many crops were dropped so far because the network gave NaN, infinity or only zeros."""
        return self._unusable

    def embed(self, batch: Sequence[CroppedFrame]) -> list[EmbeddedFrame]:
        """Describe the crops of several frames, in shared runs of the network.

        Args:
            batch: frames of any cameras, with any number of crops.

        Returns:
            One record per frame, in the same order; its embeddings in the order of its crops, without
            those that were unusable. Each vector is its own memory, safe to keep.

        Raises:
            ModelError: the network's output is not what its card says.
        """
        crops = [crop for frame in batch for crop in frame.crops]
        vectors = iter(self.describe(crops))
        frames: list[EmbeddedFrame] = []
        for frame in batch:
            pairs = [(crop, next(vectors)) for crop in frame.crops]
            embeddings = tuple(
                Embedding(crop, vector, self.card.fingerprint) for crop, vector in pairs if vector is not None
            )
            frames.append(EmbeddedFrame(frame.tracks, embeddings))
        return frames

    def describe(self, crops: Sequence[Crop]) -> list[Floats | None]:
        """A unit vector for each crop, float32 (d,); None where the network gave nothing usable.

        Raises:
            ModelError: as :meth:`embed`.
        """
        if not crops:
            return []
        images = [crop.pixels for crop in crops]
        owners = list(range(len(crops)))
        if self._flip:
            images += [_mirrored(image) for image in images]
            owners += owners
        sums = np.zeros((len(crops), self._dim))
        for start in range(0, len(images), self._batch_max):
            stop = start + self._batch_max
            # Nothing of the session's own memory leaves this loop: it is added into ours.
            np.add.at(sums, owners[start:stop], _directions(self._run(images[start:stop])))
        units = _directions(sums)
        usable = np.isfinite(units[:, 0])  # a row is NaN as a whole or not at all
        self._count_unusable(len(usable) - int(np.count_nonzero(usable)))
        return [
            unit.astype(np.float32) if good else None
            for unit, good in zip(units, usable.tolist(), strict=True)
        ]

    def _run(self, images: Sequence[Pixels]) -> Sums:
        """The network's raw output for at most one batch of pictures, float64 (n, dim)."""
        rows = self.card.batch or len(images)
        name = next(iter(self.card.outputs))
        outputs, _ = self._feeder.run(images, rows)
        output = outputs[name]
        if output.size != rows * self._dim or output.shape[0] != rows:
            raise ModelError(
                f"model '{self.card.name}': output '{name}' has shape {list(output.shape)}, "
                f"{rows} pictures and dim {self._dim} need [{rows}, {self._dim}]: correct dim in its card"
            )
        return output.reshape(rows, self._dim)[: len(images)].astype(np.float64)

    def _count_unusable(self, count: int) -> None:
        """Add to the total and say so the first time."""
        if count and not self._unusable:
            _log.warning(
                "model '%s' gave NaN, infinite or zero embeddings; they are dropped and counted "
                "(weights intact?)",
                self.card.name,
            )
        self._unusable += count


def _mirrored(pixels: Pixels) -> Pixels:
    """The picture with left and right exchanged."""
    return pixels[:, ::-1] if isinstance(pixels, np.ndarray) else pixels.mirrored()


def _directions(vectors: Sums) -> Sums:
    """Rows scaled to unit length; NaN where a row has no direction. (n, d) to (n, d)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
        # Two opposite unit vectors cancel to rounding errors, which are no direction.
        units: Sums = np.where((lengths > 1e-9) & np.isfinite(lengths), vectors / lengths, np.nan)
    return units
