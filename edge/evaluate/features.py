"""Embeddings of lists of picture files, made just as the pipeline makes those of crops."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.evaluate.feature_cache import FeatureCache, Features
from edge.evaluate.market import Skip
from edge.records import Crop, CroppedFrame, Tracks

if TYPE_CHECKING:
    from edge.config.pipeline import EmbedSpec
    from edge.stages.embed import Embedder

__all__ = ["Describer", "Progress", "embed_pictures", "open_describer", "read_picture"]

# Called with (pictures done, pictures in all) while a list is worked through.
Progress = Callable[[int, int], None]

PART = 1024  # pictures between two times that what is done is kept
NO_EMBEDDING = "gives no usable embedding (NaN, infinite or zero)"


@dataclass(frozen=True, slots=True, eq=False)
class Describer:
    """A ReID network that is open.

    embedder: the pipeline's own embed stage.
    spec: how it is run.
    """

    embedder: Embedder
    spec: EmbedSpec

    @property
    def name(self) -> str:
        """The network's fingerprint."""
        return self.embedder.card.fingerprint

    @property
    def dim(self) -> int:
        """Length of its embeddings."""
        return self.embedder.card.dim or 0

    def identity(self) -> str:
        """Everything that an embedding depends on beside the picture, as text."""
        card = self.embedder.card
        return json.dumps(
            {
                "model": card.fingerprint,
                "input": card.input.model_dump(mode="json"),
                "output": card.boxes_output,
                "dim": card.dim,
                "backend": self.spec.backend,
                "flip": self.spec.flip,
            },
            sort_keys=True,
        )


@contextmanager
def open_describer(spec: EmbedSpec) -> Iterator[Describer]:
    """Open a ReID network as the pipeline does; it is closed at the end of the block.

    Raises:
        ConfigError: no such model or backend, or one that does not embed.
        StartError: weights are missing or wrong, or a package is missing.
    """
    from edge.backends import check_ports, open_session
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights, identified
    from edge.stages.embed import Embedder

    card = load_card(spec.model)
    if card.task != "embed":
        raise ConfigError(f"model '{card.name}' is made to {card.task}, not to embed")
    file = find_weights(card)
    card = identified(card, file)
    session = open_session(file, backend=spec.backend, threads=spec.threads, card_name=card.name)
    try:
        check_ports(session, card)
        yield Describer(Embedder(card, session, spec), spec)
    finally:
        session.close()


def embed_pictures(
    paths: Sequence[Path],
    describer: Describer,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
    part: int = PART,
) -> tuple[Features, list[Skip]]:
    """Describe a list of pictures, from the cache where they have been described before.

    A picture that could not be used is tried again when the features come from the cache.

    Args:
        paths: picture files.
        describer: the network.
        cache: folder of kept features (:func:`edge.evaluate.feature_cache.cache_folder`); None keeps nothing.
        progress: called with (pictures done, pictures in all).
        part: how many pictures are lost at most when it is interrupted.

    Returns:
        One row for each picture, and the pictures that could not be used, with the reason.

    Raises:
        ModelError: the network's output is not what its card says.
    """
    kept = FeatureCache(cache, describer.identity(), paths, describer.dim)
    count = len(paths)
    found = kept.load(count)
    if found is not None:
        return _mend(found, paths, describer, kept, progress)
    features = Features(np.zeros((count, describer.dim), np.float32), np.zeros(count, dtype=bool))
    skips: list[Skip] = []
    for number, start in enumerate(range(0, count, part)):
        rows = np.arange(start, min(start + part, count))
        done = kept.load_part(number, len(rows))
        if done is None:
            failed = _embed_rows(features, rows, paths, describer, progress)
            kept.keep_part(number, Features(features.vectors[rows], features.usable[rows]))
        else:
            features.vectors[rows], features.usable[rows] = done.vectors, done.usable
            failed = _embed_rows(features, rows[~done.usable], paths, describer, None)
        skips += failed
        if progress is not None:
            progress(int(rows[-1]) + 1, count)
    if count:
        kept.keep(features)
    return features, skips


def read_picture(path: Path) -> NDArray[np.uint8] | str:
    """Read a picture file.

    Returns:
        uint8 (height, width, 3), blue first; or why it cannot be read.
    """
    import cv2

    try:
        content = path.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if not content:
        return "is empty (0 bytes)"
    if content.startswith(b"\xff\xd8") and b"\xff\xd9" not in content[-65536:]:
        return "is cut off: a JPEG without its end"  # OpenCV would fill the rest with grey
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None or image.size == 0:
        return "is no picture that can be decoded"
    return np.asarray(image, dtype=np.uint8)


def _mend(
    found: Features,
    paths: Sequence[Path],
    describer: Describer,
    kept: FeatureCache,
    progress: Progress | None,
) -> tuple[Features, list[Skip]]:
    """Try the unusable rows of kept features again."""
    again = np.flatnonzero(~found.usable)
    skips = _embed_rows(found, again, paths, describer, None)
    if len(skips) < len(again):
        kept.keep(found)
    if progress is not None:
        progress(len(paths), len(paths))
    return found, skips


def _embed_rows(
    features: Features,
    rows: NDArray[np.intp],
    paths: Sequence[Path],
    describer: Describer,
    progress: Progress | None,
) -> list[Skip]:
    """Describe some of the pictures, into their rows; returns those that could not be."""
    skips: list[Skip] = []
    batch = describer.spec.batch_max
    for start in range(0, len(rows), batch):
        crops: list[Crop] = []
        for row in rows[start : start + batch].tolist():
            image = read_picture(paths[row])
            if isinstance(image, str):
                skips.append(Skip(paths[row], image))
            else:
                crops.append(Crop("", row, 0, 0, 1.0, image))
        (frame,) = describer.embedder.embed([CroppedFrame(_nobody(), tuple(crops))])
        for embedding in frame.embeddings:
            features.vectors[embedding.crop.track] = embedding.vector
            features.usable[embedding.crop.track] = True
        lost = [crop.track for crop in crops if not features.usable[crop.track]]
        skips += [Skip(paths[row], NO_EMBEDDING) for row in lost]
        if progress is not None:
            progress(int(rows[min(start + batch, len(rows)) - 1]) + 1, len(paths))
    return skips


def _nobody() -> Tracks:
    """A frame's tracks for crops that come from no frame."""
    return Tracks(
        camera="",
        number=0,
        captured_at_ns=0,
        size_px=(0, 0),
        track_ids=np.zeros(0, np.int64),
        boxes_px=np.zeros((0, 4), np.float32),
        scores=np.zeros(0, np.float32),
        overlaps=np.zeros(0, np.float32),
    )
