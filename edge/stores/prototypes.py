"""Generated prototypes on disk: one process draws and writes them, others read them and erase people.

Of each identity the newest prototype is kept, with its pictures as PNG files that carry their label. Every
change takes the next number of one sequence, so a reader asks for what is newer than what it has seen.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from edge.clock import Clock, SystemClock
from edge.errors import RunError
from edge.records import Prototype
from edge.stores.database import Database, insert
from edge.stores.labelled import decode_png
from edge.stores.prototype_table import (
    COLUMNS,
    ERASED,
    MERGED,
    PROTOTYPES,
    REFERENCE,
    RETIRED,
    bytes_of,
    encode,
    files_of,
    hand_over,
    mark_gone,
    merged_into,
    next_number,
    present,
    prototype_of,
    remove,
)

__all__ = ["KeptPicture", "KeptPrototype", "PrototypeStore", "prototypes_beside"]

RETIRED_MAX = 10_000  # notes about who was retired


@dataclass(frozen=True, slots=True)
class KeptPrototype:
    """One line about a prototype.

    made_at_ns, used_at_ns: wall time.
    pictures: how many were generated and kept.
    size_bytes: pictures and vectors.
    """

    identity: int
    version: int
    made_at_ns: int
    used_at_ns: int
    model: str
    generator: str
    pictures: int
    size_bytes: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeptPicture:
    """A picture as it is kept.

    name: ``reference``, or the name of the pose.
    synthetic: whether it was generated; the file says so too.
    png: the file.
    """

    name: str
    synthetic: bool
    png: bytes


def prototypes_beside(state: Path) -> Path:
    """Where the prototypes of the people of a state are."""
    return state.with_name("prototypes.db")


class PrototypeStore:
    """Prototypes of identities in a file. Several processes may have it open, and threads may share one.

    A prototype that nobody used for ``ttl_s`` is gone, and so are those used least recently when all together
    are larger than ``bytes_max``.

    Every method may raise :class:`edge.errors.StoreError` when the file cannot be read or written just now;
    nothing is half done then, and the next call may succeed.

    Args:
        path: the file; made if missing. A broken or foreign one is moved aside (``database.moved``).
        ttl_s: how long a prototype is kept that nobody uses.
        bytes_max: what pictures and vectors may take together.
        clock: wall time.
        mend: False for who only looks: there must be a store then, and a broken one is left where it is.

    Raises:
        StartError: the file cannot be opened or written, or is of a newer version.
    """

    def __init__(
        self, path: Path, *, ttl_s: float, bytes_max: int, clock: Clock | None = None, mend: bool = True
    ) -> None:
        self._clock = clock or SystemClock()
        self._ttl_ns = int(ttl_s * 1e9)
        self._bytes_max = bytes_max
        self.database = Database(path, PROTOTYPES, self._clock, mend=mend)

    def claim(self, owner: str) -> int:
        """Say whose identities these are; called once by the run that names people, before anything else.

        Identities are numbers of one gallery. When the file belongs to another one (that was lost, or
        another site's), its prototypes would be given to the wrong people: they are erased.

        Returns:
            How many were erased.
        """
        with self.database.writing() as connection:
            before = connection.execute("SELECT owner FROM counter").fetchone()[0]
            connection.execute("UPDATE counter SET owner = ?", (owner,))
            if before in ("", owner):
                return 0
            count: int = connection.execute("SELECT count(*) FROM prototype").fetchone()[0]
            for table in ("prototype", "picture", "gone"):
                connection.execute(f"DELETE FROM {table}")
        self.database.scrub()
        return count

    # --- what the worker does ---

    def put(self, prototype: Prototype) -> int:
        """Keep a prototype, durably; the one before it of the same identity makes way.

        Its version becomes the next of its identity when it is not newer than the one kept, so that a worker
        need not know what there was. Of somebody merged into another identity, it becomes the other's.

        Returns:
            Its number in the sequence; 0 when it was not kept, since the person was erased.
        """
        if not len(prototype.generated) == len(prototype.poses) == len(prototype.pictures_bgr_mhwc):
            raise ValueError(
                f"{len(prototype.generated)} vectors, {len(prototype.poses)} poses and "
                f"{len(prototype.pictures_bgr_mhwc)} pictures of identity {prototype.identity}"
            )
        pictures = encode(prototype)
        real, generated = bytes_of(prototype.real), bytes_of(prototype.generated)
        with self.database.writing() as connection:
            identity = present(connection, prototype.identity)
            if not identity:
                return 0
            sequence = next_number(connection)
            before = connection.execute(
                "SELECT version FROM prototype WHERE identity = ?", (identity,)
            ).fetchone()
            remove(connection, identity)
            connection.execute("DELETE FROM gone WHERE identity = ?", (identity,))
            reference = prototype.reference
            row: dict[str, object] = {
                "identity": identity,
                "sequence": sequence,
                "version": max(prototype.version, before[0] + 1 if before else 1),
                "made_at_ns": prototype.made_at_ns,
                "used_at_ns": self._clock.now_ns(),
                "model": prototype.model,
                "generator": prototype.generator,
                "eta": float(prototype.eta),
                "poses": json.dumps(prototype.poses),
                "rejected": prototype.rejected,
                "real": real,
                "generated": generated,
                "camera": reference.camera,
                "track": int(reference.track),
                "frame_number": int(reference.frame_number),
                "captured_at_ns": int(reference.captured_at_ns),
                "quality": float(reference.quality),
                "bytes": sum(map(len, (real, generated, *pictures))),
            }
            insert(connection, "prototype", row)
            connection.executemany(
                "INSERT INTO picture VALUES (?, ?, ?)",
                [(identity, place, png) for place, png in enumerate(pictures)],
            )
            self._retire(connection)
        return sequence

    # --- what a live process asks ---

    def since(self, sequence: int, model: str, generator: str) -> list[tuple[int, Prototype]]:
        """Prototypes newer than a number of the sequence, oldest first, made by these models; cheap.

        They come without pixels: ``pictures_bgr_mhwc`` is (0, 0, 0, 3), the reference's picture (0, 0, 3).
        """
        with self.database.reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM prototype WHERE sequence > ? AND model = ? AND generator = ? "
                "AND used_at_ns >= ? ORDER BY sequence",
                (sequence, model, generator, self._oldest_ns()),
            ).fetchall()
        return [(row[0], prototype_of(row)) for row in rows]

    def gone_since(self, sequence: int) -> list[tuple[int, int]]:
        """Identities whose prototype is gone (erased, merged, retired), with the number of that change."""
        with self.database.reading() as connection:
            return connection.execute(
                "SELECT sequence, identity FROM gone WHERE sequence > ? ORDER BY sequence", (sequence,)
            ).fetchall()

    def stale(self, model: str, generator: str) -> list[int]:
        """Identities whose prototype other models made; :meth:`since` leaves them out: to be made again."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT identity FROM prototype WHERE (model, generator) != (?, ?) AND used_at_ns >= ? "
                "ORDER BY identity",
                (model, generator, self._oldest_ns()),
            ).fetchall()
        return [identity for (identity,) in rows]

    def touch(self, identities: Collection[int]) -> None:
        """These were used just now; once a minute is often enough."""
        now_ns = self._clock.now_ns()
        with self.database.writing() as connection:
            connection.executemany(
                "UPDATE prototype SET used_at_ns = ? WHERE identity = ?",
                [(now_ns, int(identity)) for identity in identities],
            )

    def merge(self, identity: int, other: int) -> None:
        """``other`` turned out to be ``identity``: of two prototypes that of the better reference stays.

        What is put for ``other`` from now on, becomes ``identity``'s.
        """
        if identity == other:
            return
        with self.database.writing() as connection:
            heir = present(connection, identity)
            if heir == 0:  # erased, and so is who turned out to be the same
                remove(connection, other)
                mark_gone(connection, other, ERASED)
            elif heir != other:
                hand_over(connection, other, heir)
                mark_gone(connection, other, MERGED, heir)

    def rename(self, identity: int, new: int) -> None:
        """What is kept of ``identity`` is ``new``'s: part of somebody became somebody else, with these looks.

        Where ``new`` has one already, the one of the better reference crop stays. More may come of both.
        """
        if identity == new:
            return
        with self.database.writing() as connection:
            if hand_over(connection, identity, new):
                mark_gone(connection, identity, RETIRED)

    def erase(self, identity: int) -> bool:
        """Delete everything about somebody, overwrite it on disk, and keep nothing of them from now on.

        Of those merged into them too. The number stays known as erased, so that a prototype which is being
        drawn meanwhile is not kept either.

        Returns:
            Whether there was anything.
        """
        with self.database.writing() as connection:
            everybody = [identity, *merged_into(connection, identity)]
            found = [one for one in everybody if remove(connection, one)]
            for one in everybody:
                mark_gone(connection, one, ERASED)
        self.database.scrub()
        return bool(found)

    def expire(self) -> list[int]:
        """Delete what nobody used for ``ttl_s``, and what is beyond ``bytes_max``; who that was.

        Every :meth:`put` does it too.
        """
        with self.database.writing() as connection:
            return self._retire(connection)

    # --- looking at them ---

    def get(self, identity: int) -> Prototype | None:
        """The prototype of somebody, with its pictures, whichever models made it."""
        with self.database.reading() as connection:
            row = connection.execute(
                f"SELECT {COLUMNS} FROM prototype WHERE identity = ? AND used_at_ns >= ?",
                (identity, self._oldest_ns()),
            ).fetchone()
            files = files_of(connection, identity)
        return prototype_of(row, [decode_png(png) for png in files]) if row else None

    def pictures(self, identity: int) -> list[KeptPicture]:
        """The reference, then the generated pictures, as files that carry their label; empty for nobody."""
        with self.database.reading() as connection:
            row = connection.execute(
                "SELECT poses FROM prototype WHERE identity = ? AND used_at_ns >= ?",
                (identity, self._oldest_ns()),
            ).fetchone()
            files = files_of(connection, identity)
        if row is None:
            return []
        names = ["reference", *json.loads(row[0])]
        return [
            KeptPicture(name, place != REFERENCE, png)
            for place, (name, png) in enumerate(zip(names, files, strict=True))
        ]

    def export(self, identity: int, folder: Path) -> list[Path]:
        """Write somebody's pictures as ``<identity>-reference.png`` and ``<identity>-generated-<pose>.png``.

        Raises:
            RunError: a file cannot be written.
        """
        written = []
        for place, picture in enumerate(self.pictures(identity)):
            kind = f"generated-{place}-{_plain(picture.name)}" if picture.synthetic else "reference"
            path = folder / f"{identity}-{kind}.png"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_bytes(picture.png)
            except OSError as error:
                raise RunError(f"cannot write '{path}': {error.strerror or error}") from error
            written.append(path)
        return written

    def kept(self) -> list[KeptPrototype]:
        """What is kept, by identity."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT identity, version, made_at_ns, used_at_ns, model, generator, poses, bytes "
                "FROM prototype WHERE used_at_ns >= ? ORDER BY identity",
                (self._oldest_ns(),),
            ).fetchall()
        return [
            KeptPrototype(identity, version, made_ns, used_ns, model, generator, len(json.loads(poses)), size)
            for identity, version, made_ns, used_ns, model, generator, poses, size in rows
        ]

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def _oldest_ns(self) -> int:
        return self._clock.now_ns() - self._ttl_ns

    def _retire(self, connection: Connection) -> list[int]:
        retired = connection.execute(
            "SELECT identity FROM prototype WHERE used_at_ns < ? ORDER BY identity", (self._oldest_ns(),)
        ).fetchall()
        total = connection.execute("SELECT total(bytes) FROM prototype").fetchone()[0]
        if total > self._bytes_max:
            oldest = "SELECT identity, bytes FROM prototype ORDER BY used_at_ns, sequence"
            for identity, size in connection.execute(oldest).fetchall():
                if total <= self._bytes_max:
                    break
                total -= size
                if (identity,) not in retired:
                    retired.append((identity,))
        for (identity,) in retired:
            remove(connection, identity)
            mark_gone(connection, identity, RETIRED)
        if retired:
            connection.execute(
                "DELETE FROM gone WHERE why = ? AND sequence <= (SELECT sequence FROM counter) - ?",
                (RETIRED, RETIRED_MAX),
            )
        return [identity for (identity,) in retired]


def _plain(name: str) -> str:
    """A pose's name as part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
