"""What is compared when visits are put together into people."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import IdentifySpec
from edge.stages.identify.strand import Strand
from edge.stores import Exemplar

__all__ = [
    "Item",
    "Path",
    "Visit",
    "exemplar_of",
    "may_be_one",
    "one_person",
    "remembered_item",
    "visit_item",
]

Visit = Sequence[Strand]
Path = Mapping[int, tuple[float, float]]
Features = Mapping[int, NDArray[np.float64]]
Strangers = Mapping[int, AbstractSet[int]]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A visit in the window, or a remembered one.

    key: its name: the number of the visit's first strand, or the :class:`Exemplar`.
    strands: the visit's strands; empty for a remembered one.
    group: the identity it is bound to, 0 when free.
    feature: float64 (d,), unit length, in the corrected space; None when nothing was embedded.
    start_s, end_s, head, tail, height_px: as in :class:`Exemplar`.
    path: where on the ground it was: number of the time slot -> metres; empty when that is not known.
    epoch: as in :class:`Exemplar`.
    """

    key: Hashable
    camera: str
    strands: tuple[Strand, ...]
    group: int
    feature: NDArray[np.float64] | None
    start_s: float
    end_s: float
    head: tuple[float, float]
    tail: tuple[float, float]
    height_px: float
    path: Path = field(default_factory=dict)
    epoch: int = 0


def weight_of(visit: Sequence[Strand]) -> float:
    """Sum of the qualities of a visit's embeddings."""
    return sum(strand.weight for strand in visit)


def bound_to(visit: Visit) -> int:
    """The identity that boxes of a visit are written with; 0 while there is none."""
    return min((s.identity for s in visit if s.pinned and s.identity), default=0)


def visit_item(
    visit: Visit, features: Features, spec: IdentifySpec, paths: Mapping[int, Path] | None = None
) -> Item | None:
    """A visit as something that can be compared.

    It needs enough evidence, or boxes that are written already: then it is bound to an identity,
    and stands in the way of others who were there at the same time, whatever is known of its looks.

    Args:
        visit: its strands.
        features: by strand number.
        spec: how much evidence is enough.
        paths: by strand number, where known.

    Returns:
        None when there is too little.
    """
    group = bound_to(visit)
    looks = [(features[s.number], min(s.weight, spec.weight_cap)) for s in visit if s.number in features]
    if not group and (not looks or weight_of(visit) < spec.weight_min):
        return None
    feature = None
    if looks:
        total = np.sum([row * weight for row, weight in looks], axis=0)
        length = float(np.linalg.norm(total))
        feature = total / length if length > 1e-9 else looks[0][0]
    return Item(
        key=visit[0].number,
        camera=visit[0].camera,
        strands=tuple(visit),
        group=group,
        feature=feature,
        start_s=visit[0].start_s,
        end_s=visit[-1].end_s,
        head=visit[0].head,
        tail=visit[-1].tail,
        height_px=visit[-1].height_px,
        path={slot: place for s in visit for slot, place in (paths or {}).get(s.number, {}).items()},
    )


def remembered_item(identity: int, exemplar: Exemplar, feature: NDArray[np.float64]) -> Item:
    """A remembered visit as something that can be compared; ``feature`` is its corrected vector."""
    e = exemplar
    return Item(
        e, e.camera, (), identity, feature, e.start_s, e.end_s, e.head, e.tail, e.height_px, epoch=e.epoch
    )


def exemplar_of(visit: Sequence[Strand], spec: IdentifySpec) -> Exemplar | None:
    """A visit as it is remembered; None when nothing was embedded."""
    parts = [(s.vector, min(s.weight, spec.weight_cap)) for s in visit]
    known = [vector.astype(np.float64) * weight for vector, weight in parts if vector is not None]
    if not known:
        return None
    total = np.sum(known, axis=0)
    return Exemplar(
        camera=visit[0].camera,
        vector=(total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32),
        weight=weight_of(visit),
        start_s=visit[0].start_s,
        end_s=visit[-1].end_s,
        head=visit[0].head,
        tail=visit[-1].tail,
        height_px=visit[-1].height_px,
        track=visit[-1].track,
        tracklet=visit[-1].pieces[-1],
        strand=visit[-1].number,
    )


def may_be_one(one: Item, other: Item, speed_max: float) -> bool:
    """Whether two visits can be one person's, as far as time and place say: nothing, of two epochs."""
    if one.camera != other.camera or one.epoch != other.epoch:
        return True
    first, then = (one, other) if one.end_s < other.start_s else (other, one)
    gap_s = then.start_s - first.end_s
    if gap_s <= 0.0:
        return False
    apart = math.hypot(first.tail[0] - then.head[0], first.tail[1] - then.head[1])
    return apart <= (speed_max * gap_s + 1.0) * (first.height_px + then.height_px) / 2.0


def one_person(some: Iterable[Item], others: Sequence[Item], speed_max: float, strangers: Strangers) -> bool:
    """Whether two sets of visits can be one person's.

    They cannot when two of them were in one camera at one time, or too far apart for anybody to run, or
    when they are bound to identities known to be two people, from visits that may be forgotten.

    Args:
        some: visits.
        others: visits.
        speed_max: body heights per second.
        strangers: identity -> those known to be others.
    """
    for one in some:
        apart = strangers.get(one.group, ()) if one.group else ()
        for other in others:
            if other.group in apart or not may_be_one(one, other, speed_max):
                return False
    return True
