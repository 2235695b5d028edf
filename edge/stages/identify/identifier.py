"""The identify stage: tracklets in, decisions and settled boxes out.

Every ``decide_s`` of event time three things happen: crossings and gaps of each camera are looked
at again (:mod:`.visits`), visits of all cameras are put together into people (:mod:`.people`), and
the people keep their numbers as far as possible (:mod:`.naming`). A decision may be revised for
``revise_s``; then the boxes are written, and the visit is remembered in the gallery.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import IdentifySpec
from edge.records import Decision, Settled, Tracklet
from edge.stages.identify.clustering import Clustering, Comparer, compare
from edge.stages.identify.evidence import observation
from edge.stages.identify.ledger import Ledger
from edge.stages.identify.naming import Naming, carry_over
from edge.stages.identify.strand import Strand
from edge.stages.identify.visits import Look, improve
from edge.stages.identify.window import exemplar_of, weight_of
from edge.stores import Gallery

__all__ = ["Identifier", "Outcome"]

Visit = list[Strand]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of one call: decisions in order, and boxes that are settled."""

    decisions: tuple[Decision, ...] = ()
    settled: tuple[Settled, ...] = ()


NOTHING = Outcome()


class Identifier:
    """Decides who is who. One thread calls it; nothing in it grows with the length of the run.

    Args:
        spec: numbers of the decisions.
        refiner: makes features comparable and centralizes them.
        cameras: names of all cameras.
    """

    def __init__(self, spec: IdentifySpec, refiner: Comparer, cameras: Sequence[str]) -> None:
        self._spec = spec
        self._refiner = refiner
        self._visits: dict[str, list[Visit]] = {camera: [] for camera in cameras}
        self._ledgers = {camera: Ledger(camera, fill_s=spec.fill_s) for camera in cameras}
        self._gallery = Gallery(people_max=spec.people_max, exemplars_max=spec.exemplars_max)
        self._strands: dict[tuple[str, int], tuple[Strand, int]] = {}
        self._dirty: set[str] = set()
        self._closed: list[tuple[Strand, Tracklet]] = []
        self._strand_count = 0
        self._identity_count = 0
        self._ended_count = 0
        self._unwritten: set[int] = set()
        self._next_decide_ns: int | None = None

    @property
    def people(self) -> int:
        """Identities so far; merged ones count once, withdrawn ones not at all."""
        return self._identity_count - self._ended_count

    @property
    def unknown(self) -> int:
        """Visits in the window that have no identity yet."""
        return sum(1 for stays in self._visits.values() for visit in stays if not visit[-1].identity)

    @property
    def left_out(self) -> int:
        """Boxes that were not written because nobody could be named for them."""
        return sum(ledger.left_out for ledger in self._ledgers.values())

    def identity_of(self, camera: str, track: int) -> int:
        """Present belief about a track; 0 while unknown."""
        found = self._strands.get((camera, track))
        return found[0].identity if found else 0

    def add(self, tracklets: Sequence[Tracklet]) -> None:
        """Take in new, grown and closed tracklets."""
        for tracklet in tracklets:
            strand = self._strand_for(tracklet)
            self._dirty.add(tracklet.camera)
            if tracklet.closed:
                self._refiner.learn(tracklet)
                self._ledgers[tracklet.camera].add(strand, tracklet)
                self._closed.append((strand, tracklet))

    def advance(self, now_ns: int) -> Outcome:
        """Decide what is due.

        Args:
            now_ns: event time up to which everything was added.
        """
        if self._next_decide_ns is None:
            self._next_decide_ns = now_ns + int(self._spec.decide_s * 1e9)
        if now_ns < self._next_decide_ns:
            return NOTHING
        self._next_decide_ns = now_ns + int(self._spec.decide_s * 1e9)
        decisions = self._decide(now_ns) if self._dirty else []
        return self._settle(decisions, now_ns, now_ns - int(self._spec.revise_s * 1e9))

    def close(self) -> Outcome:
        """Decide for the last time, and settle everything."""
        ends = [int(v[-1].end_s * 1e9) for stays in self._visits.values() for v in stays]
        now_ns = max(ends, default=0)
        return self._settle(self._decide(now_ns), now_ns, np.iinfo(np.int64).max)

    def _strand_for(self, tracklet: Tracklet) -> Strand:
        key = (tracklet.camera, tracklet.track)
        strand, part = self._strands.get(key, (None, -1))
        goes_on = tracklet.part == part or (tracklet.joined and tracklet.part == part + 1)
        if strand is not None and goes_on:
            strand.extend(tracklet)
        else:
            self._strand_count += 1
            strand = Strand.begin(self._strand_count, tracklet)
            self._visits[tracklet.camera].append([strand])
        self._strands[key] = (strand, tracklet.part)
        return strand

    def _decide(self, now_ns: int) -> list[Decision]:
        features = self._features()
        recent_s = now_ns / 1e9 - self._spec.recent_s
        for camera in sorted(self._dirty):
            self._improve(camera, features, recent_s)
        self._dirty.clear()
        found = compare(self._visits, features, self._gallery, self._refiner, self._spec)
        naming = carry_over(found.settled, found.members, self._new_identity, self._unwritten)
        decisions = self._rename(found, naming, now_ns)
        self._count_people()
        decisions += [self._closed_tracklet(strand, tracklet) for strand, tracklet in self._closed]
        self._closed.clear()
        return decisions

    def _count_people(self) -> None:
        for camera, stays in self._visits.items():
            present = {s.identity for visit in stays for s in visit} - {0}
            self._refiner.count_people(camera, len(present | self._gallery.seen_by(camera)))

    def _features(self) -> dict[int, NDArray[np.float64]]:
        """Features of all strands in the window that have an embedding."""
        strands = [s for stays in self._visits.values() for visit in stays for s in visit]
        known = [(s, v) for s in strands if (v := s.vector) is not None]
        if not known:
            return {}
        rows = self._refiner.features(np.stack([v for _, v in known]), [s.camera for s, _ in known])
        return {s.number: row for (s, _), row in zip(known, rows, strict=True)}

    def _improve(self, camera: str, features: dict[int, NDArray[np.float64]], recent_s: float) -> None:
        near_s = recent_s - self._spec.motion.gap_max_s
        old = [visit for visit in self._visits[camera] if visit[-1].end_s < near_s]
        active = [visit for visit in self._visits[camera] if visit[-1].end_s >= near_s]
        size = len(next(iter(features.values()))) if features else 1
        nothing = Look(0.0, np.zeros(size))
        looks = {}
        for strand in (s for visit in active for s in visit):
            feature = features.get(strand.number)
            looks[strand.number] = (
                nothing
                if feature is None
                else Look(*observation(feature, strand.weight, self._spec.appearance))
            )
        better = improve(active, looks, self._spec.appearance, self._spec.motion, recent_s)
        self._visits[camera] = old + better

    def _new_identity(self) -> int:
        self._identity_count += 1
        self._unwritten.add(self._identity_count)
        return self._identity_count

    def _rename(self, found: Clustering, naming: Naming, now_ns: int) -> list[Decision]:
        """Give the strands the names of their clusters, and say what changed."""
        decisions = self._forget_weak(found, now_ns)
        ended: set[int] = set()
        for cluster, name in enumerate(naming.names):
            for item, strand in _moving(found, cluster, name, naming.split.get(name)):
                old, strand.identity = strand.identity, name
                kind = _kind(old, name, naming)
                naming.fresh.discard(name)
                probability, evidence = found.confidence(item, is_new=kind == "identity.new")
                strand.probability = probability
                if kind == "identity.merge":
                    if old in ended:
                        continue
                    ended.add(old)
                decisions.append(_decision(kind, now_ns, strand, name, old, probability, evidence))
        for old, name in naming.merged.items():
            self._gallery.merge(name, old)
            if old not in ended:
                decisions.append(Decision("identity.merge", now_ns, "", 0, "", name, old, 0.5))
        self._ended_count += len(naming.merged)
        self._forget_absent(naming)
        return decisions

    def _forget_absent(self, naming: Naming) -> None:
        """Drop what concerns identities nobody bears; one that nothing was written with never was."""
        borne = {s.identity for stays in self._visits.values() for visit in stays for s in visit}
        gone = self._unwritten - borne
        self._unwritten -= gone
        self._gallery.forget_apart(borne)
        self._ended_count += len(gone - set(naming.merged))

    def _forget_weak(self, found: Clustering, now_ns: int) -> list[Decision]:
        """Strands whose visit has too little evidence (any more) are nobody, unless written."""
        kept = {strand.number for item in found.items for strand in item.strands}
        decisions = []
        for stays in self._visits.values():
            for strand in (s for visit in stays for s in visit):
                if strand.number not in kept and strand.identity and not strand.pinned:
                    old, strand.identity = strand.identity, 0
                    decisions.append(_decision("identity.unknown", now_ns, strand, 0, old, 0.5, {}))
        return decisions

    def _closed_tracklet(self, strand: Strand, tracklet: Tracklet) -> Decision:
        return Decision(
            type="tracklet",
            time_ns=tracklet.ended_at_ns,
            camera=tracklet.camera,
            track=tracklet.track,
            tracklet=tracklet.uid,
            identity=strand.identity,
            previous=0,
            probability=strand.probability,
            evidence={
                "first_frame": int(tracklet.frames[0]),
                "last_frame": int(tracklet.frames[-1]),
                "boxes": len(tracklet.frames),
                "embeddings": len(tracklet.vectors),
                "strand": strand.number,
            },
            crop=tracklet.crops[0] if tracklet.crops and strand.identity else None,
        )

    def _settle(self, decisions: list[Decision], now_ns: int, until_ns: int) -> Outcome:
        settled = []
        for camera, ledger in self._ledgers.items():
            homes = {s.number: visit for visit in self._visits[camera] for s in visit}

            def settle_strand(strand: Strand, homes: dict[int, Visit] = homes) -> int:
                return self._pin(strand, homes.get(strand.number, [strand]), decisions, now_ns)

            rows = ledger.settle(until_ns, settle_strand)
            if rows is not None:
                settled.append(rows)
            self._let_go(camera, until_ns / 1e9)
        return Outcome(tuple(decisions), tuple(settled)) if decisions or settled else NOTHING

    def _pin(self, strand: Strand, visit: Visit, decisions: list[Decision], now_ns: int) -> int:
        """The identity a strand's boxes are written with; a long visit without evidence is new."""
        if strand.identity == 0 and sum(s.boxes for s in visit) >= self._spec.boxes_min:
            named = [s.identity for s in visit if s.identity]
            name = min(named) if named else self._new_identity()
            kind = "identity.match" if named else "identity.new"
            for other in (s for s in visit if not s.identity):
                other.identity = name
                decisions.append(_decision(kind, now_ns, other, name, 0, 0.5, {"embeddings": 0}))
                kind = "identity.match"
        strand.pinned = True
        self._unwritten.discard(strand.identity)
        return strand.identity

    def _let_go(self, camera: str, until_s: float) -> None:
        """Remember visits that can no longer change, and fold up the past of long ones."""
        kept = []
        for visit in self._visits[camera]:
            if visit[-1].end_s < until_s and not visit[-1].growing:  # a camera may be away meanwhile
                self._remember(camera, visit)
                for strand in visit:
                    self._end(strand)
                continue
            while len(visit) > 2 and visit[1].end_s < until_s:
                self._end(visit[0])
                self._end(visit[1])
                visit[0].absorb(visit[1])
                del visit[1]
            kept.append(visit)
        self._visits[camera] = kept

    def _end(self, strand: Strand) -> None:
        """No piece will be added to a strand any more."""
        key = (strand.camera, strand.track)
        if key in self._strands and self._strands[key][0] is strand:
            del self._strands[key]

    def _remember(self, camera: str, visit: Visit) -> None:
        identity = visit[-1].identity
        for other in self._visits[camera]:
            together = visit[0].start_s <= other[-1].end_s and other[0].start_s <= visit[-1].end_s
            for third in {strand.identity for strand in other if strand.pinned} - {0, identity}:
                if together and identity:
                    self._gallery.part(identity, third)
        exemplar = exemplar_of(visit, self._spec)
        if identity and exemplar is not None and weight_of(visit) >= self._spec.weight_min:
            self._gallery.add(identity, exemplar)


def _moving(found: Clustering, cluster: int, name: int, parent: int | None) -> list[tuple[int, Strand]]:
    """Strands of a cluster that bear another name, with their items; those that were ``parent`` first."""
    strands = [(item, s) for item in found.members_of(cluster) for s in found.items[item].strands]
    moving = [(item, s) for item, s in strands if s.identity != name]
    return sorted(moving, key=lambda pair: parent is not None and pair[1].identity != parent)


def _kind(old: int, name: int, naming: Naming) -> str:
    if old == 0:
        return "identity.new" if name in naming.fresh else "identity.match"
    if naming.merged.get(old) == name:
        return "identity.merge"
    return "identity.split" if name in naming.fresh else "identity.rename"


def _decision(
    kind: str,
    now_ns: int,
    strand: Strand,
    identity: int,
    previous: int,
    probability: float,
    evidence: dict[str, float | int | str],
) -> Decision:
    finite = {k: v for k, v in evidence.items() if not isinstance(v, float) or math.isfinite(v)}
    finite["strand"] = strand.number
    return Decision(
        type=kind,
        time_ns=now_ns,
        camera=strand.camera,
        track=strand.track,
        tracklet=strand.pieces[-1],
        identity=identity,
        previous=previous,
        probability=probability,
        evidence=finite,
        crop=strand.crop if identity else None,
    )
