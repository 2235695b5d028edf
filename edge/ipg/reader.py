"""The supervisor's side of the store: what is new in it, and names that changed."""

from __future__ import annotations

import logging
import threading
import time

from edge.errors import StoreError
from edge.ipg.process import Setup
from edge.records import Arrivals, Prototype
from edge.stores import KeptPicture, PrototypeStore

__all__ = ["StoreReader"]

_log = logging.getLogger(__name__)

LOOK_S = 1.0  # other processes may write as well
TOUCH_S = 60.0


class StoreReader:
    """Follows the store. Its owner's thread calls everything but :meth:`take` and :meth:`use`, which any may.

    Args:
        setup: names the store and the live ReID model.

    Raises:
        StartError: the store cannot be opened.
    """

    def __init__(self, setup: Setup) -> None:
        self._store = PrototypeStore(setup.store, ttl_s=setup.store_ttl_s, bytes_max=setup.store_bytes_max)
        self._model = setup.model
        self._generator = ""
        self._sequence = self._gone = 0
        self._due_s = 0.0
        self._touch_due_s = time.monotonic() + TOUCH_S
        self._used: set[int] = set()
        self._unread = False
        self._lock = threading.Lock()
        self._new: dict[int, Prototype] = {}
        self._left: set[int] = set()

    def claim(self, owner: str) -> None:
        """Say whose identities these are."""
        erased = self._store.claim(owner)
        if erased:
            _log.info("%d prototypes of another gallery were erased", erased)

    def follow(self, generator: str) -> None:
        """Read what this generator made from now on, and what there is of it."""
        if generator != self._generator:
            self._generator, self._sequence = generator, 0
            self.expect()

    def expect(self) -> None:
        """There is something new: look at once."""
        self._due_s = 0.0

    def look(self) -> None:
        """Read what is new, if that is due; a store that cannot be read just now is tried again."""
        now_s = time.monotonic()
        if not self._generator or now_s < self._due_s:
            return
        self._due_s = now_s + LOOK_S
        try:
            found = self._store.since(self._sequence, self._model, self._generator)
            gone = self._store.gone_since(self._gone)
            if now_s >= self._touch_due_s and self._used:
                self._touch_due_s = now_s + TOUCH_S
                used, self._used = self._used, set()
                self._store.touch(used)
        except StoreError as error:
            if not self._unread:
                _log.warning("%s; trying again", error)
            self._unread = True
            return
        self._unread = False
        with self._lock:
            for sequence, identity in gone:
                self._gone = max(self._gone, sequence)
                self._new.pop(identity, None)
                self._left.add(identity)
            for sequence, prototype in found:
                self._sequence = max(self._sequence, sequence)
                self._new[prototype.identity] = prototype
                self._left.discard(prototype.identity)

    def take(self) -> Arrivals | None:
        """What came and went since the last time; None when nothing did."""
        if not self._new and not self._left:
            return None
        with self._lock:
            arrivals = Arrivals(tuple(self._new.values()), tuple(sorted(self._left)))
            self._new, self._left = {}, set()
        return arrivals

    def use(self, identity: int) -> None:
        """Somebody was seen: what was drawn of them is worth keeping. From any thread."""
        self._used.add(identity)

    def rename(self, kind: str, old: int, new: int) -> bool:
        """Say that ``old`` turned out to be ``new`` (merge), or what was drawn of it does; False: not now."""
        try:
            if kind == "merge":
                self._store.merge(new, old)
            else:
                self._store.rename(old, new)
        except StoreError:
            return False
        self.expect()
        return True

    def pictures(self, identity: int) -> list[KeptPicture]:
        """What is kept of somebody; nothing when the store cannot be read just now. From any thread."""
        try:
            return self._store.pictures(identity)
        except StoreError:
            return []

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()
