"""Pictures in Market-1501's naming, as the tracklets a camera's tracker would have made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.market import DISTRACTOR, JUNK, Picture
from edge.records import Tracklet

__all__ = ["CropTracklet", "camera_name", "group_pictures", "make_tracklets"]

GAP_FRAMES = 150
FRAME_NS = 40_000_000  # 25 frames per second
START_NS = 1_000_000_000_000_000_000  # some day; only differences count

_SIZE_PX = (64, 128)
_BOX_PX = (0.0, 0.0, 64.0, 128.0)


@dataclass(frozen=True, slots=True)
class CropTracklet:
    """Pictures that one tracker would have kept together.

    person, camera, sequence: the same in all of them.
    rows: which pictures, in the order of their frames.
    frames: their frame numbers, ascending, within the sequence.
    """

    person: int
    camera: int
    sequence: int
    rows: tuple[int, ...]
    frames: tuple[int, ...]


def group_pictures(pictures: Sequence[Picture]) -> list[CropTracklet]:
    """Group pictures into tracklets, in the order in which a stream would finish them.

    Pictures of one person, camera and sequence whose frames are at most 150 apart, one from the next, are
    one tracklet; each distractor is a tracklet of its own, for nobody knows which of them are one person.
    Tracklets come by sequence and last frame; the order of the pictures given plays no part. Junk is left
    out.
    """
    visits: dict[tuple[int, int, int, str], list[int]] = defaultdict(list)
    for row, picture in enumerate(pictures):
        alone = picture.name if picture.person == DISTRACTOR else ""
        if picture.person != JUNK:
            visits[picture.person, picture.camera, picture.sequence, alone].append(row)
    found = []
    for (person, camera, sequence, _), rows in visits.items():
        rows.sort(key=lambda row: (pictures[row].frame, pictures[row].box, pictures[row].name))
        frames = np.array([pictures[row].frame for row in rows], dtype=np.int64)
        cuts = np.flatnonzero(np.diff(frames) > GAP_FRAMES) + 1
        for piece in np.split(np.arange(len(rows)), cuts):
            kept = tuple(rows[index] for index in piece.tolist())
            found.append(CropTracklet(person, camera, sequence, kept, tuple(frames[piece].tolist())))

    def finished(one: CropTracklet) -> tuple[int, int, int, int, str]:
        last = pictures[one.rows[-1]]
        return one.sequence, last.frame, one.camera, last.box, last.name

    return sorted(found, key=finished)


def make_tracklets(
    groups: Sequence[CropTracklet], vectors: NDArray[np.float32], model: str
) -> Iterator[Tracklet]:
    """The records that identify is given, one for each group, closed.

    Sequences follow one another, each beginning with its frame 0 right after the last one's last frame;
    cameras of one sequence share a clock, which counts 25 frames per second. Every crop has the same weight.
    What a crop does not tell is left plain: all boxes are alike, nobody covers anybody, and ``frames``
    numbers the crops in the order sent, from 1, so that each can be found again in what is settled.

    Args:
        groups: from :func:`group_pictures`.
        vectors: float32 (n, d), the pictures' embeddings, neither zero nor NaN.
        model: what made them.
    """
    starts = _starts(groups)
    sent = 0
    for track, group in enumerate(groups, start=1):
        count = len(group.rows)
        rows = _unit(vectors[list(group.rows)])
        mean = rows.mean(axis=0)
        if np.linalg.norm(mean) < 1e-6:  # opposite embeddings cancel out
            mean = rows[0]
        times_ns = START_NS + (starts[group.sequence] + np.array(group.frames, dtype=np.int64)) * FRAME_NS
        camera = camera_name(group.camera)
        yield Tracklet(
            uid=f"{camera}/{track}/0",
            camera=camera,
            track=track,
            part=0,
            started_at_ns=int(times_ns[0]),
            ended_at_ns=int(times_ns[-1]),
            frames=np.arange(sent + 1, sent + count + 1, dtype=np.int64),
            times_ns=times_ns,
            boxes_px=np.tile(np.array(_BOX_PX, dtype=np.float32), (count, 1)),
            scores=np.ones(count, dtype=np.float32),
            size_px=_SIZE_PX,
            vector=_unit(mean[None])[0].astype(np.float32),
            vectors=rows.astype(np.float32),
            weight=float(count),
            crops=(),
            model=model,
            joined=False,
            overlap_start=0.0,
            overlap_end=0.0,
            closed=True,
        )
        sent += count


def camera_name(camera: int) -> str:
    """What a camera of the set is called in the stream."""
    return f"c{camera}"


def _starts(groups: Sequence[CropTracklet]) -> Mapping[int, int]:
    """At which frame of the whole stream each sequence begins."""
    lengths: dict[int, int] = defaultdict(int)
    for group in groups:
        lengths[group.sequence] = max(lengths[group.sequence], group.frames[-1] + 1)
    starts, total = {}, 0
    for sequence in sorted(lengths):
        starts[sequence] = total
        total += lengths[sequence]
    return starts


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-30))
