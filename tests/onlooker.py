"""A reader that has the prototype store open while others write it, and complains about what is lost."""

from __future__ import annotations

import threading
from pathlib import Path

from edge.stores import PrototypeStore


class Onlooker:
    """Reads all the time in a thread of its own.

    published: identity -> versions it has seen; what was handed over to another identity may go.
    lost: what was seen and is not there any more, and pictures that are not complete.
    """

    def __init__(self, path: Path, model: str, generator: str) -> None:
        self._path, self._model, self._generator = path, model, generator
        self.published: dict[int, set[int]] = {}
        self.lost: list[str] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Onlooker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _read(self) -> None:
        store = PrototypeStore(self._path, ttl_s=3600.0, bytes_max=100_000_000)
        while not self._done.is_set():
            now = {one.identity: one for _, one in store.since(0, self._model, self._generator)}
            missing = self.published.keys() - now.keys()
            gone = {identity for _, identity in store.gone_since(0)} if missing else set()
            self.lost += [f"{identity} is lost" for identity in missing - gone]
            for identity, one in now.items():
                versions = self.published.setdefault(identity, set())
                if versions and one.version < max(versions):
                    self.lost.append(f"{identity} went back to version {one.version}")
                versions.add(one.version)
                pictures = store.pictures(identity)
                if pictures and len(pictures) != 3:
                    self.lost.append(f"{identity} has half of its pictures")
            self._done.wait(0.02)
        store.close()
