"""What outlives a frame, and a run: the gallery in memory, prototypes and the run's memory on disk."""

from __future__ import annotations

from edge.stores.gallery import Exemplar, Gallery
from edge.stores.kept import Change, Counts, KeptPerson, KeptPiece, KeptRun, KeptState, KeptStrand
from edge.stores.prototypes import KeptPicture, KeptPrototype, PrototypeStore, prototypes_beside
from edge.stores.state import StateStore

__all__ = [
    "Change",
    "Counts",
    "Exemplar",
    "Gallery",
    "KeptPerson",
    "KeptPicture",
    "KeptPiece",
    "KeptPrototype",
    "KeptRun",
    "KeptState",
    "KeptStrand",
    "PrototypeStore",
    "StateStore",
    "prototypes_beside",
]
