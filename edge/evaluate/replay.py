"""Play a set of pictures as a stream through the pipeline's own refine and identify stages, and score it.

There is no special path: crops become :class:`edge.records.Tracklet` records, which go one by one, in the
order of their last frames, to the same :class:`Refiner` and :class:`Identifier` that ``edge-run`` uses, with
the pipeline's numbers; what comes out is read from settled boxes and events, as any reader would.

Only what crops cannot have is switched off (:func:`replay_specs`): positions (``motion.gap_max_s`` 0, so that
motion joins nothing), gaps to fill (``fill_s`` 0), and the least evidence of a visit (``boxes_min`` 1, and
``weight_min`` at most 1, which is what one crop weighs), since a tracklet here is often a single crop.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.centralize import expected_calibration_error, reliability
from edge.config.pipeline import IdentifySpec, RefineSpec
from edge.evaluate.crop_tracklets import CropTracklet, camera_name, make_tracklets
from edge.evaluate.identity_score import Ints, idf1_of, score_identities
from edge.records import Arrivals, Crop, Decision, Prototype, Settled, Tracklet
from edge.stages.identify import Identifier, Outcome
from edge.stages.refine import Refiner

__all__ = ["Ingredients", "Progress", "Replayed", "ReplayScore", "replay", "replay_specs", "score_replay"]

# Called with (tracklets sent, tracklets in all).
Progress = Callable[[int, int], None]

CROP_WEIGHT = 1.0
_NAMING = ("identity.new", "identity.match")
_JUDGED = (*_NAMING, "identity.rename")


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What of the pipeline's recipe is used; False switches it off, True leaves it as the pipeline has it.

    nfc: neighbor feature centralization.
    camera_mean: each camera's mean is removed.
    whiten: how one person's embeddings vary is evened out.
    calibration: the match probability is learnt for each pair of cameras.
    prototypes: what was generated joins the real visits, where there is any.
    """

    nfc: bool = True
    camera_mean: bool = True
    whiten: bool = True
    calibration: bool = True
    prototypes: bool = True


def replay_specs(
    refine: RefineSpec, identify: IdentifySpec, uses: Ingredients, window_s: float | None = None
) -> tuple[RefineSpec, IdentifySpec]:
    """The specs of a replay: the pipeline's, less what crops cannot have and what is not to be used.

    Args:
        refine: the pipeline's.
        identify: the pipeline's.
        uses: what is left as it is.
        window_s: replaces ``identify.revise_s``; None keeps it.
    """
    off: dict[str, object] = {}
    if not uses.nfc:
        off |= {"neighbours": 0, "neighbours_one_camera": 0}
    if not uses.camera_mean:
        off["camera_mean"] = False
    if not uses.whiten:
        off["whiten"] = False
    fit: dict[str, object] = {
        "motion": identify.motion.model_dump() | {"gap_max_s": 0.0},
        "fill_s": 0.0,
        "boxes_min": 1,
        "weight_min": min(identify.weight_min, CROP_WEIGHT),
    }
    if not uses.calibration:
        fit["match"] = identify.match.model_dump() | {"learn": False}
    if window_s is not None:
        fit["revise_s"] = window_s
    return (
        RefineSpec.model_validate(refine.model_dump() | off),
        IdentifySpec.model_validate(identify.model_dump() | fit),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What the stages said; crops are counted in the order sent.

    final: int64 (crops,)      identity in the end, later merges followed; 0 unknown
    first: int64 (crops,)      identity of the tracklet's first naming, as said then; 0 never named
    merged_first: int64 (crops,)  the same, with later merges followed
    revisions: how often a tracklet's identity changed after its first naming, counted once for each round
        of decisions; a merge changes every tracklet of the identity that ends.
    took_ms: float64 (tracklets,)  for adding each tracklet and deciding what was due then
    probabilities: float64 (decisions,)  what was said with each decision about one tracklet
    right: bool (decisions,)  whether it was right as far as could be known then: a known identity whose
        crops were mostly this person's, or a new one for a person who had none
    """

    final: Ints
    first: Ints
    merged_first: Ints
    revisions: int
    took_ms: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ReplayScore:
    """The result; shares are 0 to 1.

    idf1, pair_f1, pair_precision, pair_recall, identities: see :class:`IdentityScore`.
    revisions: see :class:`Replayed`.
    p50_ms, p95_ms: median and 95th percentile of the time per tracklet.
    first_idf1: IDF1 of the first naming of each tracklet, later merges of whole identities followed.
    first_idf1_unmerged: the same with the numbers as they were said at that moment.
    tracklets, crops, people: what was sent; each distractor is one of the people.
    ece: expected calibration error of the probabilities that went with the decisions.
    reliability: that curve: mean probability said, share that was right, how many decisions; ascending.
    """

    idf1: float
    pair_f1: float
    pair_precision: float
    pair_recall: float
    identities: int
    revisions: int
    p50_ms: float
    p95_ms: float
    first_idf1: float
    first_idf1_unmerged: float
    tracklets: int
    crops: int
    people: int
    ece: float
    reliability: tuple[tuple[float, float, int], ...]


def replay(
    groups: Sequence[CropTracklet],
    vectors: NDArray[np.float32],
    refine: RefineSpec,
    identify: IdentifySpec,
    *,
    model: str = "",
    drawn: Sequence[NDArray[np.float32]] = (),
    eta: float = 1.0,
    progress: Progress | None = None,
) -> Replayed:
    """Send tracklets through refine and identify.

    What was generated of a tracklet's pictures comes together with it, as from a worker that is always done.

    Args:
        groups: from :func:`edge.evaluate.crop_tracklets.group_pictures`.
        vectors: float32 (n, d), the pictures' embeddings.
        refine: from :func:`replay_specs`.
        identify: likewise.
        model: what made the embeddings.
        drawn: for each group float32 (m, d), unit length: what was generated of it, m may be 0; or nothing.
        eta: weight of each generated picture of a tracklet beside the tracklet, which weighs 1.
        progress: called with (tracklets sent, tracklets in all).
    """
    cameras = sorted({group.camera for group in groups})
    identifier = Identifier(identify, Refiner(refine), [camera_name(camera) for camera in cameras])
    heard = _Listener(_truth(groups), [len(group.rows) for group in groups])
    took_ms = np.zeros(len(groups))
    for index, tracklet in enumerate(make_tracklets(groups, vectors, model)):
        heard.expect(tracklet.uid)
        begin_s = time.perf_counter()
        identifier.add([tracklet])
        if len(drawn) and len(drawn[index]):
            identifier.offer(Arrivals((_prototype(tracklet, drawn[index], eta),)))
        outcome = identifier.advance(tracklet.ended_at_ns + 1)
        took_ms[index] = (time.perf_counter() - begin_s) * 1e3
        heard.take(outcome)
        if progress is not None:
            progress(index + 1, len(groups))
    heard.take(identifier.close())
    lengths = [len(group.rows) for group in groups]
    first = np.repeat(np.array(heard.first, dtype=np.int64), lengths)
    return Replayed(
        final=heard.final(sum(lengths)),
        first=first,
        merged_first=np.array([heard.now_called(name) for name in first.tolist()], dtype=np.int64),
        revisions=heard.revisions,
        took_ms=took_ms,
        probabilities=np.array([said for said, _ in heard.sayings], dtype=np.float64),
        right=np.array([was for _, was in heard.sayings], dtype=bool),
    )


def _prototype(tracklet: Tracklet, drawn: NDArray[np.float32], eta: float) -> Prototype:
    """What was generated of a tracklet, as a worker would have said it; whose it is, its reference shows."""
    nothing = np.zeros((0, 0, 3), np.uint8)
    return Prototype(
        identity=0,
        version=1,
        made_at_ns=tracklet.ended_at_ns,
        real=tracklet.vector,
        generated=drawn,
        eta=eta,
        poses=tuple(str(number) for number in range(len(drawn))),
        rejected=0,
        model=tracklet.model,
        generator="",
        reference=Crop(tracklet.camera, tracklet.track, 0, tracklet.ended_at_ns, CROP_WEIGHT, nothing),
        pictures_bgr_mhwc=nothing[None, :0],
    )


def score_replay(groups: Sequence[CropTracklet], replayed: Replayed) -> ReplayScore:
    """Score what the stages said against who it was; each distractor is a person of its own."""
    lengths = [len(group.rows) for group in groups]
    persons = np.repeat(np.array(_truth(groups), dtype=np.int64), lengths)
    tracklets = np.repeat(np.arange(len(groups), dtype=np.int64), lengths)
    score = score_identities(persons, tracklets, replayed.final)
    curve = reliability(replayed.probabilities.tolist(), replayed.right.tolist())
    p50_ms, p95_ms = np.percentile(replayed.took_ms, [50, 95]).tolist() if groups else (0.0, 0.0)
    return ReplayScore(
        idf1=score.idf1,
        pair_f1=score.pair_f1,
        pair_precision=score.pair_precision,
        pair_recall=score.pair_recall,
        identities=score.identities,
        revisions=replayed.revisions,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        first_idf1=idf1_of(persons, replayed.merged_first),
        first_idf1_unmerged=idf1_of(persons, replayed.first),
        tracklets=len(groups),
        crops=len(persons),
        people=len(np.unique(persons)),
        ece=expected_calibration_error(curve),
        reliability=tuple(curve),
    )


def _truth(groups: Sequence[CropTracklet]) -> list[int]:
    """Who each tracklet is; each distractor is a person of its own."""
    return [group.person or -1 - index for index, group in enumerate(groups)]


class _Listener:
    """Reads decisions and settled boxes as they come.

    first: for each tracklet in the order expected, the identity of its first naming; 0 until then.
    revisions: see :class:`Replayed`.
    sayings: for each decision about one tracklet, the probability said and whether it was right.

    Args:
        persons: who each tracklet is, in the order expected.
        crops: how many crops each has.
    """

    def __init__(self, persons: Sequence[int], crops: Sequence[int]) -> None:
        self._persons = persons
        self._crops = crops
        self.sayings: list[tuple[float, bool]] = []
        self.first: list[int] = []
        self.revisions = 0
        self._number: dict[str, int] = {}
        self._now: list[int] = []
        self._borne: dict[int, set[int]] = defaultdict(set)
        self._merged: dict[int, int] = {}
        self._settled: list[Settled] = []
        self._corrected: dict[int, int] = {}

    def expect(self, uid: str) -> None:
        """Announce a tracklet that decisions may be about."""
        self._number[uid] = len(self.first)
        self.first.append(0)
        self._now.append(0)

    def take(self, outcome: Outcome) -> None:
        """Take in one round of decisions, and what has been settled."""
        before: dict[int, int] = {}
        for decision in outcome.decisions:
            if decision.type.startswith("identity."):
                self._hear(decision, before)
        self.revisions += sum(self._now[number] != old for number, old in before.items() if old)
        self._settled.extend(outcome.settled)

    def now_called(self, identity: int) -> int:
        """An identity's name after all merges so far."""
        while identity in self._merged:
            identity = self._merged[identity]
        return identity

    def final(self, crops: int) -> Ints:
        """Identities of the crops, int64 (crops,), from what has been settled and corrected afterwards."""
        found = np.zeros(crops, dtype=np.int64)
        for rows in self._settled:
            names = [self.now_called(name) for name in rows.identities.tolist()]
            found[rows.frames - 1] = names
        ends = np.cumsum(self._crops)
        for number, identity in self._corrected.items():
            found[ends[number] - self._crops[number] : ends[number]] = self.now_called(identity)
        return found

    def _hear(self, decision: Decision, before: dict[int, int]) -> None:
        number = self._number.get(decision.tracklet)
        if decision.type == "identity.merge":
            self._merged[decision.previous] = decision.identity
            self._set(list(self._borne[decision.previous]), decision.identity, before)
        if number is None:  # a merge may be about nobody who is there
            return
        if decision.type in _NAMING and not self.first[number]:
            self.first[number] = decision.identity
        if "remembered" in decision.evidence:
            self._corrected[number] = decision.identity
        elif decision.type in _JUDGED:
            right = self._is_right(decision, self._persons[number])
            self.sayings.append((decision.probability, right))
        self._set([number], decision.identity, before)

    def _is_right(self, decision: Decision, person: int) -> bool:
        """Whether a decision is right by what was said before it."""
        if decision.type == "identity.new":
            return not any(self._owner(name) == person for name in set(self._now) - {0})
        return self._owner(decision.identity) == person

    def _owner(self, identity: int) -> int:
        """Who most crops of an identity are, 0 of one that has none."""
        crops: Counter[int] = Counter()
        for number in self._borne[identity]:
            crops[self._persons[number]] += self._crops[number]
        return max(crops, key=lambda person: (crops[person], -person), default=0)

    def _set(self, numbers: Iterable[int], identity: int, before: dict[int, int]) -> None:
        for number in numbers:
            before.setdefault(number, self._now[number])
            self._borne[self._now[number]].discard(number)
            self._now[number] = identity
            self._borne[identity].add(number)
