"""Engines kept in the cache folder, so that each is built once for a graph, a GPU and a version of TensorRT.

One engine is one file: a line of JSON (its key, and length and SHA-256 of what follows) and the engine. A
file that is cut off, altered, or of another key is not used but built again. Whoever builds holds a lock, so
that of two processes that start together one builds and the other reads. Everything may be deleted.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.backends.session import Batch

__all__ = ["EngineCache", "EngineKey", "graph_digest"]

log = logging.getLogger(__name__)

FORMAT = 1
_READ_BYTES = 1 << 20
_ASK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True)
class EngineKey:
    """Everything an engine depends on.

    graph: SHA-256 of the graph and of the weights beside it.
    gpu: what the GPU is called.
    capability: its compute capability, e.g. ``8.7``.
    tensorrt: TensorRT's version.
    precision: how types are decided: ``strong`` (by the graph), or ``weak`` with what it may use.
    profile: MIN,OPT,MAX of the batch.
    """

    graph: str
    gpu: str
    capability: str
    tensorrt: str
    precision: str
    profile: str

    @property
    def digest(self) -> str:
        """A short name that differs where any part does."""
        return hashlib.sha256(json.dumps([FORMAT, asdict(self)], sort_keys=True).encode()).hexdigest()[:32]

    @staticmethod
    def profile_of(batch: Batch) -> str:
        """A batch as text."""
        return f"{batch.min},{batch.opt},{batch.max}"


def graph_digest(path: Path) -> str:
    """SHA-256 of a graph and of the weights beside it (``NAME.data``)."""
    digest = hashlib.sha256()
    for part in (path, path.with_name(f"{path.name}.data")):
        if part.is_file():
            with part.open("rb") as file:
                while chunk := file.read(_READ_BYTES):
                    digest.update(chunk)
    return digest.hexdigest()


class EngineCache:
    """The folder of engines.

    Args:
        folder: where they are; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def file_of(self, key: EngineKey) -> Path | None:
        """Where an engine is kept, whether it is there or not."""
        return None if self._folder is None else self._folder / f"{key.digest}.engine"

    def get(self, key: EngineKey, build: Callable[[], bytes], *, name: str) -> bytes:
        """An engine from the folder, or built and kept.

        Args:
            key: what it depends on.
            build: makes it; its errors go through.
            name: the model's, for messages.
        """
        found = self.load(key, name)
        if found is not None:
            return found
        file = self.file_of(key)
        if file is None:
            return build()
        with self._lock(file, name) as locked:
            found = self.load(key, name) if locked else None  # somebody else has built it meanwhile
            if found is not None:
                return found
            blob = build()
            if locked:
                self._store(file, key, blob, name)
            return blob

    def load(self, key: EngineKey, name: str) -> bytes | None:
        """A kept engine; None where there is none that is whole and of this key."""
        file = self.file_of(key)
        if file is None:
            return None
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning(
                "model '%s': cannot read %s (%s); building the engine again", name, file, error.strerror
            )
            return None
        reason, blob = _opened(content, key)
        if reason:
            log.warning("model '%s': %s %s; building it again", name, file, reason)
            return None
        return blob

    def forget(self, key: EngineKey) -> None:
        """Remove an engine that does not open after all."""
        file = self.file_of(key)
        if file is not None:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                log.warning("cannot remove %s: %s", file, error.strerror)

    def read_timings(self, key: EngineKey) -> bytes:
        """What earlier builds on this GPU have measured; empty where nothing is known."""
        file = self._timing_file(key)
        try:
            return b"" if file is None else file.read_bytes()
        except OSError:
            return b""

    def write_timings(self, key: EngineKey, content: bytes) -> None:
        """Keep what a build has measured."""
        file = self._timing_file(key)
        if file is not None and content:
            _write(file, content)

    def _timing_file(self, key: EngineKey) -> Path | None:
        if self._folder is None:
            return None
        text = json.dumps([key.gpu, key.capability, key.tensorrt])
        return self._folder / f"timing-{hashlib.sha256(text.encode()).hexdigest()[:16]}.cache"

    def _store(self, file: Path, key: EngineKey, blob: bytes, name: str) -> None:
        head = {
            "format": FORMAT,
            "key": asdict(key),
            "bytes": len(blob),
            "sha256": hashlib.sha256(blob).hexdigest(),
        }
        if not _write(file, json.dumps(head, sort_keys=True).encode() + b"\n" + blob):
            log.warning("model '%s': cannot keep its engine; it is built again at the next start", name)

    @contextmanager
    def _lock(self, file: Path, name: str) -> Iterator[bool]:
        """Hold the engine's lock; False where the folder takes no locks."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            log.warning("model '%s': no lock for its engine (%s)", name, error.strerror)
            yield False
            return
        try:
            locked = _wait_for(handle, name)
            yield locked
        finally:
            os.close(handle)  # which frees the lock, as the process's end does


def _wait_for(handle: int, name: str) -> bool:
    told = False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                log.info("model '%s': another process is building its engine; waiting", name)
                told = True
            time.sleep(_ASK_AGAIN_S)
        except OSError:
            return False  # a file system without locks
        else:
            return True


def _opened(content: bytes, key: EngineKey) -> tuple[str, bytes]:
    """Why a file is not the engine of a key (empty: it is), and the engine."""
    line, newline, blob = content.partition(b"\n")
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    if not newline or not isinstance(head, dict) or head.get("format") != FORMAT:
        return "is no engine of this version of edge-reid", b""
    if head.get("key") != asdict(key):
        return "is another graph's, GPU's or TensorRT's", b""
    if len(blob) != head.get("bytes"):
        return f"is cut off ({len(blob)} of {head.get('bytes')} bytes)", b""
    if hashlib.sha256(blob).hexdigest() != head.get("sha256"):
        return "was altered", b""
    return "", blob


def _write(file: Path, content: bytes) -> bool:
    """Write a file under another name first; False where that is not possible."""
    part = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(3)}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        log.debug("cannot write %s: %s", file, error)
        try:
            part.unlink(missing_ok=True)
        except OSError:
            pass
        return False
    return True
