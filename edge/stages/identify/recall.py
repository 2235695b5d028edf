"""What the crowd is told of people who have left: the visits that the gallery remembers."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from itertools import chain

import numpy as np

from edge.stages.identify.comparer import Comparer
from edge.stages.identify.crowd import Crowd
from edge.stages.identify.prototypes import Prototypes
from edge.stages.identify.window import remembered_item
from edge.stores import Exemplar, Gallery

__all__ = ["Recall"]


class Recall:
    """Keeps the crowd's remembered visits those of the gallery.

    Args:
        gallery: who is remembered.
        crowd: is told.
        refiner: makes features comparable.
        prototypes: generated views, which change how a remembered visit looks.
    """

    def __init__(self, gallery: Gallery, crowd: Crowd, refiner: Comparer, prototypes: Prototypes) -> None:
        self._gallery = gallery
        self._crowd = crowd
        self._refiner = refiner
        self._prototypes = prototypes
        self._told: dict[int, list[Exemplar]] = {}
        self._turning: dict[Exemplar, int] = {}

    def start_over(self) -> None:
        """The crowd knows nobody any more; the next :meth:`bring_up` tells it everything."""
        self._told.clear()

    def turn(self, exemplar: Exemplar, visit: int) -> None:
        """A visit the crowd knows by a number has ended, and is remembered from now on."""
        self._turning[exemplar] = visit

    def bring_up(self, drawn: AbstractSet[int]) -> None:
        """Tell the crowd what the gallery has remembered and forgotten since the last time.

        Args:
            drawn: people whose prototype is another one now.
        """
        changed = sorted({*self._gallery.take_changes(), *drawn})
        if not self._told:
            changed = self._gallery.identities
        held = {identity: self._told.pop(identity, []) for identity in changed}
        stay = {exemplar for identity in changed for exemplar in self._gallery.of(identity)}
        for exemplar in chain.from_iterable(held.values()):
            if exemplar not in stay:
                self._crowd.drop(exemplar)
        for identity in changed:
            kept = self._gallery.of(identity)
            self._tell(identity, [one for one in kept if one not in held[identity] or identity in drawn])
            if kept:
                self._told[identity] = kept
        for key in self._turning.values():  # forgotten again at once
            self._crowd.discard(key)
        self._turning.clear()

    def _tell(self, identity: int, exemplars: list[Exemplar]) -> None:
        if not exemplars:
            return
        rows = self._refiner.features(np.stack([e.vector for e in exemplars]), [e.camera for e in exemplars])
        rows = self._prototypes.fuse(rows, [identity] * len(exemplars))
        for exemplar, row in zip(exemplars, rows, strict=True):
            item = remembered_item(identity, exemplar, row)
            self._crowd.turn(self._turning.pop(exemplar, exemplar), item)
