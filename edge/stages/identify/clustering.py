"""One round of putting visits together into people, and how sure it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import IdentifySpec
from edge.records import Tracklet
from edge.stages.identify.people import cluster
from edge.stages.identify.recall import recall
from edge.stages.identify.strand import Strand
from edge.stages.identify.window import Features, Item, items_of, possible_pairs
from edge.stores import Gallery

__all__ = ["Clustering", "Comparer", "compare"]

SLOPE = 12.0
SUREST = 0.99


class Comparer(Protocol):
    """What the refine stage offers: :class:`edge.stages.refine.Refiner`."""

    def learn(self, tracklet: Tracklet) -> None:
        """Take in a closed tracklet."""
        ...

    def count_people(self, camera: str, people: int) -> None:
        """Say how many people a camera has seen."""
        ...

    def features(self, vectors: NDArray[np.float32], cameras: Sequence[str]) -> NDArray[np.float64]:
        """Embeddings in the corrected space: float64 (n, d), unit length."""
        ...

    def similarity(
        self, features: NDArray[np.float64], cameras: Sequence[str], possible: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Similarity of all pairs: float64 (n, n)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """Who belongs together.

    items: the visits compared, remembered ones last.
    labels: int (n,), cluster of each item; the index of its first item.
    firsts: the labels there are, ascending; clusters are numbered in this order.
    similarity: float64 (n, n).
    possible: bool (n, n).
    similarity_min: the threshold used.
    """

    items: list[Item]
    labels: NDArray[np.intp]
    firsts: list[int]
    similarity: NDArray[np.float64]
    possible: NDArray[np.bool_]
    similarity_min: float

    def members_of(self, index: int) -> list[int]:
        """Indices of the items of a cluster."""
        return [int(i) for i in np.flatnonzero(self.labels == self.firsts[index])]

    @property
    def settled(self) -> list[frozenset[int]]:
        """For each cluster, the identities that are bound to it."""
        return [
            frozenset(self.items[i].group for i in self.members_of(c)) - {0} for c in range(len(self.firsts))
        ]

    @property
    def members(self) -> list[Mapping[int, int]]:
        """For each cluster, identity -> boxes of its strands that bear it now."""
        counts: list[Mapping[int, int]] = []
        for index in range(len(self.firsts)):
            boxes: Counter[int] = Counter()
            for item in self.members_of(index):
                for strand in self.items[item].strands:
                    if strand.identity:
                        boxes[strand.identity] += strand.boxes
            counts.append(boxes)
        return counts

    def confidence(self, item: int, *, is_new: bool) -> tuple[float, dict[str, float | int | str]]:
        """Estimated probability that an item is where it belongs, and what it rests on.

        The probability is a logistic function of the distance from the threshold; it is not yet
        calibrated against outcomes.
        """
        own, rival = math.nan, math.nan
        for first in self.firsts:
            others = np.flatnonzero(self.labels == first)
            others = others[others != item]
            if len(others) == 0:
                continue
            mean = float(self.similarity[item, others].mean())
            if first == self.labels[item]:
                own = mean
            elif self.possible[item, others].all() and not rival >= mean:
                rival = mean
        evidence: dict[str, float | int | str] = {
            "similarity": round(own, 4),
            "runner_up": round(rival, 4),
            "visits": int((self.labels == self.labels[item]).sum()),
        }
        if is_new or math.isnan(own):
            against = -1.0 if math.isnan(rival) else rival
            return round(1.0 - _logistic(against - self.similarity_min), 4), evidence
        return round(_logistic(own - self.similarity_min), 4), evidence


def compare(
    visits: Mapping[str, Sequence[Sequence[Strand]]],
    features: Features,
    gallery: Gallery,
    comparer: Comparer,
    spec: IdentifySpec,
) -> Clustering:
    """Cluster the visits of all cameras together with the remembered ones.

    Args:
        visits: by camera.
        features: of the strands, by number.
        gallery: the remembered visits.
        comparer: corrects, centralizes and compares features.
        spec: thresholds.
    """
    recalled = recall(visits, gallery, spec.recall_max)
    exemplars = [e for _, kept in recalled for e in kept]
    remembered: dict[int, NDArray[np.float64]] = {}
    if exemplars:
        rows = comparer.features(np.stack([e.vector for e in exemplars]), [e.camera for e in exemplars])
        remembered = dict(enumerate(rows))
    items = items_of(visits, features, recalled, remembered, spec)
    possible = possible_pairs(items, spec.motion.speed_max, gallery.apart)
    if items:
        similarity = _similarity(items, possible, comparer)
    else:
        similarity = np.zeros((0, 0))
    labels = cluster(similarity, possible, [item.group for item in items], spec.similarity_min)
    firsts = sorted({int(label) for label in labels})
    return Clustering(items, labels, firsts, similarity, possible, spec.similarity_min)


def _similarity(
    items: Sequence[Item], possible: NDArray[np.bool_], comparer: Comparer
) -> NDArray[np.float64]:
    """Similarity of all pairs; who was never embedded is as similar as the identity it is bound to."""
    rows = np.stack([item.feature for item in items])
    seen = np.flatnonzero(np.linalg.norm(rows, axis=1) > 0)
    similarity = np.zeros((len(items), len(items)))
    if len(seen):
        cameras = [items[index].camera for index in seen.tolist()]
        pairs = np.ix_(seen, seen)
        similarity[pairs] = comparer.similarity(rows[seen], cameras, possible[pairs])
    groups = np.array([item.group for item in items])
    for index in np.setdiff1d(np.arange(len(items)), seen):
        mates = similarity[seen[groups[seen] == groups[index]]]
        similarity[index] = similarity[:, index] = mates.mean(axis=0) if len(mates) else 0.0
    return similarity


def _logistic(margin: float) -> float:
    return min(max(1.0 / (1.0 + math.exp(-SLOPE * margin)), 1.0 - SUREST), SUREST)
