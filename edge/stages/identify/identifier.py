"""The identify stage: tracklets in, decisions and settled boxes out.

Every ``decide_s`` of event time three things happen: crossings and gaps of each camera are looked
at again (:mod:`.visits`), visits of all cameras are put together into people (:mod:`.crowd`), and
the people keep their numbers as far as possible (:mod:`.naming`). Only what has changed is looked at. A
decision may be revised for ``revise_s``; then the boxes are written, and the visit is remembered in the
gallery. That a remembered visit was somebody else's may still come to light: an event says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.centralize import MatchCalibration
from edge.config.pipeline import IdentifySpec
from edge.records import Arrivals, Decision, Settled, Tracklet
from edge.stages.identify.clusters import Cluster, homes_of
from edge.stages.identify.comparer import Comparer
from edge.stages.identify.crowd import Crowd
from edge.stages.identify.diary import Diary, lay_open
from edge.stages.identify.evidence import observation
from edge.stages.identify.gates import Gates, GroundPlane
from edge.stages.identify.ledger import Ledger
from edge.stages.identify.naming import Naming, carry_over
from edge.stages.identify.prototypes import Prototypes, reference_strand
from edge.stages.identify.recall import Recall
from edge.stages.identify.strand import Strand
from edge.stages.identify.travel import TravelTime, TravelTimes
from edge.stages.identify.visits import Look, VisitSearch
from edge.stages.identify.window import exemplar_of, visit_item, weight_of
from edge.stages.identify.wording import decision_about, kind_of, moving, tracklet_closed
from edge.stores import Counts, Exemplar, Gallery, KeptState

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
        grounds: camera -> its view of the ground, where calibrated.
        travel: (camera left, camera reached) -> travel time, where known.
        prototypes: generated views of people; none when None.
    """

    def __init__(
        self,
        spec: IdentifySpec,
        refiner: Comparer,
        cameras: Sequence[str],
        *,
        grounds: Mapping[str, GroundPlane] | None = None,
        travel: Mapping[tuple[str, str], TravelTime] | None = None,
        prototypes: Prototypes | None = None,
    ) -> None:
        self._spec = spec
        self._refiner = refiner
        self._prototypes = prototypes or Prototypes(refiner)
        self._visits: dict[str, list[Visit]] = {camera: [] for camera in cameras}
        self._ledgers = {camera: Ledger(camera, fill_s=spec.fill_s) for camera in cameras}
        self._gallery = Gallery(people_max=spec.people_max, exemplars_max=spec.exemplars_max)
        self._gates = Gates(spec.gates, grounds, travel)
        self._crowd = Crowd(spec, refiner, cameras, self._gallery, self._gates)
        self._paths: dict[int, dict[int, tuple[float, float]]] = {}
        self._searches = {camera: VisitSearch(spec.appearance, spec.motion) for camera in cameras}
        self._strands: dict[tuple[str, int], tuple[Strand, int]] = {}
        self._features: dict[int, NDArray[np.float64]] = {}
        self._looks: dict[int, Look] = {}
        self._grown: dict[str, set[int]] = {camera: set() for camera in cameras}
        self._recall = Recall(self._gallery, self._crowd, refiner, self._prototypes)
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

    def offer(self, arrivals: Arrivals) -> None:
        """Take in prototypes; they count from the next decisions on."""
        shown = {
            place: reference_strand(one, self._visits.get(one.reference.camera, ()))
            for place, one in enumerate(arrivals.prototypes)
        }
        self._prototypes.take(arrivals, shown)
        for strand in shown.values():
            if strand is not None:
                self._grown[strand.camera].add(strand.number)

    @property
    def calibration(self) -> MatchCalibration:
        """What hindsight has taught it."""
        return self._crowd.calibration

    @property
    def travel(self) -> TravelTimes:
        """How long people take between cameras, given and learnt."""
        return self._gates.travel

    @property
    def counts(self) -> Counts:
        """Numbers given so far."""
        return Counts(self._strand_count, self._identity_count, self._ended_count)

    def keep_diary(self) -> Diary:
        """Begin to note what has to outlive a restart."""
        return Diary(self._visits, self._ledgers, self._gallery)

    def forget(self, identity: int) -> None:
        """Remember nothing of somebody, now and when they have left."""
        self._gallery.forget(identity)

    def restore(self, kept: KeptState) -> Outcome:
        """Begin where an earlier run was; called before anything else.

        Returns:
            What comes of what that run had left unsettled: it is settled now, with the names it had.
        """
        counts = kept.counts
        self._strand_count, self._identity_count = counts.strands, counts.identities
        self._ended_count = counts.ended
        self._gallery.restore(kept.people, kept.apart)
        now_ns = lay_open(kept, self._visits, self._ledgers)
        return self._settle([], now_ns, np.iinfo(np.int64).max)

    def add(self, tracklets: Sequence[Tracklet]) -> None:
        """Take in new, grown and closed tracklets."""
        for tracklet in tracklets:
            self._prototypes.model = tracklet.model or self._prototypes.model
            strand = self._strand_for(tracklet)
            self._grown[tracklet.camera].add(strand.number)
            path = self._gates.path_of(tracklet)
            if path:
                self._paths.setdefault(strand.number, {}).update(path)
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
        decisions = self._decide(now_ns) if any(self._grown.values()) else []
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
        anew = self._refiner.renew()
        if anew:
            self._crowd.start_over()
            self._recall.start_over()
            self._prototypes.forget_space()
        self._grow_with(drawn := self._prototypes.changed())
        decisions = []
        for camera, grown in self._grown.items():
            if anew:
                grown.update(s.number for visit in self._visits[camera] for s in visit)
            if grown:
                decisions += self._update(camera, grown, now_ns)
            grown.clear()
        self._recall.bring_up(drawn)
        clusters = self._crowd.regroup()
        homes = homes_of(clusters)
        settled: list[set[int]] = [set() for _ in clusters]
        for identity, home in homes.items():
            settled[home].add(identity)
        naming = carry_over(
            [frozenset(olds) for olds in settled],
            [c.members for c in clusters],
            self._new_identity,
            self._unwritten,
        )
        decisions += self._correct(clusters, homes, naming, now_ns)
        decisions += self._rename(clusters, naming, now_ns)
        self._prototypes.ask(clusters, naming.names, decisions, now_ns)
        self._count_people()
        decisions += [tracklet_closed(strand, tracklet) for strand, tracklet in self._closed]
        self._closed.clear()
        return decisions

    def _update(self, camera: str, grown: set[int], now_ns: int) -> list[Decision]:
        """Put the strands of a camera together into visits, and tell the crowd which are new or changed."""
        recent_s = now_ns / 1e9 - self._spec.recent_s
        near_s = recent_s - self._spec.motion.gap_max_s
        old = [visit for visit in self._visits[camera] if visit[-1].end_s < near_s]
        active = [visit for visit in self._visits[camera] if visit[-1].end_s >= near_s]
        known = {number for visit in active for number in _numbers(visit)}
        self._look(camera, grown, self._visits[camera])
        before = {_numbers(visit) for visit in active}
        better = self._searches[camera].improve(active, self._looks, grown & known, recent_s)
        self._visits[camera] = old + better
        decisions = []
        names = {visit[0].number for visit in better}
        for gone in {visit[0].number for visit in active} - names:
            self._crowd.discard(gone)
        for visit in better:
            if _numbers(visit) not in before or not grown.isdisjoint(_numbers(visit)):
                decisions += self._show(visit, now_ns)
        for visit in old if grown - known else ():
            if not grown.isdisjoint(_numbers(visit)):
                decisions += self._show(visit, now_ns)
        return decisions

    def _look(self, camera: str, grown: set[int], visits: Sequence[Visit]) -> None:
        """Features of the strands that have grown."""
        strands = [s for visit in visits for s in visit if s.number in grown]
        looked = [(s, v) for s in strands if (v := s.vector) is not None]
        vectors = np.stack([v for _, v in looked]) if looked else np.zeros((0, 0), np.float32)
        rows = self._refiner.features(vectors, [camera] * len(looked))
        nothing = Look(0.0, np.zeros(1))
        rows = self._prototypes.fuse_looks(rows, [strand for strand, _ in looked])
        for strand in strands:
            self._looks.setdefault(strand.number, nothing)
        for (strand, _), row in zip(looked, rows, strict=True):
            self._features[strand.number] = row
            self._looks[strand.number] = Look(*observation(row, strand.weight, self._spec.appearance))

    def _show(self, visit: Visit, now_ns: int) -> list[Decision]:
        """Tell the crowd what a visit is like; with too little evidence it is nobody's, unless written."""
        item = visit_item(visit, self._features, self._spec, self._paths)
        if item is not None:
            self._crowd.put(item)
            return []
        self._crowd.discard(visit[0].number)
        decisions = []
        for strand in visit:
            if strand.identity and not strand.pinned:
                old, strand.identity = strand.identity, 0
                decisions.append(decision_about("identity.unknown", now_ns, strand, 0, old, 0.5, {}))
        return decisions

    def _grow_with(self, drawn: AbstractSet[int]) -> None:
        """Visits that are bound to somebody look different when that person's prototype is another one."""
        for camera, stays in self._visits.items() if drawn else ():
            bound = (s for visit in stays for s in visit if s.pinned and s.identity in drawn)
            self._grown[camera].update(s.number for s in bound)

    def _count_people(self) -> None:
        for camera, stays in self._visits.items():
            present = {s.identity for visit in stays for s in visit} - {0}
            self._refiner.count_people(camera, len(present | self._gallery.seen_by(camera)))

    def _new_identity(self) -> int:
        self._identity_count += 1
        self._unwritten.add(self._identity_count)
        return self._identity_count

    def _correct(
        self, clusters: Sequence[Cluster], homes: Mapping[int, int], naming: Naming, now_ns: int
    ) -> list[Decision]:
        """Remembered visits that turned out to be somebody else's than it was said."""
        decisions = []
        for number, (cluster, name) in enumerate(zip(clusters, naming.names, strict=True)):
            for item in cluster.items:
                if not isinstance(item.key, Exemplar) or homes[item.group] == number:
                    continue
                exemplar, old = item.key, item.group
                self._gallery.move(exemplar, old, name)
                kind = "identity.split" if name in naming.fresh else "identity.rename"
                naming.fresh.discard(name)
                self._unwritten.discard(name)
                evidence: dict[str, float | int | str] = {
                    "remembered": 1,
                    "visits": len(cluster.items),
                    "strand": exemplar.strand,
                }
                where = exemplar.camera, exemplar.track, exemplar.tracklet
                decisions.append(Decision(kind, now_ns, *where, name, old, 0.5, evidence))
        return decisions

    def _rename(self, clusters: Sequence[Cluster], naming: Naming, now_ns: int) -> list[Decision]:
        """Give the strands the names of their clusters, and say what changed."""
        decisions = []
        ended: set[int] = set()
        for cluster, name in zip(clusters, naming.names, strict=True):
            for strand in moving(cluster, name, naming.split.get(name)):
                old, strand.identity = strand.identity, name
                kind = kind_of(old, name, naming)
                naming.fresh.discard(name)
                probability, evidence = self._crowd.confidence(strand, cluster, is_new=kind == "identity.new")
                evidence |= self._prototypes.evidence(name)
                strand.probability = probability
                if strand.pinned:  # its visit is bound to another identity now
                    self._grown[strand.camera].add(strand.number)
                if kind == "identity.merge":
                    if old in ended:
                        continue
                    ended.add(old)
                decisions.append(decision_about(kind, now_ns, strand, name, old, probability, evidence))
        for old, name in naming.merged.items():
            self._gallery.merge(name, old)
            self._prototypes.merge(name, old)
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
        self._prototypes.follow({*borne, *self._gallery.identities})
        self._ended_count += len(gone - set(naming.merged))

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
                decisions.append(decision_about(kind, now_ns, other, name, 0, 0.5, {"embeddings": 0}))
                kind = "identity.match"
        if not strand.pinned:
            strand.pinned = True
            self._grown[strand.camera].add(strand.number)
        self._unwritten.discard(strand.identity)
        return strand.identity

    def _let_go(self, camera: str, until_s: float) -> None:
        """Remember visits that can no longer change, and fold up the past of long ones."""
        kept = []
        for visit in self._visits[camera]:
            if visit[-1].end_s < until_s and not visit[-1].growing:  # a camera may be away meanwhile
                exemplar = self._remember(camera, visit)
                if visit[0].number in self._crowd:
                    if exemplar is None:
                        self._crowd.drop(visit[0].number)
                    else:
                        self._recall.turn(exemplar, visit[0].number)
                for strand in visit:
                    self._end(strand)
                    self._forget(strand)
                continue
            while len(visit) > 2 and visit[1].end_s < until_s:
                self._end(visit[0])
                self._end(visit[1])
                visit[0].absorb(visit[1])
                self._grown[camera].add(visit[0].number)
                if visit[1].number in self._paths:
                    self._paths.setdefault(visit[0].number, {}).update(self._paths[visit[1].number])
                self._forget(visit[1])
                del visit[1]
            kept.append(visit)
        self._visits[camera] = kept

    def _end(self, strand: Strand) -> None:
        """No piece will be added to a strand any more."""
        key = (strand.camera, strand.track)
        if key in self._strands and self._strands[key][0] is strand:
            del self._strands[key]

    def _forget(self, strand: Strand) -> None:
        """A strand is no part of any visit any more."""
        self._features.pop(strand.number, None)
        self._looks.pop(strand.number, None)
        self._paths.pop(strand.number, None)
        self._prototypes.forget(strand.number)
        self._grown[strand.camera].discard(strand.number)

    def _remember(self, camera: str, visit: Visit) -> Exemplar | None:
        """Put a visit into the gallery, if somebody is known to have made it."""
        identity = visit[-1].identity
        if identity and visit[0].number in self._crowd:
            self._crowd.learn(visit[0].number, identity)
        for other in self._visits[camera]:
            together = visit[0].start_s <= other[-1].end_s and other[0].start_s <= visit[-1].end_s
            for third in {strand.identity for strand in other if strand.pinned} - {0, identity}:
                if together and identity:
                    self._gallery.part(identity, third)
                    self._crowd.part(identity, third)
        exemplar = exemplar_of(visit, self._spec)
        if not identity or exemplar is None or weight_of(visit) < self._spec.weight_min:
            return None
        self._gallery.add(identity, exemplar)
        return exemplar


def _numbers(visit: Visit) -> tuple[int, ...]:
    return tuple(strand.number for strand in visit)
