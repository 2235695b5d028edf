"""Identities that left the window, each remembered by a few real visits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Exemplar", "Gallery", "GalleryChanges"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)  # its repr would print the whole vector
class Exemplar:
    """One past visit of a person.

    vector: float32 (d,), unit length, as embedded (not centralized).
    weight: sum of the qualities of the embeddings behind it.
    start_s, end_s: event time.
    head, tail: centre of its first and last box, pixels.
    height_px: height of the person at the end.
    track, tracklet, strand: the camera's track that it ended with, the uid of its last piece, and its strand.
    epoch: 0 for this run, -1 for the one before it … Between runs clocks and files may have been set back, so
        time and place say nothing about two visits of different epochs.
    """

    camera: str
    vector: NDArray[np.float32]
    weight: float
    start_s: float
    end_s: float
    head: tuple[float, float]
    tail: tuple[float, float]
    height_px: float
    track: int = 0
    tracklet: str = ""
    strand: int = 0
    epoch: int = 0


@dataclass(slots=True, eq=False)
class GalleryChanges:
    """What is different in a gallery since somebody last looked, who empties it.

    people: identities whose remembered visits changed.
    parted: pairs that were seen to be two people, the smaller number first.
    united: identities of whom nobody is known to be apart any more, but for ``parted``.
    """

    people: set[int] = field(default_factory=set)
    parted: set[tuple[int, int]] = field(default_factory=set)
    united: set[int] = field(default_factory=set)

    def clear(self) -> None:
        """Everything was seen."""
        self.people.clear()
        self.parted.clear()
        self.united.clear()


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
        self._changed: set[int] = set()
        self._followed: GalleryChanges | None = None
        self._banned: set[int] = set()
        self._seen_by: dict[str, Counter[int]] = {}

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
        if identity in self._banned:
            return []
        kept = [*self._people.get(identity, ()), exemplar]
        self._replace(identity, ())  # whoever was seen last is last
        self._replace(identity, self._nearest_centre(kept))
        forgotten = []
        while len(self._people) > self._people_max:
            oldest = next(iter(self._people))
            self._replace(oldest, ())
            forgotten.append(oldest)
        return forgotten

    @property
    def identities(self) -> list[int]:
        """Who is remembered, ascending."""
        return sorted(self._people)

    def of(self, identity: int) -> list[Exemplar]:
        """The visits remembered of somebody; none when nobody of that name is remembered."""
        return list(self._people.get(identity, ()))

    def take_changes(self) -> list[int]:
        """Identities of whom something was remembered or forgotten since this was last asked, ascending."""
        changed, self._changed = self._changed, set()
        return sorted(changed)

    def follow(self) -> GalleryChanges:
        """What will hold all changes from now on."""
        if self._followed is None:
            self._followed = GalleryChanges()
        return self._followed

    def restore(self, people: Mapping[int, Sequence[Exemplar]], apart: Iterable[tuple[int, int]]) -> None:
        """Remember what an earlier run did; nobody is remembered yet.

        Args:
            people: identity -> visits, those seen longest ago first; beyond the bounds they are left out.
            apart: pairs that :meth:`part` was told of.
        """
        for identity, exemplars in list(people.items())[-self._people_max :]:
            self._replace(identity, self._nearest_centre(list(exemplars)))
        for one, other in apart:
            self.part(one, other)

    def forget(self, identity: int) -> None:
        """Forget somebody, and remember no visit of that identity ever again."""
        self._banned.add(identity)
        self._replace(identity, ())

    @property
    def banned(self) -> AbstractSet[int]:
        """Of whom :meth:`forget` was called."""
        return self._banned

    def seen_by(self, camera: str) -> AbstractSet[int]:
        """Identities with a remembered visit to a camera."""
        return self._seen_by.get(camera, Counter()).keys()

    @property
    def apart(self) -> Mapping[int, AbstractSet[int]]:
        """For each identity, those it can never be one with, whichever visits are still remembered."""
        return self._apart

    def part(self, one: int, other: int) -> None:
        """The two were in one camera at one time."""
        if other in self._apart.get(one, ()):
            return
        self._apart.setdefault(one, set()).add(other)
        self._apart.setdefault(other, set()).add(one)
        if self._followed is not None:
            self._followed.parted.add((min(one, other), max(one, other)))

    def forget_apart(self, present: AbstractSet[int]) -> None:
        """Drop what :meth:`part` was told of identities that are neither remembered nor present."""
        gone = self._apart.keys() - self._people.keys() - present
        for identity in gone:
            for other in self._unite(identity):
                self._apart.get(other, set()).discard(identity)

    def move(self, exemplar: Exemplar, identity: int, other: int) -> None:
        """One visit of ``identity`` turns out to be ``other``'s."""
        self._replace(identity, [e for e in self._people.get(identity, ()) if e is not exemplar])
        self._replace(other, self._nearest_centre([*self._people.get(other, ()), exemplar]))

    def merge(self, identity: int, other: int) -> None:
        """Everything known of ``other`` now belongs to ``identity``."""
        for third in self._unite(other):
            self._apart[third].discard(other)
            self.part(identity, third)
        if other not in self._people:
            return
        both = (identity, other)
        kept = [e for one in both for e in self._people.get(one, ())]
        later = next(one for one in reversed(self._people) if one in both)
        for one in both:
            if one != later:
                self._replace(one, ())
        if later != identity:
            self._people = {identity if one == later else one: e for one, e in self._people.items()}
            self._count(identity, self._people[identity], 1)
            self._count(later, self._people[identity], -1)
            self._note(later)
        self._replace(identity, self._nearest_centre(kept))

    def _replace(self, identity: int, exemplars: Sequence[Exemplar]) -> None:
        """Remember these visits of somebody and no others; none: forget the person."""
        self._note(identity)
        self._count(identity, self._people.get(identity, ()), -1)
        self._count(identity, exemplars, 1)
        if exemplars:
            self._people[identity] = list(exemplars)
        else:
            self._people.pop(identity, None)

    def _note(self, identity: int) -> None:
        self._changed.add(identity)
        if self._followed is not None:
            self._followed.people.add(identity)

    def _unite(self, identity: int) -> set[int]:
        """Take somebody's entry out of who is apart; who is in it has to take them out likewise."""
        others = self._apart.pop(identity, set())
        if others and self._followed is not None:
            self._followed.united.add(identity)
            self._followed.parted -= {(min(identity, other), max(identity, other)) for other in others}
        return others

    def _count(self, identity: int, exemplars: Sequence[Exemplar], step: int) -> None:
        for exemplar in exemplars:
            seen = self._seen_by.setdefault(exemplar.camera, Counter())
            seen[identity] += step
            if not seen[identity]:
                del seen[identity]

    def _nearest_centre(self, exemplars: list[Exemplar]) -> list[Exemplar]:
        while len(exemplars) > self._exemplars_max:
            vectors = np.stack([e.vector for e in exemplars])
            weights = np.array([e.weight for e in exemplars])
            nearness = vectors @ (weights @ vectors)
            exemplars = [e for i, e in enumerate(exemplars) if i != int(nearness.argmin())]
        return exemplars
