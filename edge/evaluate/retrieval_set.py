"""Everything a retrieval score needs: pictures of query and gallery, with their features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.evaluate.feature_file import FeatureFile
from edge.evaluate.features import Describer, Progress, embed_pictures
from edge.evaluate.market import GALLERY, QUERY, MarketSet, Picture, Skip, read_generated
from edge.evaluate.recipe import Side

__all__ = ["ProgressOf", "RetrievalSet", "embed_generated", "embed_set", "look_up_set"]

GENERATED = "_gen"

# Gives each list of pictures, named by its folder, the callback for its progress.
ProgressOf = Callable[[str], Progress | None]


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalSet:
    """Pictures that have a feature, and their features; row i of a side is picture i.

    query, gallery: the pictures.
    query_side, gallery_side: their features, and those of pictures generated from them.
    skips: pictures, rows and files that were left out, beside those the folder's reader left out.
    """

    query: tuple[Picture, ...]
    gallery: tuple[Picture, ...]
    query_side: Side
    gallery_side: Side
    skips: tuple[Skip, ...]


def embed_set(
    market: MarketSet, describer: Describer, *, cache: Path | None, progress_of: ProgressOf
) -> RetrievalSet:
    """Describe every picture of a folder.

    Raises:
        ConfigError: no picture of the query, or none of the gallery, could be described.
        ModelError: the network's output is not what its card says.
    """
    skips: list[Skip] = []

    def describe(place: str, pictures: Sequence[Picture]) -> tuple[tuple[Picture, ...], Side]:
        features, failed = embed_pictures(
            [picture.path for picture in pictures], describer, cache=cache, progress=progress_of(place)
        )
        skips.extend(failed)
        if not features.usable.any():
            raise ConfigError(
                f"none of the {len(pictures)} pictures can be used; the first {failed[0].reason}",
                file=str(pictures[0].path.parent),
            )
        return _usable(pictures, features.vectors, features.usable)

    query, query_side = describe(QUERY, market.query)
    gallery, gallery_side = describe(GALLERY, market.gallery)
    return RetrievalSet(query, gallery, query_side, gallery_side, tuple(skips))


def look_up_set(market: MarketSet, file: FeatureFile) -> RetrievalSet:
    """Take the features of a folder's pictures from a file.

    Raises:
        ConfigError: the file has nothing for the query, or nothing for the gallery.
    """
    query_rows, query_has, query_skips = file.look_up(QUERY, market.query)
    gallery_rows, gallery_has, gallery_skips = file.look_up(GALLERY, market.gallery)
    query, query_side = _usable(market.query, query_rows, query_has)
    gallery, gallery_side = _usable(market.gallery, gallery_rows, gallery_has)
    return RetrievalSet(query, gallery, query_side, gallery_side, (*query_skips, *gallery_skips))


def embed_generated(
    data: RetrievalSet, folder: Path, describer: Describer, *, cache: Path | None, progress_of: ProgressOf
) -> RetrievalSet:
    """Add the features of generated pictures (IPG).

    Args:
        data: the set they were generated for.
        folder: holds ``query_gen/``, ``bounding_box_test_gen/`` or both, see :mod:`edge.evaluate.market`.
        describer: the network that described the set.
        cache: as in :func:`embed_set`.
        progress_of: as in :func:`embed_set`.

    Raises:
        ConfigError: there is no such folder, or nothing in it belongs to the set.
        ModelError: the network's output is not what its card says.
    """
    names = (QUERY + GENERATED, GALLERY + GENERATED)
    if not any((folder / name).is_dir() for name in names):
        raise ConfigError(f"holds neither {names[0]}/ nor {names[1]}/", file=str(folder))
    skips = list(data.skips)

    def add(name: str, pictures: Sequence[Picture], side: Side) -> Side:
        found, strangers = read_generated(folder / name, pictures)
        paths = [path for group in found.values() for path in group]
        skips.extend(strangers)
        if not paths:
            return side
        features, failed = embed_pictures(paths, describer, cache=cache, progress=progress_of(name))
        skips.extend(failed)
        row_of = {path: row for row, path in enumerate(paths) if features.usable[row]}
        owned = [
            [row_of[path] for path in found.get(picture.name, ()) if path in row_of] for picture in pictures
        ]
        return Side(side.vectors, side.cameras, features.vectors, owned)

    query_side = add(names[0], data.query, data.query_side)
    gallery_side = add(names[1], data.gallery, data.gallery_side)
    if not any(query_side.owned) and not any(gallery_side.owned):
        first = f"; the first of {len(skips)} files: {skips[0].path.name} {skips[0].reason}" if skips else ""
        raise ConfigError(f"holds no usable picture generated for this set{first}", file=str(folder))
    return RetrievalSet(data.query, data.gallery, query_side, gallery_side, tuple(skips))


def _usable(
    pictures: Sequence[Picture], vectors: NDArray[np.float32], usable: NDArray[np.bool_]
) -> tuple[tuple[Picture, ...], Side]:
    """Only the pictures that have a feature, and their features."""
    kept = tuple(picture for picture, use in zip(pictures, usable.tolist(), strict=True) if use)
    cameras = np.array([picture.camera for picture in kept], dtype=np.int64)
    return kept, Side(vectors[usable], cameras)
