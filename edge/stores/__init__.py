"""What outlives a frame, and a run: the gallery in memory, prototypes and the run's memory on disk."""

from __future__ import annotations

from edge.stores.gallery import Exemplar, Gallery
from edge.stores.prototypes import KeptPicture, KeptPrototype, PrototypeStore

__all__ = ["Exemplar", "Gallery", "KeptPicture", "KeptPrototype", "PrototypeStore"]
