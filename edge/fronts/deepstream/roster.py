"""Which camera a source number means; cameras may come and go while DeepStream runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence

__all__ = ["Roster"]


class Roster:
    """Source numbers and camera names; any thread may ask or change it.

    Args:
        names: all cameras of cams.yaml, in order: at the start camera i is source i.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._known = frozenset(names)
        self._names = dict(enumerate(names))

    def add(self, source: int, name: str) -> bool:
        """Note that a source has come; False when cams.yaml has no camera of that name."""
        with self._lock:
            if name not in self._known:
                self._names.pop(source, None)
                return False
            for number in [number for number, other in self._names.items() if other == name]:
                del self._names[number]
            self._names[source] = name
            return True

    def remove(self, source: int) -> str | None:
        """Note that a source has gone; returns its camera."""
        with self._lock:
            return self._names.pop(source, None)

    def name_of(self, source: int) -> str | None:
        """Return the camera of a source; None for one that nobody knows."""
        with self._lock:
            return self._names.get(source)
