"""People who exist only as boxes and vectors: for the tests of tracklets, refining and identities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.records import Crop, EmbeddedFrame, Embedding, Tracklet, Tracks

START_NS = 1_800_000_000_000_000_000
SIZE_PX = (640, 480)
PICTURE = np.zeros((4, 2, 3), np.uint8)
DIMENSIONS = 32

Box = tuple[float, float, float, float]


def at_ns(time_s: float) -> int:
    """Wall time of a moment of the synthetic day."""
    return START_NS + round(time_s * 1e9)


def unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows of length one."""
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)


def faces(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """float32 (count, d): how people look; any two are nearly at right angles."""
    basis, _ = np.linalg.qr(rng.standard_normal((DIMENSIONS, DIMENSIONS)))
    mixed = basis[:count] if count <= DIMENSIONS else rng.standard_normal((count, DIMENSIONS))
    return unit(mixed)


def look(face: NDArray[np.float32], rng: np.random.Generator, noise: float = 0.4) -> NDArray[np.float32]:
    """One embedding of a person; ``noise`` is its length beside the face's one."""
    step = rng.standard_normal(len(face))
    return unit(face + noise * step / np.linalg.norm(step))


def box_at(x: float, y: float = 240.0, height: float = 100.0) -> Box:
    """The box of somebody whose centre is there."""
    return x - height / 4, y - height / 2, x + height / 4, y + height / 2


def coverage(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest share of the smaller of two boxes that both cover, for each box."""
    out = np.zeros(len(boxes), np.float32)
    for i, a in enumerate(boxes):
        for j, b in enumerate(boxes):
            width = min(a[2], b[2]) - max(a[0], b[0])
            height = min(a[3], b[3]) - max(a[1], b[1])
            if i != j and width > 0 and height > 0:
                smaller = min((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
                out[i] = max(out[i], width * height / smaller)
    return out


def frame_of(
    number: int,
    time_s: float,
    people: Mapping[int, Box],
    *,
    looks: Mapping[int, NDArray[np.float32]] | None = None,
    overlaps: Mapping[int, float] | None = None,
    camera: str = "door",
    quality: float = 0.8,
) -> EmbeddedFrame:
    """One frame: track -> box, and track -> embedding for those embedded in it.

    Overlaps are computed from the boxes where they are not given.
    """
    ids = list(people)
    boxes = np.array([people[i] for i in ids], np.float32).reshape(-1, 4)
    covered = coverage(boxes) if overlaps is None else np.array([overlaps.get(i, 0.0) for i in ids])
    tracks = Tracks(
        camera=camera,
        number=number,
        captured_at_ns=at_ns(time_s),
        size_px=SIZE_PX,
        track_ids=np.array(ids, dtype=np.int64),
        boxes_px=boxes,
        scores=np.full(len(ids), 0.9, np.float32),
        overlaps=covered.astype(np.float32),
    )
    embeddings = tuple(
        Embedding(Crop(camera, i, number, at_ns(time_s), quality, PICTURE), vector, "reid@1")
        for i, vector in (looks or {}).items()
    )
    return EmbeddedFrame(tracks, embeddings)


def tracklet_of(
    track: int,
    start_s: float,
    end_s: float,
    *,
    camera: str = "door",
    part: int = 0,
    rate_hz: float = 10.0,
    begin: tuple[float, float] = (100.0, 240.0),
    end: tuple[float, float] | None = None,
    height: float = 100.0,
    vectors: Sequence[NDArray[np.float32]] = (),
    quality: float = 0.8,
    joined: bool = False,
    overlap_start: float = 0.0,
    overlap_end: float = 0.0,
    closed: bool = True,
    score: float = 0.9,
) -> Tracklet:
    """A tracklet of somebody who walks in a straight line from ``begin`` to ``end`` (or stands)."""
    first, last = round(start_s * rate_hz), round(end_s * rate_hz)
    frames = np.arange(first, last + 1, dtype=np.int64)
    share = np.linspace(0.0, 1.0, len(frames))
    goal = begin if end is None else end
    boxes = [
        box_at(begin[0] + s * (goal[0] - begin[0]), begin[1] + s * (goal[1] - begin[1]), height)
        for s in share
    ]
    times = np.array([at_ns(frame / rate_hz) for frame in frames], dtype=np.int64)
    rows = np.stack(vectors) if len(vectors) else np.zeros((0, 0), np.float32)
    crop = Crop(camera, track, int(frames[0]) + 1, int(times[0]), quality, PICTURE)
    return Tracklet(
        uid=f"{camera}/{track}/{part}",
        camera=camera,
        track=track,
        part=part,
        started_at_ns=int(times[0]),
        ended_at_ns=int(times[-1]),
        frames=frames + 1,
        times_ns=times,
        boxes_px=np.array(boxes, np.float32),
        scores=np.full(len(frames), score, np.float32),
        size_px=SIZE_PX,
        vector=unit(rows.sum(axis=0)) if len(rows) else np.zeros(0, np.float32),
        vectors=rows,
        weight=quality * len(rows),
        crops=(crop,) if len(rows) else (),
        model="reid@1" if len(rows) else "",
        joined=joined,
        overlap_start=overlap_start,
        overlap_end=overlap_end,
        closed=closed,
    )
