"""How prototypes lie in a SQLite file: tables, rows, and what is done with one identity's row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from sqlite3 import Connection

import numpy as np
from numpy.typing import NDArray

from edge.records import Crop, Prototype
from edge.stores.database import Layout, insert, rows_in
from edge.stores.labelled import encode_png, encode_synthetic

__all__ = [
    "COLUMNS",
    "ERASED",
    "MERGED",
    "PROTOTYPES",
    "REFERENCE",
    "RETIRED",
    "bytes_of",
    "encode",
    "files_of",
    "hand_over",
    "mark_gone",
    "merged_into",
    "next_number",
    "present",
    "prototype_of",
    "remove",
]

PROTOTYPES = Layout(
    what="prototype store",
    application_id=0x45525031,
    version=1,
    tables=(
        "CREATE TABLE counter (owner TEXT NOT NULL, sequence INTEGER NOT NULL)",
        "INSERT INTO counter VALUES ('', 0)",
        "CREATE TABLE prototype (identity INTEGER PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, "
        "version INTEGER NOT NULL, made_at_ns INTEGER NOT NULL, used_at_ns INTEGER NOT NULL, "
        "model TEXT NOT NULL, generator TEXT NOT NULL, eta REAL NOT NULL, poses TEXT NOT NULL, "
        "rejected INTEGER NOT NULL, real BLOB NOT NULL, generated BLOB NOT NULL, camera TEXT NOT NULL, "
        "track INTEGER NOT NULL, frame_number INTEGER NOT NULL, captured_at_ns INTEGER NOT NULL, "
        "quality REAL NOT NULL, bytes INTEGER NOT NULL)",
        "CREATE INDEX prototype_used ON prototype (used_at_ns, sequence)",
        "CREATE TABLE picture (identity INTEGER NOT NULL, place INTEGER NOT NULL, png BLOB NOT NULL, "
        "PRIMARY KEY (identity, place))",
        "CREATE TABLE gone (identity INTEGER PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, "
        "heir INTEGER NOT NULL, why TEXT NOT NULL)",
    ),
)

ERASED, MERGED, RETIRED = "erased", "merged", "retired"
REFERENCE = 0  # the place of the photograph; the generated ones come after it
COLUMNS = (
    "sequence, identity, version, made_at_ns, real, generated, eta, poses, rejected, model, generator, "
    "camera, track, frame_number, captured_at_ns, quality"
)


def next_number(connection: Connection) -> int:
    """The next number of the sequence."""
    connection.execute("UPDATE counter SET sequence = sequence + 1")
    return int(connection.execute("SELECT sequence FROM counter").fetchone()[0])


def remove(connection: Connection, identity: int) -> bool:
    """Delete somebody's prototype and pictures; whether there was one."""
    connection.execute("DELETE FROM picture WHERE identity = ?", (identity,))
    return connection.execute("DELETE FROM prototype WHERE identity = ?", (identity,)).rowcount > 0


def mark_gone(connection: Connection, identity: int, why: str, heir: int = 0) -> None:
    """Note that somebody's prototype is no more, and whose it is now, if anybody's."""
    row: dict[str, object] = {"identity": identity, "sequence": next_number(connection)}
    insert(connection, "gone", row | {"heir": heir, "why": why})


def present(connection: Connection, identity: int) -> int:
    """What an identity is called now, following merges; 0 when it was erased."""
    seen: set[int] = set()
    while identity not in seen:
        seen.add(identity)
        row = connection.execute("SELECT why, heir FROM gone WHERE identity = ?", (identity,)).fetchone()
        if row is None or row[0] == RETIRED:
            return identity
        if row[0] == ERASED:
            return 0
        identity = row[1]
    return identity


def merged_into(connection: Connection, identity: int) -> list[int]:
    """Who was merged into somebody, and into those."""
    found: list[int] = []
    front = [identity]
    while front:
        rows = connection.execute(
            f"SELECT identity FROM gone WHERE why = ? AND heir IN {rows_in(len(front))}", (MERGED, *front)
        ).fetchall()
        front = [one for (one,) in rows if one not in found and one != identity]
        found += front
    return found


def hand_over(connection: Connection, giver: int, heir: int) -> bool:
    """Give one's prototype to another, unless the other's is of a better crop; whether there was one."""
    ask = "SELECT version, quality FROM prototype WHERE identity = ?"
    given = connection.execute(ask, (giver,)).fetchone()
    held = connection.execute(ask, (heir,)).fetchone()
    if given is None:
        return False
    if held is not None and held[1] >= given[1]:
        remove(connection, giver)
        return True
    remove(connection, heir)
    version = max(given[0], held[0] + 1) if held else given[0]
    connection.execute(
        "UPDATE prototype SET identity = ?, sequence = ?, version = ? WHERE identity = ?",
        (heir, next_number(connection), version, giver),
    )
    connection.execute("UPDATE picture SET identity = ? WHERE identity = ?", (heir, giver))
    connection.execute("DELETE FROM gone WHERE identity = ? AND why = ?", (heir, RETIRED))
    return True


def files_of(connection: Connection, identity: int) -> list[bytes]:
    """The PNG files of somebody: the reference, then the generated ones."""
    rows = connection.execute("SELECT png FROM picture WHERE identity = ? ORDER BY place", (identity,))
    return [png for (png,) in rows.fetchall()]


def encode(prototype: Prototype) -> list[bytes]:
    """The reference and the generated pictures as files."""
    source = {"Description": "Photograph: cut out of a camera's picture.", "Software": "edge-reid"}
    drawn = zip(prototype.poses, prototype.pictures_bgr_mhwc, strict=True)
    made_by = f"generator {prototype.generator}, ReID model {prototype.model}"
    return [
        encode_png(prototype.reference.image_bgr_hwc, source),
        *(encode_synthetic(image, f"pose {pose}; {made_by}") for pose, image in drawn),
    ]


def bytes_of(array: NDArray[np.float32]) -> bytes:
    """A float32 array as it is kept: little-endian."""
    return np.ascontiguousarray(array, dtype="<f4").tobytes()


def prototype_of(row: Sequence[object], pictures: Sequence[NDArray[np.uint8]] = ()) -> Prototype:
    """A row of :data:`COLUMNS`, with the reference and the generated pictures where they were read."""
    (_, identity, version, made_at_ns, real, generated, eta, poses, rejected, model, generator, *seen) = row
    camera, track, frame_number, captured_at_ns, quality = seen
    vector = np.frombuffer(real, "<f4").astype(np.float32)  # type: ignore[call-overload]
    others = np.frombuffer(generated, "<f4").astype(np.float32)  # type: ignore[call-overload]
    reference = pictures[0] if pictures else np.zeros((0, 0, 3), np.uint8)
    drawn = np.stack(pictures[1:]) if len(pictures) > 1 else np.zeros((0, 0, 0, 3), np.uint8)
    return Prototype(
        identity=identity,  # type: ignore[arg-type]
        version=version,  # type: ignore[arg-type]
        made_at_ns=made_at_ns,  # type: ignore[arg-type]
        real=vector,
        generated=others.reshape(-1, max(len(vector), 1)),
        eta=eta,  # type: ignore[arg-type]
        poses=tuple(json.loads(str(poses))),
        rejected=rejected,  # type: ignore[arg-type]
        model=str(model),
        generator=str(generator),
        reference=Crop(camera, track, frame_number, captured_at_ns, quality, reference),  # type: ignore[arg-type]
        pictures_bgr_mhwc=drawn,
    )
