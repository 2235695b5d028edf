"""The pictures a replay sends, with their embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.evaluate.feature_file import FeatureFile
from edge.evaluate.features import Describer, embed_pictures
from edge.evaluate.market import GALLERY, QUERY, MarketSet, Picture, Skip, read_generated
from edge.evaluate.retrieval_set import GENERATED, ProgressOf

__all__ = ["StreamSet", "embed_drawn", "embed_stream", "look_up_stream"]


@dataclass(frozen=True, slots=True, eq=False)
class StreamSet:
    """Pictures that have an embedding; row i is picture i.

    pictures: n of them, the query's first, where it is sent.
    vectors: float32 (n, d)  neither zero nor NaN
    skips: pictures and rows that were left out, beside those the folder's reader left out.
    """

    pictures: tuple[Picture, ...]
    vectors: NDArray[np.float32]
    skips: tuple[Skip, ...]


def embed_stream(
    market: MarketSet, describer: Describer, *, cache: Path | None, progress_of: ProgressOf
) -> StreamSet:
    """Describe every picture of a set whose query may be empty.

    Raises:
        ConfigError: no picture of a folder could be described.
        ModelError: the network's output is not what its card says.
    """
    parts = []
    for place, pictures in _places(market):
        features, failed = embed_pictures(
            [picture.path for picture in pictures], describer, cache=cache, progress=progress_of(place)
        )
        if not features.usable.any():
            raise ConfigError(
                f"none of the {len(pictures)} pictures can be used; the first {failed[0].reason}",
                file=str(pictures[0].path.parent),
            )
        parts.append(_usable(pictures, features.vectors, features.usable, failed))
    return _joined(parts)


def embed_drawn(
    market: MarketSet, folder: Path, describer: Describer, *, cache: Path | None, progress_of: ProgressOf
) -> tuple[dict[str, NDArray[np.float32]], list[Skip]]:
    """Describe what was generated (IPG) of a set's pictures.

    Args:
        market: the set; its query may be empty.
        folder: holds ``query_gen/``, ``bounding_box_test_gen/`` or both, see :mod:`edge.evaluate.market`.
        describer: the network that described the set.
        cache: as in :func:`edge.evaluate.retrieval_set.embed_set`.
        progress_of: likewise.

    Returns:
        Name of a picture -> float32 (m, d), unit length, of what was generated of it; and files left out.

    Raises:
        ConfigError: there is no such folder, or nothing in it belongs to the set.
        ModelError: the network's output is not what its card says.
    """
    if not any((folder / (place + GENERATED)).is_dir() for place in (QUERY, GALLERY)):
        raise ConfigError(f"holds neither {QUERY}{GENERATED}/ nor {GALLERY}{GENERATED}/", file=str(folder))
    drawn: dict[str, NDArray[np.float32]] = {}
    skips: list[Skip] = []
    for place, pictures in _places(market):
        found, strangers = read_generated(folder / (place + GENERATED), pictures)
        skips += strangers
        paths = [path for group in found.values() for path in group]
        if not paths:
            continue
        features, failed = embed_pictures(
            paths, describer, cache=cache, progress=progress_of(place + GENERATED)
        )
        skips += failed
        row_of = {path: row for row, path in enumerate(paths) if features.usable[row]}
        for name, group in found.items():
            rows = [row_of[path] for path in group if path in row_of]
            if rows:
                vectors = features.vectors[rows]
                drawn[name] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    if not drawn:
        first = f"; the first of {len(skips)} files: {skips[0].path.name} {skips[0].reason}" if skips else ""
        raise ConfigError(f"holds no usable picture generated for this set{first}", file=str(folder))
    return drawn, skips


def look_up_stream(market: MarketSet, file: FeatureFile) -> StreamSet:
    """Take the features of a set's pictures from a file; the query may be empty.

    Raises:
        ConfigError: the file has nothing for a folder.
    """
    return _joined([_usable(pictures, *file.look_up(place, pictures)) for place, pictures in _places(market)])


def _places(market: MarketSet) -> list[tuple[str, tuple[Picture, ...]]]:
    both = ((QUERY, market.query), (GALLERY, market.gallery))
    return [(place, pictures) for place, pictures in both if pictures]


def _usable(
    pictures: tuple[Picture, ...],
    vectors: NDArray[np.float32],
    usable: NDArray[np.bool_],
    skips: list[Skip],
) -> StreamSet:
    kept = tuple(picture for picture, use in zip(pictures, usable.tolist(), strict=True) if use)
    return StreamSet(kept, vectors[usable], tuple(skips))


def _joined(parts: list[StreamSet]) -> StreamSet:
    return StreamSet(
        tuple(picture for part in parts for picture in part.pictures),
        np.concatenate([part.vectors for part in parts]),
        tuple(skip for part in parts for skip in part.skips),
    )
