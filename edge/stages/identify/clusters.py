"""Clusters of visits, the units they are made of, and where identities stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.stages.identify.network import Unit
from edge.stages.identify.strand import Strand
from edge.stages.identify.window import Item

__all__ = ["Cluster", "atoms_of", "homes_of", "unit_of"]

WRITTEN = 1_000_000  # times as much as a remembered visit


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Visits that are one person. An identity's remembered visits may be in several clusters."""

    items: tuple[Item, ...]

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units its visits belong to, in order."""
        return tuple(sorted({unit_of(item) for item in self.items}))

    @property
    def members(self) -> Mapping[int, int]:
        """Identity -> boxes of its strands that bear it now."""
        boxes: Counter[int] = Counter()
        for strand in self.strands:
            if strand.identity:
                boxes[strand.identity] += strand.boxes
        return boxes

    @property
    def strands(self) -> list[Strand]:
        """All strands of its visits."""
        return [strand for item in self.items for strand in item.strands]


def unit_of(item: Item) -> Unit:
    """The unit a visit belongs to."""
    if item.group:
        return "person", item.group
    if not isinstance(item.key, int):
        raise TypeError(f"a free visit is named by its first strand's number, got {item.key!r}")
    return "visit", item.key


def atoms_of(items: Sequence[Item]) -> list[list[Item]]:
    """What of a unit must stay together: visits that are being written; each remembered one is by itself.

    When nothing is known of the looks of what is being written, everything stays together.
    """
    written = [item for item in items if item.strands]
    if written and all(item.feature is None for item in written):
        return [list(items)]
    return [*([written] if written else []), *([item] for item in items if not item.strands)]


def homes_of(clusters: Sequence[Cluster]) -> dict[int, int]:
    """Where each bound identity stays: with what is being written of it, else with most of its visits."""
    counts: dict[int, Counter[int]] = {}
    for number, one in enumerate(clusters):
        for item in one.items:
            if item.group:
                counts.setdefault(item.group, Counter())[number] += WRITTEN if item.strands else 1
    return {
        identity: max(found, key=lambda number: (found[number], -number))
        for identity, found in counts.items()
    }
