"""What of an identifier has to outlive a restart: what changed since it was last written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge.records import Decision, Tracklet
from edge.stages.identify.ledger import Ledger
from edge.stages.identify.strand import Strand
from edge.stores import Change, Counts, Gallery, KeptPiece, KeptState, KeptStrand

__all__ = ["Diary", "lay_open"]

Visits = Mapping[str, Sequence[Sequence[Strand]]]
Look = tuple[object, ...]


class Diary:
    """Watches the window and the gallery of one identifier. The identifier's thread calls it.

    Cost: one pass over the strands in the window for each change; rows only for what is different.

    Args:
        visits: camera -> visits in the window; watched, not copied.
        ledgers: camera -> boxes that are not settled.
        gallery: who is remembered.
    """

    def __init__(self, visits: Visits, ledgers: Mapping[str, Ledger], gallery: Gallery) -> None:
        self._visits = visits
        self._ledgers = ledgers
        self._gallery = gallery
        self._changed = gallery.follow()
        self._strands: dict[int, Look] = {}
        self._pieces: dict[str, int] = {}
        self._next: tuple[dict[int, Look], dict[str, int]] = {}, {}

    def change(
        self, counts: Counts, decisions: Sequence[Decision], lines: Sequence[tuple[int, str]], told: int
    ) -> Change:
        """What is different since the change that :meth:`written` was said of last.

        Args:
            counts: the identifier's.
            decisions: made since then.
            lines: the events that tell of them, numbered.
            told: events up to this number are in the file.
        """
        looks: dict[int, Look] = {}
        strands = []
        banned = self._gallery.banned
        for visit in (visit for stays in self._visits.values() for visit in stays):
            first = visit[0].number
            for place, s in enumerate(visit):
                if s.identity in banned:
                    continue
                # Whatever changes a strand changes one of these: with each embedding come boxes.
                look = first, place, s.identity, s.probability, s.pinned, s.boxes, s.end_s, s.track
                looks[s.number] = look
                if self._strands.get(s.number) != look:
                    strands.append(_kept_strand(s, first, place))
        done: dict[str, int] = {}
        pieces = []
        for ledger in self._ledgers.values():
            for strand, tracklet, written in ledger.waiting():
                if strand.identity in banned:
                    continue
                done[tracklet.uid] = written
                if self._pieces.get(tracklet.uid) != written:
                    pieces.append(_kept_piece(strand, tracklet, written))
        self._next = looks, done
        changed = self._changed
        return Change(
            counts=counts,
            people={identity: self._gallery.of(identity) for identity in sorted(changed.people)},
            parted=sorted(changed.parted),
            united=sorted(changed.united),
            merged=[(one.previous, one.identity) for one in decisions if one.type == "identity.merge"],
            strands=strands,
            strands_gone=sorted(self._strands.keys() - looks.keys()),
            pieces=pieces,
            pieces_gone=sorted(self._pieces.keys() - done.keys()),
            lines=lines,
            told=told,
        )

    def written(self) -> None:
        """The last change is on disk."""
        self._strands, self._pieces = self._next
        self._changed.clear()

    def everything(self) -> None:
        """The next change shall be all there is: what was written is lost."""
        self._strands, self._pieces = {}, {}
        self._changed.people.update(self._gallery.identities)
        apart = self._gallery.apart
        self._changed.parted.update((one, other) for one in apart for other in apart[one] if one < other)


def lay_open(kept: KeptState, visits: Mapping[str, list[list[Strand]]], ledgers: Mapping[str, Ledger]) -> int:
    """Put what a run had not settled back into the window.

    Returns:
        Event time in ns up to which it had come; 0 when nothing was open.
    """
    strands = {one.number: _strand_from(one) for one in kept.strands}
    stays: dict[int, list[Strand]] = {}
    for one in kept.strands:
        stays.setdefault(one.visit, []).append(strands[one.number])
    for visit in stays.values():
        visits[visit[0].camera].append(visit)
    for piece in kept.pieces:
        if piece.strand in strands:
            ledgers[piece.camera].restore(strands[piece.strand], _tracklet_from(piece), piece.done)
    return max((int(strand.end_s * 1e9) for strand in strands.values()), default=0)


def _kept_strand(strand: Strand, visit: int, place: int) -> KeptStrand:
    vector = strand.vector
    return KeptStrand(
        number=strand.number,
        camera=strand.camera,
        track=strand.track,
        visit=visit,
        place=place,
        identity=strand.identity,
        probability=strand.probability,
        pinned=strand.pinned,
        boxes=strand.boxes,
        weight=strand.weight,
        vector=np.zeros(0, np.float32) if vector is None else vector,
        geometry=(
            strand.start_s,
            strand.end_s,
            strand.height_px,
            *strand.head,
            *strand.head_speed,
            *strand.tail,
            *strand.tail_speed,
            strand.overlap_start,
            strand.overlap_end,
        ),
        pieces=tuple(strand.pieces),
    )


def _strand_from(kept: KeptStrand) -> Strand:
    """The strand again, to which nothing will be added."""
    start_s, end_s, height_px, *points, overlap_start, overlap_end = kept.geometry
    head, head_speed, tail, tail_speed = zip(points[::2], points[1::2], strict=True)
    strand = Strand(
        number=kept.number,
        camera=kept.camera,
        track=kept.track,
        start_s=start_s,
        end_s=end_s,
        height_px=height_px,
        head=head,
        head_speed=head_speed,
        tail=tail,
        tail_speed=tail_speed,
        overlap_start=overlap_start,
        overlap_end=overlap_end,
        boxes=kept.boxes,
        identity=kept.identity,
        probability=kept.probability,
        pinned=kept.pinned,
        pieces=list(kept.pieces),
    )
    if len(kept.vector):
        strand.close_with(kept.vector.astype(np.float64) * kept.weight, kept.weight)
    return strand


def _kept_piece(strand: Strand, tracklet: Tracklet, done: int) -> KeptPiece:
    return KeptPiece(
        uid=tracklet.uid,
        camera=tracklet.camera,
        strand=strand.number,
        done=done,
        frames=tracklet.frames,
        times_ns=tracklet.times_ns,
        boxes_px=tracklet.boxes_px,
        scores=tracklet.scores,
    )


def _tracklet_from(kept: KeptPiece) -> Tracklet:
    """The closed tracklet again, as far as its boxes go."""
    track, part = kept.uid.rsplit("/", 2)[1:]
    return Tracklet(
        uid=kept.uid,
        camera=kept.camera,
        track=int(track),
        part=int(part),
        started_at_ns=int(kept.times_ns[0]),
        ended_at_ns=int(kept.times_ns[-1]),
        frames=kept.frames,
        times_ns=kept.times_ns,
        boxes_px=kept.boxes_px,
        scores=kept.scores,
        size_px=(0, 0),
        vector=np.zeros(0, np.float32),
        vectors=np.zeros((0, 0), np.float32),
        weight=0.0,
        crops=(),
        model="",
        joined=False,
        overlap_start=0.0,
        overlap_end=0.0,
        closed=True,
    )
