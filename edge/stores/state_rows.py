"""Rows of the state's tables, and the records they stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.stores.gallery import Exemplar
from edge.stores.kept import KeptPiece, KeptRun, KeptStrand

__all__ = [
    "count_visits",
    "exemplar_of",
    "exemplar_row",
    "hand_over",
    "piece_of",
    "piece_row",
    "strand_of",
    "strand_row",
]

Row = Sequence[Any]
BOX_BYTES = 8 + 8 + 16 + 4


def exemplar_row(identity: int, one: Exemplar, run: KeptRun) -> Row:
    """A row of ``exemplar``."""
    place = json.dumps([*one.head, *one.tail, one.height_px])
    seen = one.camera, _bytes_of(one.vector, "<f4"), float(one.weight), one.start_s, one.end_s, place
    return (identity, run.number + one.epoch, run.model, *seen, one.track, one.tracklet, one.strand)


def exemplar_of(row: Row) -> Exemplar:
    """The record of a row of epoch, camera, vector, weight, start, end, place, track, tracklet, strand."""
    epoch, camera, vector, weight, start_s, end_s, place, track, tracklet, strand = row
    left, top, right, bottom, height_px = json.loads(place)
    return Exemplar(
        camera=camera,
        vector=_array_of(vector, "<f4", np.float32),
        weight=weight,
        start_s=start_s,
        end_s=end_s,
        head=(left, top),
        tail=(right, bottom),
        height_px=height_px,
        track=track,
        tracklet=tracklet,
        strand=strand,
        epoch=epoch,
    )


def strand_row(one: KeptStrand) -> Row:
    """A row of ``strand``."""
    who = one.identity, one.probability, int(one.pinned), one.boxes, float(one.weight)
    shape = _bytes_of(one.vector, "<f4"), json.dumps(one.geometry), json.dumps(one.pieces)
    return (one.number, one.camera, one.track, one.visit, one.place, *who, *shape)


def strand_of(row: Row) -> KeptStrand:
    """The record of a row of ``strand``."""
    number, camera, track, visit, place, identity, probability, pinned, boxes, weight, *shape = row
    vector, geometry, pieces = shape
    return KeptStrand(
        number=number,
        camera=camera,
        track=track,
        visit=visit,
        place=place,
        identity=identity,
        probability=probability,
        pinned=bool(pinned),
        boxes=boxes,
        weight=weight,
        vector=_array_of(vector, "<f4", np.float32),
        geometry=tuple(json.loads(geometry)),
        pieces=tuple(json.loads(pieces)),
    )


def piece_row(one: KeptPiece) -> Row:
    """A row of ``piece``."""
    parts = (one.frames, "<i8"), (one.times_ns, "<i8"), (one.boxes_px, "<f4"), (one.scores, "<f4")
    boxes = b"".join(_bytes_of(array, kind) for array, kind in parts)
    return (one.uid, one.camera, one.strand, one.done, boxes)


def piece_of(row: Row) -> KeptPiece:
    """The record of a row of ``piece``."""
    uid, camera, strand, done, boxes = row
    count = len(boxes) // BOX_BYTES
    ends = np.cumsum([8 * count, 8 * count, 16 * count])
    frames, times, corners, scores = (
        boxes[begin:end] for begin, end in zip([0, *ends], [*ends, len(boxes)], strict=True)
    )
    return KeptPiece(
        uid=uid,
        camera=camera,
        strand=strand,
        done=done,
        frames=_array_of(frames, "<i8", np.int64),
        times_ns=_array_of(times, "<i8", np.int64),
        boxes_px=_array_of(corners, "<f4", np.float32).reshape(-1, 4),
        scores=_array_of(scores, "<f4", np.float32),
    )


def hand_over(connection: Connection, old: int, new: int) -> None:
    """Everything remembered of ``old`` is ``new``'s, who goes on alone."""
    connection.execute("UPDATE exemplar SET identity = ? WHERE identity = ?", (new, old))
    rows = connection.execute(
        "SELECT camera, count, first_s, last_s FROM visits WHERE identity = ?", (old,)
    ).fetchall()
    for camera, count, first_s, last_s in rows:
        _add_visits(connection, new, camera, count, first_s, last_s)
    connection.execute("DELETE FROM visits WHERE identity = ?", (old,))
    connection.execute("DELETE FROM apart WHERE one = ? OR other = ?", (old, old))
    connection.execute("INSERT OR REPLACE INTO ended VALUES (?, ?)", (old, new))
    connection.execute("DELETE FROM ended WHERE identity = ?", (new,))


def count_visits(connection: Connection, people: Mapping[int, Sequence[Exemplar]]) -> None:
    """Count visits that are remembered for the first time, and those that turn out to be somebody else's."""
    before: dict[int, int] = {}
    for identity in people:
        rows = connection.execute("SELECT strand FROM exemplar WHERE identity = ?", (identity,))
        before.update((strand, identity) for (strand,) in rows.fetchall())
    for identity, exemplars in people.items():
        for one in exemplars:
            was = before.get(one.strand)
            if was == identity:
                continue
            if was is not None:
                _add_visits(connection, was, one.camera, -1, one.start_s, one.end_s)
            _add_visits(connection, identity, one.camera, 1, one.start_s, one.end_s)


def _add_visits(
    connection: Connection, identity: int, camera: str, count: int, first_s: float, last_s: float
) -> None:
    connection.execute(
        "INSERT INTO visits VALUES (?, ?, ?, ?, ?) ON CONFLICT (identity, camera) DO UPDATE SET "
        "count = max(0, count + excluded.count), first_s = min(first_s, excluded.first_s), "
        "last_s = max(last_s, excluded.last_s)",
        (identity, camera, count, first_s, last_s),
    )


def _bytes_of(array: NDArray[Any], kind: str) -> bytes:
    return np.ascontiguousarray(array, dtype=kind).tobytes()


def _array_of(raw: bytes, kind: str, dtype: type[Any]) -> NDArray[Any]:
    return np.frombuffer(raw, kind).astype(dtype)
