"""Features kept in the user's cache folder, so that the same pictures are not embedded twice.

One list of pictures described by one network is one file, ``features/<key>.npz`` in
:func:`edge.resources.cache_dir`. The key is a digest of everything the features depend on: the
network's fingerprint and input, and the folder, name, size and modification time of every picture. While
the list is being worked through, finished parts lie in ``<key>.parts/``; after an interruption they are
taken up again. Files are written under another name first, so what is there is whole. Everything may be
deleted at any time, and a cache that cannot be read or written costs time, nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.resources import cache_dir

__all__ = ["FeatureCache", "Features", "cache_folder"]

_log = logging.getLogger(__name__)

FORMAT = "edge-reid/features/1"
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of a list of pictures; row i is one picture.

    vectors: float32 (n, d)  unit length; zero where there is none
    usable:  bool (n,)       False where the picture could not be read, or gave no embedding
    """

    vectors: NDArray[np.float32]
    usable: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.usable)


def cache_folder() -> Path | None:
    """Where features are kept; None where the user has no such place. It need not exist."""
    cache = cache_dir()
    return None if cache is None else cache / "features"


class FeatureCache:
    """The kept features of one list of pictures. Not for use by two threads at once; two processes may.

    Args:
        folder: see :func:`cache_folder`; None keeps nothing.
        describer: says which network, and all else that features depend on beside the pictures.
        pictures: the list; its order counts.
        dim: length of a feature.
    """

    def __init__(self, folder: Path | None, describer: str, pictures: Sequence[Path], dim: int) -> None:
        self._file: Path | None = None
        self._parts: Path | None = None
        self._dim = dim
        if folder is not None:
            key = _key(describer, pictures)
            self._file = folder / f"{key}.npz"
            self._parts = folder / f"{key}.parts"

    def load(self, count: int) -> Features | None:
        """The whole list's features, ``count`` rows; None where they are not kept."""
        return None if self._file is None else self._read(self._file, count)

    def load_part(self, number: int, count: int) -> Features | None:
        """A finished part's features, ``count`` rows; None where they are not kept."""
        return None if self._parts is None else self._read(self._part(self._parts, number), count)

    def keep(self, features: Features) -> None:
        """Keep the whole list's features; its parts are not needed any more."""
        if self._file is not None and self._write(self._file, features) and self._parts is not None:
            shutil.rmtree(self._parts, ignore_errors=True)

    def keep_part(self, number: int, features: Features) -> None:
        """Keep the features of a part."""
        if self._parts is not None:
            self._write(self._part(self._parts, number), features)

    @staticmethod
    def _part(parts: Path, number: int) -> Path:
        return parts / f"{number:06d}.npz"

    def _read(self, file: Path, count: int) -> Features | None:
        try:
            with file.open("rb") as stream:  # numpy leaves a file open that it cannot read
                arrays = np.load(stream, allow_pickle=False)
                vectors, usable = arrays["vectors"], arrays["usable"]
        except FileNotFoundError:
            return None
        except _UNREADABLE as error:
            _log.warning("cached features %s cannot be read and are made again: %s", file, error)
            return None
        right = (
            vectors.shape == (count, self._dim)
            and usable.shape == (count,)
            and vectors.dtype == np.float32
            and usable.dtype == np.bool_
            and bool(np.isfinite(vectors).all())
        )
        if not right:
            _log.warning("cached features %s are not what they should be and are made again", file)
            return None
        return Features(vectors, usable)

    def _write(self, file: Path, features: Features) -> bool:
        temporary = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("xb") as stream:
                    np.savez(stream, vectors=features.vectors, usable=features.usable)
                temporary.replace(file)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("features are not cached: %s cannot be written (%s)", file, error.strerror or error)
            self._file = self._parts = None
            return False
        return True


def _key(describer: str, pictures: Sequence[Path]) -> str:
    digest = hashlib.sha256(f"{FORMAT}\0{describer}\0".encode())
    for path in pictures:
        try:
            status = path.stat()
            facts = f"{status.st_size}\0{status.st_mtime_ns}"
        except OSError:
            facts = "missing"
        digest.update(os.fsencode(path.absolute()) + f"\0{facts}\0".encode())
    return digest.hexdigest()[:40]
