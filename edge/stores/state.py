"""A run's memory on disk: who is known, and what is under way, so that a restart goes on where it was.

The file holds no pictures. What is reported is written here first, in one transaction with the event's line
(an outbox): so the events' file is never ahead, and what it lacks after a kill is still here.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from sqlite3 import Connection

from edge.clock import Clock, SystemClock
from edge.errors import StartError, StoreError
from edge.stores.database import Database, Layout
from edge.stores.kept import Change, Counts, KeptPerson, KeptRun, KeptState
from edge.stores.state_rows import (
    count_visits,
    exemplar_of,
    exemplar_row,
    hand_over,
    piece_of,
    piece_row,
    strand_of,
    strand_row,
)

__all__ = ["STATE", "StateStore"]

STATE = Layout(
    what="state",
    application_id=0x45525331,
    version=1,
    tables=(
        "CREATE TABLE fact (name TEXT PRIMARY KEY, value NOT NULL)",
        "CREATE TABLE run (number INTEGER PRIMARY KEY, name TEXT NOT NULL, site TEXT NOT NULL, "
        "model TEXT NOT NULL, started_at_ns INTEGER NOT NULL, ended INTEGER NOT NULL)",
        "CREATE TABLE exemplar (identity INTEGER NOT NULL, run INTEGER NOT NULL, model TEXT NOT NULL, "
        "camera TEXT NOT NULL, vector BLOB NOT NULL, weight REAL NOT NULL, start_s REAL NOT NULL, "
        "end_s REAL NOT NULL, place TEXT NOT NULL, track INTEGER NOT NULL, tracklet TEXT NOT NULL, "
        "strand INTEGER NOT NULL)",
        "CREATE INDEX exemplar_identity ON exemplar (identity)",
        "CREATE TABLE visits (identity INTEGER NOT NULL, camera TEXT NOT NULL, count INTEGER NOT NULL, "
        "first_s REAL NOT NULL, last_s REAL NOT NULL, PRIMARY KEY (identity, camera))",
        "CREATE TABLE apart (one INTEGER NOT NULL, other INTEGER NOT NULL, PRIMARY KEY (one, other))",
        "CREATE TABLE ended (identity INTEGER PRIMARY KEY, heir INTEGER NOT NULL)",
        "CREATE INDEX ended_heir ON ended (heir)",
        "CREATE TABLE erased (identity INTEGER PRIMARY KEY, heard INTEGER NOT NULL)",
        "CREATE TABLE strand (number INTEGER PRIMARY KEY, camera TEXT NOT NULL, track INTEGER NOT NULL, "
        "visit INTEGER NOT NULL, place INTEGER NOT NULL, identity INTEGER NOT NULL, "
        "probability REAL NOT NULL, pinned INTEGER NOT NULL, boxes INTEGER NOT NULL, weight REAL NOT NULL, "
        "vector BLOB NOT NULL, geometry TEXT NOT NULL, pieces TEXT NOT NULL)",
        "CREATE TABLE piece (uid TEXT PRIMARY KEY, camera TEXT NOT NULL, strand INTEGER NOT NULL, "
        "done INTEGER NOT NULL, boxes BLOB NOT NULL)",
        "CREATE TABLE outbox (number INTEGER PRIMARY KEY, line TEXT NOT NULL)",
        "CREATE TABLE lesson (name TEXT PRIMARY KEY, body BLOB NOT NULL)",
    ),
)

LIVE_BUSY_S = 0.2  # the live path waits no longer for another process


class StateStore:
    """The state of one site in a file. One run at a time writes it; others may look, and erase people.

    Methods may raise :class:`edge.errors.StoreError` when the file cannot be read or written just now;
    nothing is half done then.

    Args:
        path: the file; made if missing. A broken or foreign one is moved aside (``database.moved``).
        clock: wall time.
        exclusive: for the run that writes it; a second one is refused. False for who only looks, or erases:
            there must be a state.

    Raises:
        StartError: it cannot be opened or written, is of a newer version, or another run has it.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None, exclusive: bool = True) -> None:
        busy_s = LIVE_BUSY_S if exclusive else 5.0
        self.database = Database(
            path, STATE, clock or SystemClock(), durable=False, busy_s=busy_s, mend=exclusive
        )
        self._lease: int | None = None
        if exclusive:
            self._take_lease()

    @property
    def owner(self) -> str:
        """Names this memory: identities are numbers of it and of no other."""
        with self.database.writing() as connection:
            owner = _fact(connection, "owner")
            if not owner:
                owner = uuid.uuid4().hex
                _set_fact(connection, "owner", owner)
        return str(owner)

    @property
    def begun(self) -> int:
        """How often a new file was begun; when that grows, what was written before is gone."""
        return self.database.begun

    # --- what a run does ---

    def begin(self, name: str, site: str, model: str, started_at_ns: int) -> KeptRun:
        """Note that a run begins."""
        with self.database.writing() as connection:
            number = 1 + (connection.execute("SELECT max(number) FROM run").fetchone()[0] or 0)
            row = (number, name, site, model, started_at_ns, 0)
            connection.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)", row)
        return KeptRun(number, name, site, model, started_at_ns, ended=False)

    def end(self, number: int) -> None:
        """Note that a run has ended as it should: nothing of it is open."""
        with self.database.writing() as connection:
            for table in ("strand", "piece"):
                connection.execute(f"DELETE FROM {table}")
            connection.execute("UPDATE run SET ended = 1 WHERE number = ?", (number,))

    def last_run(self) -> KeptRun | None:
        """The latest run; None when there was none."""
        with self.database.reading() as connection:
            row = connection.execute(
                "SELECT number, name, site, model, started_at_ns, ended FROM run ORDER BY number DESC LIMIT 1"
            ).fetchone()
        if row is None:
            return None
        number, name, site, model, started_at_ns, ended = row
        return KeptRun(number, name, site, model, started_at_ns, bool(ended))

    def cameras(self) -> list[str]:
        """Names of all cameras something is remembered of."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT camera FROM exemplar UNION SELECT camera FROM strand UNION SELECT camera FROM piece"
            ).fetchall()
        return [camera for (camera,) in rows]

    def load(self, model: str, run: int) -> KeptState:
        """Everything that is remembered.

        Args:
            model: fingerprint of the ReID model; visits another one embedded are left out.
            run: number of the run that asks; epochs count from it.
        """
        with self.database.reading() as connection:
            people: dict[int, list[object]] = {}
            rows = connection.execute(
                "SELECT identity, run - ?, camera, vector, weight, start_s, end_s, place, track, tracklet, "
                "strand FROM exemplar WHERE model = ? ORDER BY max(end_s) OVER (PARTITION BY identity), "
                "identity, rowid",
                (run, model),
            )
            for identity, *fields in rows:
                people.setdefault(identity, []).append(exemplar_of(fields))
            pairs = connection.execute("SELECT one, other FROM apart ORDER BY one, other").fetchall()
            apart = [pair for pair in pairs if all(identity in people for identity in pair)]
            strands = connection.execute("SELECT * FROM strand ORDER BY visit, place").fetchall()
            pieces = connection.execute("SELECT * FROM piece ORDER BY rowid").fetchall()
            known = connection.execute("SELECT count(DISTINCT identity) FROM exemplar").fetchone()[0]
            return KeptState(
                counts=_counts(connection),
                people=people,  # type: ignore[arg-type]
                apart=apart,
                strands=[strand_of(row) for row in strands],
                pieces=[piece_of(row) for row in pieces],
                events=_events(connection),
                others=known - len(people),
            )

    def commit(self, run: KeptRun, change: Change, *, whole: bool = False) -> list[int]:
        """Write a change, all of it or nothing.

        Args:
            run: the run that goes on.
            change: what is different.
            whole: the change is all there is; what was open before is dropped.

        Returns:
            Identities that were erased meanwhile by somebody else: the run shall forget them.
        """
        with self.database.writing() as connection:
            same = "SELECT 1 FROM run WHERE number = ? AND name = ?"
            if connection.execute(same, (run.number, run.name)).fetchone() is None:
                raise StoreError(f"state '{self.database.path}' is not the one it was; it is written anew")
            if whole:
                for table in ("strand", "piece"):
                    connection.execute(f"DELETE FROM {table}")
            _set_counts(connection, change.counts)
            for old, new in change.merged:
                hand_over(connection, old, new)
            count_visits(connection, change.people)
            for identity, exemplars in change.people.items():
                connection.execute(
                    "DELETE FROM exemplar WHERE identity = ? AND model = ?", (identity, run.model)
                )
                connection.executemany(
                    "INSERT INTO exemplar VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [exemplar_row(identity, one, run) for one in exemplars],
                )
                connection.execute(
                    "DELETE FROM visits WHERE identity = ? AND NOT EXISTS "
                    "(SELECT 1 FROM exemplar WHERE exemplar.identity = visits.identity)",
                    (identity,),
                )
            _part(connection, change.apart, run.model)
            connection.executemany(
                "DELETE FROM strand WHERE number = ?", [(number,) for number in change.strands_gone]
            )
            connection.executemany(
                f"INSERT OR REPLACE INTO strand VALUES ({', '.join('?' * 13)})",
                [strand_row(strand) for strand in change.strands],
            )
            connection.executemany("DELETE FROM piece WHERE uid = ?", [(uid,) for uid in change.pieces_gone])
            connection.executemany(
                "INSERT OR REPLACE INTO piece VALUES (?, ?, ?, ?, ?)",
                [piece_row(piece) for piece in change.pieces],
            )
            connection.execute("DELETE FROM outbox WHERE number <= ?", (change.told,))
            connection.executemany("INSERT OR REPLACE INTO outbox VALUES (?, ?)", change.lines)
            if change.lines:
                _set_fact(connection, "events", change.lines[-1][0])
            return _hear_erased(connection)

    def outbox(self) -> list[tuple[int, str]]:
        """Events, as (number, line), of which it is not known that they are in the file."""
        with self.database.reading() as connection:
            return connection.execute("SELECT number, line FROM outbox ORDER BY number").fetchall()

    def count_from(self, identities: int) -> None:
        """Never give identities up to this one again; for a state that lags behind what was reported."""
        with self.database.writing() as connection:
            counts = _counts(connection)
            missed = max(0, identities - counts.identities)
            if missed:
                more = Counts(counts.strands, counts.identities + missed, counts.ended + missed)
                _set_counts(connection, more)

    def teach(self, lessons: Mapping[str, bytes]) -> None:
        """Keep what was learnt besides people, under these names."""
        with self.database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO lesson VALUES (?, ?)", list(lessons.items()))

    def lessons(self) -> dict[str, bytes]:
        """What :meth:`teach` was given last."""
        with self.database.reading() as connection:
            return dict(connection.execute("SELECT name, body FROM lesson").fetchall())

    def forget_everybody(self) -> None:
        """Erase all people and all that was learnt; numbers are still not given twice."""
        with self.database.writing() as connection:
            for table in ("exemplar", "visits", "apart", "strand", "piece", "lesson"):
                connection.execute(f"DELETE FROM {table}")
            _set_fact(connection, "owner", uuid.uuid4().hex)
        self.database.scrub()

    # --- what others do ---

    def people(self) -> list[KeptPerson]:
        """Who is remembered, by identity."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT identity, count(*), group_concat(DISTINCT model) FROM exemplar "
                "GROUP BY identity ORDER BY identity"
            ).fetchall()
            return [
                _person(connection, identity, count, models.split(",")) for identity, count, models in rows
            ]

    def heir_of(self, identity: int) -> int:
        """What an identity is called now, following merges."""
        with self.database.reading() as connection:
            while True:
                row = connection.execute("SELECT heir FROM ended WHERE identity = ?", (identity,)).fetchone()
                if row is None:
                    return identity
                identity = row[0]

    def names_of(self, identity: int) -> list[int]:
        """All numbers somebody had, the present one first."""
        with self.database.reading() as connection:
            names = [identity]
            for name in names:
                rows = connection.execute(
                    "SELECT identity FROM ended WHERE heir = ? ORDER BY identity", (name,)
                ).fetchall()
                names += [one for (one,) in rows if one not in names]
        return names

    def erase(self, identity: int) -> bool:
        """Delete everything about somebody, under all their names, and overwrite it on disk.

        A run that has the file open hears of it at its next decision, and forgets them too.

        Returns:
            Whether there was anything.
        """
        names = self.names_of(identity)
        found = 0
        with self.database.writing() as connection:
            for name in names:
                for table in ("exemplar", "visits"):
                    done = connection.execute(f"DELETE FROM {table} WHERE identity = ?", (name,))
                    found += done.rowcount
                connection.execute(
                    "DELETE FROM piece WHERE strand IN (SELECT number FROM strand WHERE identity = ?)",
                    (name,),
                )
                found += connection.execute("DELETE FROM strand WHERE identity = ?", (name,)).rowcount
                connection.execute("DELETE FROM apart WHERE one = ? OR other = ?", (name, name))
                connection.execute("INSERT OR REPLACE INTO erased VALUES (?, 0)", (name,))
            for number, line in connection.execute("SELECT number, line FROM outbox").fetchall():
                event = json.loads(line)
                if event["identity"] in names or event["previous"] in names:
                    connection.execute("DELETE FROM outbox WHERE number = ?", (number,))
        self.database.scrub()
        return found > 0

    @property
    def is_in_use(self) -> bool:
        """Whether a run has the file."""
        if self._lease is not None or not self._lease_path.exists():
            return self._lease is not None
        handle = self._try_lease()
        if handle is not None:
            self._give_back(handle)
        return handle is None

    def close(self) -> None:
        """Let go of the file, and of the right to write it."""
        self.database.close()
        if self._lease is not None:
            self._give_back(self._lease)
            self._lease = None

    @property
    def _lease_path(self) -> Path:
        """Locked by the run that writes; not the file itself, whose locks are SQLite's."""
        return self.database.path.with_name(f".{self.database.path.name}.lock")

    def _take_lease(self) -> None:
        self._lease = self._try_lease()
        if self._lease is None:
            path = self.database.path
            self.database.close()
            raise StartError(
                f"another edge-run writes state '{path}'; end it, or give another --out or --state"
            )

    def _try_lease(self) -> int | None:
        """A handle that holds the lock; None when another process does."""
        while True:
            handle = os.open(self._lease_path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(handle).st_ino == self._lease_path.stat().st_ino:
                    return handle
            except FileNotFoundError:  # whoever had it took it away meanwhile
                pass
            except OSError:
                os.close(handle)
                return None
            os.close(handle)

    def _give_back(self, handle: int) -> None:
        with suppress(OSError):
            self._lease_path.unlink()
        os.close(handle)


def _fact(connection: Connection, name: str) -> object:
    row = connection.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def _set_fact(connection: Connection, name: str, value: object) -> None:
    connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))


def _counts(connection: Connection) -> Counts:
    text = _fact(connection, "counts")
    return Counts(*json.loads(str(text))) if text else Counts()


def _set_counts(connection: Connection, counts: Counts) -> None:
    _set_fact(connection, "counts", json.dumps([counts.strands, counts.identities, counts.ended]))


def _events(connection: Connection) -> int:
    return int(str(_fact(connection, "events") or 0))


def _part(connection: Connection, apart: Mapping[int, AbstractSet[int]], model: str) -> None:
    """Write who is apart from whom anew; of those whom only another model knows, what is known stays."""
    strange = "(SELECT identity FROM exemplar WHERE model != ?)"
    for identity, others in apart.items():
        connection.execute(
            f"DELETE FROM apart WHERE (one = ? AND other NOT IN {strange}) "
            f"OR (other = ? AND one NOT IN {strange})",
            (identity, model, identity, model),
        )
        pairs = [(min(identity, other), max(identity, other)) for other in sorted(others)]
        connection.executemany("INSERT OR REPLACE INTO apart VALUES (?, ?)", pairs)


def _hear_erased(connection: Connection) -> list[int]:
    rows = connection.execute("SELECT identity FROM erased WHERE NOT heard ORDER BY identity").fetchall()
    if rows:
        connection.execute("UPDATE erased SET heard = 1")
    return [identity for (identity,) in rows]


def _person(connection: Connection, identity: int, exemplars: int, models: Sequence[str]) -> KeptPerson:
    rows = connection.execute(
        "SELECT camera, count, first_s, last_s FROM visits WHERE identity = ? ORDER BY camera", (identity,)
    ).fetchall()
    return KeptPerson(
        identity=identity,
        visits={camera: count for camera, count, _, _ in rows if count},
        first_s=min((first_s for *_, first_s, _ in rows), default=0.0),
        last_s=max((last_s for *_, last_s in rows), default=0.0),
        exemplars=exemplars,
        models=tuple(sorted(models)),
    )
