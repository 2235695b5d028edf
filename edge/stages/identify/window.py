"""What is compared when visits are put together into people."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import IdentifySpec
from edge.stages.identify.strand import Strand
from edge.stores import Exemplar

__all__ = ["Features", "Item", "exemplar_of", "items_of", "possible_pairs"]

Features = Mapping[int, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A visit in the window, or a remembered one.

    strands: the visit's strands; empty for a remembered one.
    group: the identity it is bound to, 0 when free.
    feature: float64 (d,), unit length, in the corrected space; zero when nothing was embedded.
    start_s, end_s, head, tail, height_px: as in :class:`Exemplar`.
    """

    camera: str
    strands: tuple[Strand, ...]
    group: int
    feature: NDArray[np.float64]
    start_s: float
    end_s: float
    head: tuple[float, float]
    tail: tuple[float, float]
    height_px: float


def weight_of(visit: Sequence[Strand]) -> float:
    """Sum of the qualities of a visit's embeddings."""
    return sum(strand.weight for strand in visit)


def items_of(
    visits: Mapping[str, Sequence[Sequence[Strand]]],
    features: Features,
    recalled: Sequence[tuple[int, Sequence[Exemplar]]],
    remembered: Features,
    spec: IdentifySpec,
) -> list[Item]:
    """Everything that can be compared: visits, then the remembered ones.

    A visit needs enough evidence, or boxes that are written already: then it is bound to an identity,
    and stands in the way of others who were there at the same time, whatever is known of its looks.

    Args:
        visits: by camera.
        features: by strand number.
        recalled: remembered people and their visits.
        remembered: features of those visits, numbered in their order.
        spec: how much evidence is enough.
    """
    items = []
    size = len(next(itertools.chain(features.values(), remembered.values()), ()))
    for camera, stays in visits.items():
        for visit in stays:
            bound = [s.identity for s in visit if s.pinned and s.identity]
            looks = [s for s in visit if s.number in features]
            if not bound and (not looks or weight_of(visit) < spec.weight_min):
                continue
            total = np.zeros(size)
            for strand in looks:
                total += features[strand.number] * min(strand.weight, spec.weight_cap)
            items.append(
                Item(
                    camera=camera,
                    strands=tuple(visit),
                    group=min(bound, default=0),
                    feature=total / max(float(np.linalg.norm(total)), 1e-12),
                    start_s=visit[0].start_s,
                    end_s=visit[-1].end_s,
                    head=visit[0].head,
                    tail=visit[-1].tail,
                    height_px=visit[-1].height_px,
                )
            )
    number = 0
    for identity, exemplars in recalled:
        for e in exemplars:
            feature = remembered[number]
            items.append(
                Item(e.camera, (), identity, feature, e.start_s, e.end_s, e.head, e.tail, e.height_px)
            )
            number += 1
    return items


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
    )


def possible_pairs(
    items: Sequence[Item], speed_max: float, strangers: Mapping[int, AbstractSet[int]]
) -> NDArray[np.bool_]:
    """Which pairs can be one person: not in one camera at one time, nor faster than anybody runs.

    Args:
        items: n visits.
        speed_max: body heights per second.
        strangers: identity -> those known to be others, from visits that may not be among the items.

    Returns:
        bool (n, n), symmetric, True on the diagonal.
    """
    if not items:
        return np.ones((0, 0), dtype=bool)
    cameras = np.array([item.camera for item in items])
    start = np.array([item.start_s for item in items])
    end = np.array([item.end_s for item in items])
    head = np.array([item.head for item in items])
    tail = np.array([item.tail for item in items])
    height = np.array([item.height_px for item in items])
    gap = start[None, :] - end[:, None]
    apart = np.hypot(*(tail[:, None, k] - head[None, :, k] for k in (0, 1)))
    reach = (speed_max * np.maximum(gap, 0.0) + 1.0) * (height[:, None] + height[None, :]) / 2.0
    follows = (gap > 0) & (apart <= reach)
    possible = follows | follows.T | (cameras[:, None] != cameras[None, :])
    possible &= ~_parted([item.group for item in items], strangers)
    np.fill_diagonal(possible, True)
    return np.asarray(possible)


def _parted(groups: Sequence[int], strangers: Mapping[int, AbstractSet[int]]) -> NDArray[np.bool_]:
    """Pairs of items that are bound to identities known to be two people."""
    place = {group: number for number, group in enumerate(sorted(set(groups)))}
    table = np.zeros((len(place), len(place)), dtype=bool)
    for group, row in place.items():
        table[row, [place[other] for other in strangers.get(group, ()) if other in place]] = True
    rows = [place[group] for group in groups]
    return np.asarray(table[np.ix_(rows, rows)])
