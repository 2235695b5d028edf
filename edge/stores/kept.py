"""What a run leaves for the next one: people, numbers, and what was not settled when it was killed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.stores.gallery import Exemplar

__all__ = ["Change", "Counts", "KeptPerson", "KeptPiece", "KeptRun", "KeptState", "KeptStrand"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers that are never given twice.

    strands, identities: the last that were given.
    ended: identities that are no more: merged or withdrawn.
    """

    strands: int = 0
    identities: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeptStrand:
    """A strand of the window; see :class:`edge.stages.identify.strand.Strand`.

    visit: number of the first strand of its visit; ``place`` in it, from 0.
    pinned: True once boxes of it are written under that identity.
    weight, vector: sum of the qualities of its embeddings, and their mean, float32 (d,); empty for none.
    geometry: start_s, end_s, height_px, head, head_speed, tail, tail_speed, overlap_start, overlap_end.
    pieces: uids of its first and its latest tracklet.
    """

    number: int
    camera: str
    track: int
    visit: int
    place: int
    identity: int
    probability: float
    pinned: bool
    boxes: int
    weight: float
    vector: NDArray[np.float32]
    geometry: tuple[float, ...]
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeptPiece:
    """Boxes of a closed tracklet that are not written yet.

    uid: of the tracklet; ``strand`` it belongs to.
    done: so many of its boxes are written.
    frames: int64 (n,)            times_ns: int64 (n,)
    boxes_px: float32 (n, 4)      scores: float32 (n,)
    """

    uid: str
    camera: str
    strand: int
    done: int
    frames: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    boxes_px: NDArray[np.float32]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What is different since the last change; written as one.

    counts: as they are now.
    people: whoever changed -> all visits remembered of them now; none: they are forgotten.
    apart: whoever changed -> those they can never be one with.
    merged: (who ended, who took them over), in order.
    strands, pieces: new, or as they are now; ``strands_gone`` and ``pieces_gone``: no more.
    lines: (number, text) of events that are about to be written.
    told: events up to this number are in the file.
    """

    counts: Counts
    people: Mapping[int, Sequence[Exemplar]] = field(default_factory=dict)
    apart: Mapping[int, AbstractSet[int]] = field(default_factory=dict)
    merged: Sequence[tuple[int, int]] = ()
    strands: Sequence[KeptStrand] = ()
    strands_gone: Sequence[int] = ()
    pieces: Sequence[KeptPiece] = ()
    pieces_gone: Sequence[str] = ()
    lines: Sequence[tuple[int, str]] = ()
    told: int = 0


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run.

    number: counts the runs of one state, from 1.
    name: its id, also in its events.
    model: fingerprint of its ReID model.
    ended: False for one that was killed, and for one that goes on.
    """

    number: int
    name: str
    site: str
    model: str
    started_at_ns: int
    ended: bool


@dataclass(frozen=True, slots=True, eq=False)
class KeptState:
    """Everything that is remembered, as of one moment.

    counts: numbers that are never given twice.
    people: identity -> visits remembered, those seen longest ago first; ``epoch`` says how many runs ago.
    apart: pairs of identities that are two people.
    strands, pieces: what a run that was killed had not settled.
    events: number of the last event.
    others: how many people are remembered by another ReID model; they are not among ``people``.
    """

    counts: Counts
    people: Mapping[int, Sequence[Exemplar]]
    apart: Sequence[tuple[int, int]]
    strands: Sequence[KeptStrand]
    pieces: Sequence[KeptPiece]
    events: int
    others: int


@dataclass(frozen=True, slots=True)
class KeptPerson:
    """One line about somebody who is remembered.

    visits: camera -> how often they were there (and left again).
    first_s, last_s: seconds since 1970 of the first and the last moment.
    exemplars: of how many visits the looks are kept.
    models: fingerprints of the ReID models that know them.
    """

    identity: int
    visits: Mapping[str, int]
    first_s: float
    last_s: float
    exemplars: int
    models: tuple[str, ...]
