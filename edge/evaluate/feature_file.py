"""Features that somebody else computed, in a NumPy file.

``--features FILE.npz`` holds these arrays (``numpy.savez``), row i of each pair being one picture:

=================  ==================  =====================================================
array              shape               content
=================  ==================  =====================================================
``query``          float (q, d)        features of pictures in ``query/``
``query_names``    text (q,)           their names, ``0002_c1s1_000451_03.jpg``
``gallery``        float (g, d)        features of pictures in ``bounding_box_test/``
``gallery_names``  text (g,)           their names
=================  ==================  =====================================================

Order and length are free: rows are matched with the pictures by name (folders and suffixes do not count).
Features need not have unit length; they are compared by cosine.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.evaluate.market import GALLERY, JUNK, QUERY, Picture, Skip

__all__ = ["FeatureFile", "read_feature_file"]

Floats = NDArray[np.float32]
ARRAYS = ("query", "query_names", "gallery", "gallery_names")


class FeatureFile:
    """The content of a file of features, looked up by the names of pictures.

    Args:
        file: its name, for messages.
        query: name of a picture -> float32 (d,).
        gallery: the same of the gallery.
    """

    def __init__(self, file: str, query: Mapping[str, Floats], gallery: Mapping[str, Floats]) -> None:
        self._file = file
        self._rows = {QUERY: query, GALLERY: gallery}

    def look_up(
        self, place: str, pictures: Sequence[Picture]
    ) -> tuple[Floats, NDArray[np.bool_], list[Skip]]:
        """The features of some pictures.

        Args:
            place: ``query`` or ``bounding_box_test``.
            pictures: what the folder holds.

        Returns:
            float32 (n, d), zero where the file has no row; bool (n,), where it has one; and what did not
            find its counterpart, pictures first, then rows (those of junk are left out silently).

        Raises:
            ConfigError: no picture has a row.
        """
        rows = self._rows[place]
        has_row = np.array([picture.name in rows for picture in pictures], dtype=bool)
        if not has_row.any():
            example = next(iter(rows), "")
            raise ConfigError(
                f"has no row for any picture in {place}/ (its first name is '{example}'); "
                "names are those of the pictures",
                file=self._file,
            )
        dim = len(next(iter(rows.values())))
        vectors = np.zeros((len(pictures), dim), np.float32)
        for index in np.flatnonzero(has_row).tolist():
            vectors[index] = rows[pictures[index].name]
        known = {picture.name for picture in pictures}
        skips = [
            Skip(picture.path, f"has no row in {self._file}")
            for picture, has in zip(pictures, has_row.tolist(), strict=True)
            if not has
        ]
        skips += [
            Skip(Path(self._file) / name, f"is a row without a picture in {place}/")
            for name in rows
            if name not in known and not name.startswith(f"{JUNK}_")
        ]
        return vectors, has_row, skips


def read_feature_file(file: Path) -> FeatureFile:
    """Read a file of features.

    Raises:
        ConfigError: it is missing or no NumPy archive, lacks an array, or an array is not what it should be;
            names the row.
    """
    arrays = _load(file)
    sides = [_side(str(file), name, arrays) for name in ("query", "gallery")]
    widths = [arrays[name].shape[1] for name in ("query", "gallery")]
    if widths[0] != widths[1]:
        raise ConfigError(
            f"query has features of length {widths[0]}, gallery of length {widths[1]}; "
            "both must come from one network",
            file=str(file),
        )
    return FeatureFile(str(file), *sides)


def _load(file: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with file.open("rb") as stream:  # numpy leaves a file open that it cannot read
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ConfigError(
                    f"holds one array; needed is numpy.savez with {', '.join(ARRAYS)}", file=str(file)
                )
            missing = [name for name in ARRAYS if name not in archive]
            if missing:
                held = ", ".join(archive.files) or "nothing"
                raise ConfigError(
                    f"lacks {' and '.join(missing)} (it holds {held}); see docs/evaluation.md", file=str(file)
                )
            return {name: _array(file, name, archive) for name in ARRAYS}
    except FileNotFoundError:
        raise ConfigError("no such file; give the path of a NumPy .npz file", file=str(file)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(file)) from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        raise ConfigError("is no whole NumPy .npz file; write it with numpy.savez", file=str(file)) from None


def _array(file: Path, name: str, archive: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
    try:
        return archive[name]
    except ValueError:
        raise ConfigError(
            "holds Python objects; save names with numpy.array(names, dtype=str)", file=str(file), key=name
        ) from None


def _side(file: str, name: str, arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, Floats]:
    """Names of pictures -> their features."""
    raw, names = arrays[name], arrays[f"{name}_names"]
    if raw.ndim != 2 or not len(raw) or not raw.shape[1] or not np.issubdtype(raw.dtype, np.floating):
        raise ConfigError(
            f"must be floats of shape (pictures, length), not empty (got {raw.dtype} {raw.shape})",
            file=file,
            key=name,
        )
    if names.shape != (len(raw),) or names.dtype.kind not in "US":
        raise ConfigError(
            f"must be text of shape ({len(raw)},), one name for each row of {name} "
            f"(got {names.dtype} {names.shape})",
            file=file,
            key=f"{name}_names",
        )
    with np.errstate(over="ignore"):
        vectors = raw.astype(np.float32)
    rows: dict[str, Floats] = {}
    for index, (text, vector) in enumerate(zip(_texts(names), vectors, strict=True)):
        what = "" if np.isfinite(vector).all() else "is not finite"
        what = what or ("" if vector.any() else "is all zero")
        if what:
            raise ConfigError(f"row {index} ('{text}') {what}", file=file, key=name)
        stem = Path(text).stem
        if stem in rows:
            raise ConfigError(f"'{stem}' is there twice (row {index})", file=file, key=f"{name}_names")
        rows[stem] = vector
    return rows


def _texts(names: NDArray[np.generic]) -> list[str]:
    values = names.tolist()
    return [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in values]
