"""Generated views of people in matching: who is to be drawn, and what was drawn joins the real visits.

A visit is pulled towards what was drawn of it, and one that is bound to an identity, in the window or
remembered, towards what was drawn of that identity: ``normalize(f + eta * sum_m g_m)`` (Pose2ID, section
3.2). It is done in the corrected space, where each camera's mean is removed, and the generator's as if it
were a camera; so what generated pictures have in common, and photographs lack, counts for nothing. While few
people were drawn that mean is hardly known, and pictures count for less. Other visits stay as they were seen.

Nothing here waits: prototypes are taken in when they come, and the newest that came is used.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.centralize import fuse_generated
from edge.config.ipg import IpgSpec
from edge.records import Arrivals, Crop, Decision, IpgJob, Prototype
from edge.stages.identify.clusters import Cluster
from edge.stages.identify.comparer import Comparer
from edge.stages.identify.strand import Strand
from edge.stages.identify.worth import Facts, doubt_of, view_of, worth
from edge.stores import Exemplar

__all__ = ["Asker", "Prototypes", "further_crops", "reference_strand"]

FURTHER_MIN = 0.5  # of the best crop's quality, for another one to be drawn from as well
AGAIN_NS = 30_000_000_000  # a job that came to nothing may be asked for again after so long


class Asker(Protocol):
    """Who draws people, in the background; see :class:`edge.ipg.supervisor.Supervisor`. Never waits."""

    def ask(self, job: IpgJob) -> None:
        """Ask for a person to be drawn."""
        ...

    def rename(self, old: int, new: int) -> None:
        """What was drawn of ``old`` shows ``new``."""
        ...


@dataclass(slots=True, eq=False)
class _Kept:
    """A prototype, and the strand its reference shows, as long as that is known."""

    prototype: Prototype
    strand: Strand | None
    pull: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """When somebody was asked for, how good the reference was, and how many crops there were."""

    quality: float
    at_ns: int
    crops: int


class Prototypes:
    """The newest prototype of everybody. One thread calls it.

    Args:
        comparer: maps embeddings into the corrected space.
        asker: who draws; None: nobody is asked for.
        spec: who is worth drawing.
    """

    def __init__(self, comparer: Comparer, asker: Asker | None = None, spec: IpgSpec | None = None) -> None:
        self._comparer = comparer
        self._asker = asker
        self._spec = spec or IpgSpec()
        self._of: dict[int, _Kept] = {}
        self._own: dict[int, _Kept] = {}  # by the strand that the reference shows
        self._nobodys: list[_Kept] = []
        self._asked: dict[int, _Asked] = {}
        self._doubt: dict[int, float] = {}
        self._changed: set[int] = set()
        self.model = ""

    def __contains__(self, identity: object) -> bool:
        return identity in self._of

    def take(self, arrivals: Arrivals, strands: Mapping[int, Strand | None]) -> None:
        """Take in what is new.

        Args:
            arrivals: from the store.
            strands: place among the prototypes -> the strand that its reference shows, where it is known.
        """
        for identity in arrivals.gone:
            if self._of.pop(identity, None) is not None:
                self._changed.add(identity)
        for place, prototype in enumerate(arrivals.prototypes):
            if (self.model and prototype.model != self.model) or not _is_sound(prototype):
                continue
            self._comparer.learn_generated(prototype.generated)
            kept = _Kept(prototype, strands.get(place))
            if kept.strand is not None:
                self._own[kept.strand.number] = kept
            owner = kept.strand.identity if kept.strand is not None else prototype.identity
            if owner:
                self._of[owner] = kept
                self._changed.add(owner)
            elif kept.strand is not None:
                self._nobodys.append(kept)

    def changed(self) -> set[int]:
        """Identities whose prototype is another one than when this was last asked."""
        changed, self._changed = self._changed, set()
        return changed

    def forget_space(self) -> None:
        """Features come out different from now on."""
        for kept in (*self._of.values(), *self._own.values(), *self._nobodys):
            kept.pull = None

    def forget(self, strand: int) -> None:
        """A strand has left the window."""
        self._own.pop(strand, None)

    def fuse_looks(self, rows: NDArray[np.float64], strands: Sequence[Strand]) -> NDArray[np.float64]:
        """The same as :meth:`fuse` for strands in the window, each with what was drawn of it, if anything."""
        found = [
            self._own.get(one.number) or (self._of.get(one.identity) if one.pinned else None)
            for one in strands
        ]
        return self._pulled(rows, found)

    def fuse(self, rows: NDArray[np.float64], identities: Sequence[int]) -> NDArray[np.float64]:
        """Pull the features of visits towards what was generated of their people.

        Args:
            rows: float64 (n, d), unit length, in the corrected space.
            identities: whom each visit is bound to; 0: nobody.

        Returns:
            float64 (n, d), unit length; ``rows`` itself where there is nothing to fuse.
        """
        return self._pulled(rows, [self._of.get(who) for who in identities])

    def evidence(self, identity: int) -> dict[str, float | int | str]:
        """What an event says of the prototype that a decision rests on: its version."""
        kept = self._of.get(identity)
        return {"prototype": kept.prototype.version} if kept is not None and kept.prototype.poses else {}

    def merge(self, identity: int, other: int) -> None:
        """``other`` turned out to be ``identity``: the prototype of the better reference stays."""
        self._hand_over(other, identity)
        asked = self._asked.pop(other, None)
        if asked is not None:
            self._asked.setdefault(identity, asked)

    def follow(self, present: AbstractSet[int]) -> None:
        """Let prototypes go to whom their references show now, and forget those of people who are gone.

        Args:
            present: identities that somebody in the window bears, or that are remembered.
        """
        for kept in [kept for kept in self._nobodys if kept.strand is not None and kept.strand.identity]:
            self._nobodys.remove(kept)
            if kept.strand is not None and kept.strand.identity not in self._of:
                self._of[kept.strand.identity] = kept
                self._changed.add(kept.strand.identity)
        for identity, kept in list(self._of.items()):
            if kept.strand is not None and kept.strand.identity not in (0, identity):
                new = kept.strand.identity
                self._hand_over(identity, new)
                if self._asker is not None:
                    self._asker.rename(identity, new)
        for identity in [one for one in self._of if one not in present]:
            del self._of[identity]
        for store in (self._asked, self._doubt):
            for identity in [one for one in store if one not in present]:
                del store[identity]

    def ask(
        self, clusters: Sequence[Cluster], names: Sequence[int], decisions: Sequence[Decision], now_ns: int
    ) -> None:
        """Ask for those whose further views are worth having.

        Args:
            clusters: that may have changed.
            names: whose they are.
            decisions: made about them just now.
            now_ns: event time.
        """
        if self._asker is None:
            return
        for decision in decisions:
            if decision.identity:
                said = decision.evidence
                likeness = [_number(said.get(key)) for key in ("similarity", "runner_up")]
                self._doubt[decision.identity] = doubt_of(decision.probability, *likeness)
        for cluster, name in zip(clusters, names, strict=True):
            job = self._job(cluster, name, now_ns)
            if job is not None:
                self._asked[name] = _Asked(job.reference.quality, now_ns, 1 + len(job.further))
                self._asker.ask(job)

    def _job(self, cluster: Cluster, name: int, now_ns: int) -> IpgJob | None:
        crops = [strand.crop for strand in cluster.strands if strand.crop is not None]
        if not crops or not self.model:
            return None
        best = max(crops, key=lambda crop: crop.quality)
        others = [s.crop for s in cluster.strands if s.crop is not None and s.identity in (0, name)]
        further = further_crops(best, others, self._spec.references - 1)
        if not self._is_wanted(name, best.quality, 1 + len(further), now_ns):
            return None
        facts = Facts(
            quality=best.quality,
            doubt=self._doubt.get(name, 0.0),
            views=min(len({view_of(strand) for strand in cluster.strands}), 4),
            cameras=len({item.camera for item in cluster.items}),
        )
        value = worth(facts)
        real = _real_part(cluster)
        if value < self._spec.value_min or real is None:
            return None
        return IpgJob(name, best, real, self.model, value, now_ns, further)

    def _is_wanted(self, identity: int, quality: float, crops: int, now_ns: int) -> bool:
        """Whether somebody was not drawn yet, or from a clearly worse crop, or from half as many."""
        asked, kept = self._asked.get(identity), self._of.get(identity)
        known = max(
            asked.quality if asked is not None else 0.0,
            kept.prototype.reference.quality if kept is not None else 0.0,
        )
        if quality >= known * self._spec.better_factor:
            return True
        if asked is not None and crops >= 2 * asked.crops:
            return True
        return kept is None and (asked is None or now_ns - asked.at_ns >= AGAIN_NS)

    def _pulled(self, rows: NDArray[np.float64], of: Sequence[_Kept | None]) -> NDArray[np.float64]:
        pulls = [(place, self._pull(kept)) for place, kept in enumerate(of) if kept is not None]
        found = [(place, pull) for place, pull in pulls if pull is not None and pull.shape == rows.shape[1:]]
        if not found:
            return rows
        places = [place for place, _ in found]
        fused = rows.copy()
        fused[places] = fuse_generated(rows[places], np.stack([pull for _, pull in found])[:, None, :])
        return fused

    def _pull(self, kept: _Kept) -> NDArray[np.float64] | None:
        """``eta * sum_m g_m`` in the corrected space: float64 (d,); None where there are no pictures."""
        if kept.pull is None and len(kept.prototype.generated):
            rows = self._comparer.generated(kept.prototype.generated)
            kept.pull = kept.prototype.eta * rows.sum(axis=0)
        return kept.pull

    def _hand_over(self, giver: int, heir: int) -> None:
        given, held = self._of.pop(giver, None), self._of.get(heir)
        if given is None:
            return
        self._changed.add(giver)
        if held is None or held.prototype.reference.quality < given.prototype.reference.quality:
            self._of[heir] = given
            self._changed.add(heir)


def reference_strand(prototype: Prototype, visits: Sequence[Sequence[Strand]]) -> Strand | None:
    """The strand that a prototype's reference was cut out of.

    Args:
        prototype: whose reference is meant.
        visits: of its camera, in the window.
    """
    crop = prototype.reference
    at_s = crop.captured_at_ns / 1e9
    for visit in visits:
        for strand in visit:
            if strand.track == crop.track and strand.start_s - 0.01 <= at_s <= strand.end_s + 0.01:
                return strand
    return None


def further_crops(best: Crop, crops: Sequence[Crop], most: int) -> tuple[Crop, ...]:
    """Other crops that tell more of a person: of cameras that are not there yet first, then by quality.

    Args:
        best: the reference.
        crops: of the same person; those much worse than the best are left out, and so is the best itself.
        most: how many at most.
    """
    left = [one for one in crops if one is not best and one.quality >= FURTHER_MIN * best.quality]
    seen = Counter([best.camera])
    chosen: list[Crop] = []
    while left and len(chosen) < most:
        one = min(left, key=lambda crop: (seen[crop.camera], -crop.quality))
        left.remove(one)
        seen[one.camera] += 1
        chosen.append(one)
    return tuple(chosen)


def _is_sound(prototype: Prototype) -> bool:
    """Whether its vectors can be used; what came from another process may not bring this one down."""
    vectors = prototype.generated
    return vectors.ndim == 2 and vectors.shape[1] == len(prototype.real) and bool(np.isfinite(vectors).all())


def _real_part(cluster: Cluster) -> NDArray[np.float32] | None:
    """float32 (d,), unit length: the quality-weighted mean of a person's visits as they were embedded."""
    parts = [(s.vector, s.weight) for s in cluster.strands]
    parts += [(item.key.vector, item.key.weight) for item in cluster.items if isinstance(item.key, Exemplar)]
    known = [vector.astype(np.float64) * weight for vector, weight in parts if vector is not None]
    if not known:
        return None
    total = np.sum(known, axis=0)
    length = float(np.linalg.norm(total))
    return (total / length).astype(np.float32) if length > 1e-9 else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
