"""Carry identity numbers over from one clustering to the next, and say what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Naming", "carry_over"]


@dataclass(slots=True, eq=False)
class Naming:
    """What the clusters are called now.

    names: the identity of each cluster, in their order.
    fresh: identities that did not exist before.
    merged: old identity -> the one that took it over; all its past goes with it.
    split: new identity -> the one it was part of.
    """

    names: list[int] = field(default_factory=list)
    fresh: set[int] = field(default_factory=set)
    merged: dict[int, int] = field(default_factory=dict)
    split: dict[int, int] = field(default_factory=dict)


def carry_over(
    settled: Sequence[frozenset[int]],
    members: Sequence[Mapping[int, int]],
    next_identity: Callable[[], int],
    unwritten: AbstractSet[int],
) -> Naming:
    """Name the clusters so that as little as possible changes.

    A cluster with settled identities keeps the oldest of them, since what is written is not
    rewritten; the others are merged into it. The other clusters take over the present identities
    by the largest total number of boxes that keep theirs (an assignment problem); what is left
    gets new numbers.

    Args:
        settled: for each cluster, identities with boxes already written or visits remembered. No
            identity may be in two clusters.
        members: for each cluster, identity -> number of its boxes that bear it now (0 left out).
        next_identity: gives a new number.
        unwritten: identities no box was written with yet; when nobody bears one any more it is merged.
            A written one stays behind, for its past is not what moved.
    """
    naming = Naming(names=[0] * len(settled))
    taken: set[int] = set()
    for index, olds in enumerate(settled):
        if olds:
            keep = min(olds)
            naming.names[index] = keep
            naming.merged.update({old: keep for old in olds if old != keep})
            taken |= olds
    open_clusters = [i for i, olds in enumerate(settled) if not olds]
    _assign(open_clusters, members, taken, naming)
    for index in open_clusters:
        if naming.names[index] == 0:
            naming.names[index] = next_identity()
            naming.fresh.add(naming.names[index])
    _explain(members, naming, unwritten)
    return naming


def _assign(
    clusters: Sequence[int], members: Sequence[Mapping[int, int]], taken: set[int], naming: Naming
) -> None:
    claims: dict[int, list[int]] = {}
    for index in clusters:
        for old in members[index]:
            if old not in taken:
                claims.setdefault(old, []).append(index)
    contested = []
    for index in clusters:
        wanted = [old for old in members[index] if old not in taken]
        if len(wanted) == 1 and claims[wanted[0]] == [index]:
            naming.names[index] = wanted[0]  # nobody else wants it, and it wants no other
        elif wanted:
            contested.append(index)
    if contested:
        _contest(contested, members, taken, naming)


def _contest(
    clusters: Sequence[int], members: Sequence[Mapping[int, int]], taken: set[int], naming: Naming
) -> None:
    """Names that several clusters want, or clusters that want several: the best assignment."""
    from scipy.optimize import linear_sum_assignment

    olds = sorted({old for i in clusters for old in members[i]} - taken)
    boxes = np.zeros((len(clusters), len(olds)))
    column_of = {old: column for column, old in enumerate(olds)}
    for row, index in enumerate(clusters):
        for old, count in members[index].items():
            if old in column_of:
                boxes[row, column_of[old]] = count
    # Of two equal claims the older identity lives on.
    preference = boxes + np.where(boxes > 0, np.linspace(0.5, 0.0, len(olds)), 0.0)
    for row, column in zip(*linear_sum_assignment(-preference), strict=True):
        if boxes[row, column] > 0:
            naming.names[clusters[row]] = olds[column]


def _explain(members: Sequence[Mapping[int, int]], naming: Naming, unwritten: AbstractSet[int]) -> None:
    """Tell merges (an identity ended) and splits (a new one was part of an old one)."""
    ended = unwritten - set(naming.names) - set(naming.merged)
    for index, olds in enumerate(members):
        name = naming.names[index]
        for old in olds:
            if old in ended and old not in naming.merged:
                heirs = Counter({naming.names[i]: m[old] for i, m in enumerate(members) if old in m})
                naming.merged[old] = max(heirs, key=lambda heir: (heirs[heir], -heir))
        if name in naming.fresh and olds:
            naming.split[name] = max(olds, key=lambda old: (olds[old], -old))
