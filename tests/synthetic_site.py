"""A site of synthetic people, run through tracklets, refining and identities without any picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from synthetic_people import Box, at_ns, box_at, coverage, faces, frame_of, look

from edge.config.pipeline import IdentifySpec, RefineSpec, TrackletSpec
from edge.records import Decision, EmbeddedFrame, Settled, Tracklet
from edge.stages.identify import Asker, Identifier, Outcome, Prototypes
from edge.stages.refine import Refiner
from edge.stages.tracklet import TrackletBuilder

__all__ = ["Replay", "Run", "Site", "Walk", "overlapping_namesakes", "place_of"]

COVERED = 0.25  # people covered by more are not embedded, as the crop stage has it


Place = tuple[str, int, float, float]


def place_of(camera: str, frame: int, box_px: NDArray[np.float32]) -> Place:
    """What tells a box from all others."""
    return camera, int(frame), round(float(box_px[0]), 2), round(float(box_px[1]), 2)


@dataclass(frozen=True)
class Walk:
    """One person's way through one camera.

    person: who it is; also whose face is used.
    path: (time in s, x, y) of its corners; straight and steady between them.
    track: its track in that camera.
    swaps: (time in s, track) where the tracker jumps to another track.
    embedded: False where the person is too small for it.
    """

    person: int
    camera: str
    path: tuple[tuple[float, float, float], ...]
    track: int
    swaps: tuple[tuple[float, int], ...] = ()
    embedded: bool = True

    def where(self, time_s: float) -> Box | None:
        """The person's box, None when not in the picture."""
        times = [corner[0] for corner in self.path]
        if not times[0] <= time_s <= times[-1]:
            return None
        xs, ys = ([corner[k] for corner in self.path] for k in (1, 2))
        return box_at(float(np.interp(time_s, times, xs)), float(np.interp(time_s, times, ys)))

    def track_at(self, time_s: float) -> int:
        """The track that the person is followed by."""
        track = self.track
        for moment_s, other in self.swaps:
            if time_s >= moment_s:
                track = other
        return track


class Replay:
    """Follows the decisions, in order, and nothing else: the reference for what events tell.

    who: strand -> identity now.
    """

    def __init__(self) -> None:
        self.who: dict[int, int] = {}
        self.strand_of: dict[str, int] = {}
        self.aliases: dict[int, int] = {}
        self.announced: set[int] = set()

    def present(self, identity: int) -> int:
        """What an identity is called after all merges."""
        while identity in self.aliases:
            identity = self.aliases[identity]
        return identity

    def identity_of(self, uid: str) -> int:
        """Who a tracklet is."""
        return self.who.get(self.strand_of[uid], 0)

    def play(self, decision: Decision) -> None:
        """Take in one decision; every inconsistency is an AssertionError."""
        kind, identity, previous = decision.type, decision.identity, decision.previous
        assert identity not in self.aliases, "an identity that was merged away stays away"
        assert 0.0 <= decision.probability <= 1.0
        if kind == "identity.merge":
            assert previous not in self.aliases
            assert {identity, previous} <= self.announced
            self.who = {s: identity if i == previous else i for s, i in self.who.items()}
            self.aliases[previous] = identity
            return
        strand = decision.evidence["strand"]
        assert isinstance(strand, int)
        if kind == "tracklet":
            self.strand_of[decision.tracklet] = strand
            assert self.who.get(strand, 0) == identity
            return
        assert self.who.get(strand, 0) == self.present(previous), decision
        assert identity != previous
        if kind in ("identity.new", "identity.split"):
            assert identity not in self.announced, "announced as new once"
            self.announced.add(identity)
        if kind in ("identity.new", "identity.match"):
            assert previous == 0
        if kind in ("identity.rename", "identity.split"):
            assert previous > 0
        assert (identity == 0) == (kind == "identity.unknown")
        assert identity in self.announced | {0}
        self.who[strand] = identity


def overlapping_namesakes(identifier: Identifier) -> list[tuple[int, int]]:
    """Strands of one camera that were there at the same time and bear one identity."""
    found = []
    for stays in identifier._visits.values():
        strands = [strand for visit in stays for strand in visit if strand.identity]
        for i, a in enumerate(strands):
            for b in strands[i + 1 :]:
                together = a.start_s <= b.end_s and b.start_s <= a.end_s
                if together and a.identity == b.identity:
                    found.append((a.number, b.number))
    return found


@dataclass
class Run:
    """What came out of a run."""

    identifier: Identifier
    decisions: list[Decision] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    closed: dict[str, Tracklet] = field(default_factory=dict)
    truth: dict[Place, int] = field(default_factory=dict)
    boxes: int = 0
    replay: Replay = field(default_factory=Replay)

    def take(self, outcome: Outcome) -> None:
        """Note an outcome, and check that the decisions tell all that changed."""
        for decision in outcome.decisions:
            self.replay.play(decision)
        self.decisions += outcome.decisions
        self.settled += outcome.settled
        for stays in self.identifier._visits.values():
            for strand in (s for visit in stays for s in visit):
                assert self.replay.who.get(strand.number, 0) == strand.identity
        assert not overlapping_namesakes(self.identifier)

    def types(self) -> list[str]:
        """Types of the decisions, without those about closed tracklets."""
        return [d.type for d in self.decisions if d.type != "tracklet"]

    def uids(self) -> dict[Place, str]:
        """The closed tracklet that each box is in."""
        return {
            place_of(t.camera, frame, box): uid
            for uid, t in self.closed.items()
            for frame, box in zip(t.frames, t.boxes_px, strict=True)
        }

    def rows(self) -> list[tuple[str, int, int, int]]:
        """Camera, frame, person (0 for an interpolated box) and final identity of every box written."""
        rows = []
        for part in self.settled:
            for identity, frame, box in zip(part.identities, part.frames, part.boxes_px, strict=True):
                person = self.truth.get(place_of(part.camera, frame, box), 0)
                rows.append((part.camera, int(frame), person, self.replay.present(int(identity))))
        return rows

    def identities_of(self, person: int, camera: str | None = None) -> dict[int, int]:
        """Identity -> number of boxes of a person that bear it in the end."""
        counts: dict[int, int] = defaultdict(int)
        for where, _, who, identity in self.rows():
            if who == person and camera in (None, where):
                counts[identity] += 1
        return dict(counts)

    def main_identity(self, person: int, camera: str | None = None, share: float = 0.9) -> int:
        """The one identity that nearly all boxes of a person bear."""
        counts = self.identities_of(person, camera)
        best = max(counts, key=counts.__getitem__)
        assert counts[best] >= share * sum(counts.values()), f"person {person}: {counts}"
        return best


class Site:
    """Cameras whose people walk as told."""

    def __init__(
        self,
        walks: Sequence[Walk],
        *,
        seed: int = 0,
        rate_hz: float = 10.0,
        noise: float = 0.5,
        cast: float = 0.0,
        alike: Iterable[tuple[int, int]] = (),
        tracklet: TrackletSpec | None = None,
        refine: RefineSpec | None = None,
        identify: IdentifySpec | None = None,
    ) -> None:
        self.walks = walks
        self.rate_hz = rate_hz
        self.noise = noise
        self.rng = np.random.default_rng(seed)
        self.cameras = sorted({walk.camera for walk in walks})
        people = sorted({walk.person for walk in walks})
        looks = faces(self.rng, len(people) + len(self.cameras))
        self.faces = dict(zip(people, looks, strict=False))
        for one, other in alike:
            self.faces[other] = self.faces[one]
        self.casts = {camera: cast * looks[-1 - i] for i, camera in enumerate(self.cameras)}
        self.tracklet = tracklet or TrackletSpec()
        self.identify = identify or IdentifySpec(revise_s=40.0)
        self.refine = refine or RefineSpec()

    def run(
        self,
        until_s: float,
        watch: Callable[[float, Run], None] | None = None,
        asker: Asker | None = None,
    ) -> Run:
        """Run to the end and close; ``watch`` is called after every frame time, ``asker`` draws people."""
        builders = {camera: TrackletBuilder(camera, self.tracklet) for camera in self.cameras}
        refiner = Refiner(self.refine)
        prototypes = Prototypes(refiner, asker)
        run = Run(Identifier(self.identify, refiner, self.cameras, prototypes=prototypes))
        embedded_s: dict[tuple[str, int], float] = {}
        for number in range(1, int(until_s * self.rate_hz) + 2):
            time_s = (number - 1) / self.rate_hz
            for camera in self.cameras:
                tracklets = builders[camera].add(self._frame(run, camera, number, time_s, embedded_s))
                self._add(run, tracklets)
            run.take(run.identifier.advance(at_ns(time_s)))
            if watch:
                watch(time_s, run)
        for builder in builders.values():
            self._add(run, builder.close())
        run.take(run.identifier.close())
        return run

    def _add(self, run: Run, tracklets: Sequence[Tracklet]) -> None:
        run.identifier.add(tracklets)
        run.closed.update({t.uid: t for t in tracklets if t.closed})

    def _frame(
        self, run: Run, camera: str, number: int, time_s: float, embedded_s: dict[tuple[str, int], float]
    ) -> EmbeddedFrame:
        here = [(walk, box) for walk in self.walks if walk.camera == camera and (box := walk.where(time_s))]
        boxes = {walk.track_at(time_s): box for walk, box in here}
        assert len(boxes) == len(here), "two people on one track"
        covered = coverage(np.array([box for _, box in here], np.float32).reshape(-1, 4))
        looks = {}
        for (walk, box), share in zip(here, covered, strict=True):
            run.truth[place_of(camera, number, np.array(box, np.float32))] = walk.person
            run.boxes += 1
            due = time_s - embedded_s.get((camera, walk.person), -9.0) >= 0.4
            if walk.embedded and share < COVERED and due:
                embedded_s[camera, walk.person] = time_s
                face = self.faces[walk.person] + self.casts[camera]
                looks[walk.track_at(time_s)] = look(face, self.rng, self.noise)
        return frame_of(number, time_s, boxes, looks=looks, camera=camera)
