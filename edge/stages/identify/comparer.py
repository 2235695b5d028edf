"""What identify asks of the refine stage, which it does not know."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.records import Tracklet

__all__ = ["Allowed", "Comparer"]

Allowed = Callable[[Hashable, Hashable], bool]


class Comparer(Protocol):
    """What the refine stage offers: :class:`edge.stages.refine.Refiner`."""

    @property
    def share(self) -> float:
        """How much of the similarity is the centralized one, 0 to 1."""
        ...

    def learn(self, tracklet: Tracklet) -> None:
        """Take in a closed tracklet."""
        ...

    def count_people(self, camera: str, people: int) -> None:
        """Say how many people a camera has seen."""
        ...

    def renew(self) -> bool:
        """Go over to what was learnt; True when everything has to be put anew."""
        ...

    def features(self, vectors: NDArray[np.float32], cameras: Sequence[str]) -> NDArray[np.float64]:
        """Embeddings in the corrected space: float64 (n, d), unit length."""
        ...

    def learn_generated(self, vectors: NDArray[np.float32]) -> None:
        """Take in embeddings of generated pictures of one more person."""
        ...

    def generated(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same for embeddings of generated pictures: float64 (m, d), as long as they are trusted."""
        ...

    def ask(self, allowed: Allowed) -> None:
        """Say who knows whether two visits can be one person."""
        ...

    def put(self, key: Hashable, feature: NDArray[np.float64], camera: str) -> None:
        """Take in a visit, or its new feature."""
        ...

    def rename(self, key: Hashable, new: Hashable) -> None:
        """The same visit under another name."""
        ...

    def drop(self, key: Hashable) -> None:
        """Forget a visit."""
        ...

    def forbid(self, one: Hashable, other: Hashable) -> None:
        """Two visits turn out to be two people."""
        ...

    def refresh(self) -> set[Hashable]:
        """Bring everything up to date; whose rows may have changed."""
        ...

    def rows(self, keys: Iterable[Hashable]) -> NDArray[np.float32]:
        """What visits are compared by: float32 (n, w); the product of two is their similarity."""
        ...
