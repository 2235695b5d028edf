"""Identities that left the window, each remembered by a few real visits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Exemplar", "Gallery"]


@dataclass(frozen=True, slots=True, eq=False)
class Exemplar:
    """One past visit of a person.

    vector: float32 (d,), unit length, as embedded (not centralized).
    weight: sum of the qualities of the embeddings behind it.
    start_s, end_s: event time.
    head, tail: centre of its first and last box, pixels.
    height_px: height of the person at the end.
    """

    camera: str
    vector: NDArray[np.float32]
    weight: float
    start_s: float
    end_s: float
    head: tuple[float, float]
    tail: tuple[float, float]
    height_px: float


class Gallery:
    """Past visits by identity, bounded in identities and in visits of each.

    Real visits near the centre of their person are kept rather than a mean, which blurs the views
    it was made from (measured: docs/decisions.md).

    Args:
        people_max: identities remembered; the one unseen for longest is forgotten first.
        exemplars_max: visits kept of each.
    """

    def __init__(self, *, people_max: int, exemplars_max: int) -> None:
        self._people_max = people_max
        self._exemplars_max = exemplars_max
        self._people: dict[int, list[Exemplar]] = {}
        self._apart: dict[int, set[int]] = {}
        self._stacked: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None
        self._seen_by: dict[str, set[int]] | None = None

    def __len__(self) -> int:
        return len(self._people)

    def __contains__(self, identity: int) -> bool:
        return identity in self._people

    def __iter__(self) -> Iterator[tuple[int, list[Exemplar]]]:
        return iter(sorted(self._people.items()))

    def add(self, identity: int, exemplar: Exemplar) -> list[int]:
        """Remember a visit.

        Returns:
            Identities forgotten to make room.
        """
        self._stacked = self._seen_by = None
        kept = self._people.pop(identity, [])
        kept.append(exemplar)
        self._people[identity] = self._nearest_centre(kept)
        forgotten = []
        while len(self._people) > self._people_max:
            oldest = next(iter(self._people))
            del self._people[oldest]
            forgotten.append(oldest)
        return forgotten

    @property
    def vectors(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """All exemplars: int64 (n,) their identities, and float32 (n, d) their vectors; do not change."""
        if self._stacked is None:
            rows = [(identity, e.vector) for identity, kept in self for e in kept]
            vectors = np.stack([v for _, v in rows]) if rows else np.zeros((0, 0), np.float32)
            self._stacked = np.array([i for i, _ in rows], dtype=np.int64), vectors
        return self._stacked

    def seen_by(self, camera: str) -> AbstractSet[int]:
        """Identities with a remembered visit to a camera."""
        if self._seen_by is None:
            self._seen_by = {}
            for identity, kept in self._people.items():
                for exemplar in kept:
                    self._seen_by.setdefault(exemplar.camera, set()).add(identity)
        return self._seen_by.get(camera, frozenset())

    @property
    def apart(self) -> Mapping[int, AbstractSet[int]]:
        """For each identity, those it can never be one with, whichever visits are still remembered."""
        return self._apart

    def part(self, one: int, other: int) -> None:
        """The two were in one camera at one time."""
        self._apart.setdefault(one, set()).add(other)
        self._apart.setdefault(other, set()).add(one)

    def forget_apart(self, present: AbstractSet[int]) -> None:
        """Drop what :meth:`part` was told of identities that are neither remembered nor present."""
        gone = self._apart.keys() - self._people.keys() - present
        for identity in gone:
            for other in self._apart.pop(identity):
                self._apart.get(other, set()).discard(identity)

    def merge(self, identity: int, other: int) -> None:
        """Everything known of ``other`` now belongs to ``identity``."""
        for third in self._apart.pop(other, ()):
            self._apart[third].discard(other)
            self.part(identity, third)
        if other not in self._people:
            return
        self._stacked = self._seen_by = None
        both = (identity, other)
        kept = [e for one in both for e in self._people.get(one, ())]
        later = next(one for one in reversed(self._people) if one in both)
        self._people = {
            identity if one == later else one: exemplars
            for one, exemplars in self._people.items()
            if one == later or one not in both
        }
        self._people[identity] = self._nearest_centre(kept)

    def _nearest_centre(self, exemplars: list[Exemplar]) -> list[Exemplar]:
        while len(exemplars) > self._exemplars_max:
            vectors = np.stack([e.vector for e in exemplars])
            weights = np.array([e.weight for e in exemplars])
            nearness = vectors @ (weights @ vectors)
            exemplars = [e for i, e in enumerate(exemplars) if i != int(nearness.argmin())]
        return exemplars
