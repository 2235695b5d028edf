"""A SQLite file of ours: opened and checked, set right when it is broken, written to in transactions.

It is in WAL mode: readers are never kept waiting by a writer, in whichever process, and a transaction that
has returned survives a kill. What is deleted is overwritten with zeros (``secure_delete``).
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge.clock import Clock
from edge.errors import StartError, StoreError

__all__ = ["Database", "Layout", "insert", "rows_in"]

_log = logging.getLogger(__name__)

BUSY_S = 5.0
HEADER_BYTES = 512  # of the smallest page; SQLite takes a smaller file for an empty one
LOG_BYTES_MAX = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Layout:
    """What is in a file of one kind.

    what: what the user calls it, ``prototype store``.
    application_id: 32 bits in the file's header that tell it from everybody else's.
    version: of the tables; a file of a newer one is refused.
    tables: statements that make them.
    """

    what: str
    application_id: int
    version: int
    tables: tuple[str, ...]


class _Unusable(Exception):
    """The file is not what it should be, for this reason."""


class Database:
    """One SQLite file, open. Threads may share it, they wait for each other; a process opens its own.

    A file that is broken or somebody else's is moved aside, and a new one begun; :attr:`moved` says so, and
    the log. That may happen later too: whoever finds it broken while it is open is told so by a
    :class:`edge.errors.StoreError`, and the next call opens it anew.

    Args:
        path: the file; its folder is made.
        layout: what is in it.
        clock: names what is moved aside.
        durable: whether a transaction survives a power cut (one ``fsync`` each). Without, it survives a
            kill of the process, and after a power cut the newest ones may be missing, never half there.
        busy_s: how long a call waits for another writer.
        mend: False for who only looks: a file that is missing, broken or somebody else's is an error then.

    Raises:
        StartError: it cannot be opened or written, or is of a newer version.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        clock: Clock,
        *,
        durable: bool = True,
        busy_s: float = BUSY_S,
        mend: bool = True,
    ) -> None:
        self.path = path
        self.moved: Path | None = None
        self.begun = 0  # how often a new file was begun here
        self._layout = layout
        self._clock = clock
        self._durable = durable
        self._busy_s = busy_s
        self._mend = mend
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._unscrubbed = False
        try:
            if mend:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.is_file():
                raise StartError(f"there is no {layout.what} '{path}'")
            self._connection = self._open()
        except (sqlite3.Error, OSError) as error:
            raise StartError(self._complaint("opened", error)) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Everything read in the block is of one moment.

        Raises:
            StoreError: it cannot be read just now.
        """
        with self._transaction("BEGIN", "read") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Everything written in the block is there when it ends, or nothing of it.

        Raises:
            StoreError: nothing was written; also when the block raised something of SQLite's.
        """
        with self._transaction("BEGIN IMMEDIATE", "written") as connection:
            yield connection
        if self._unscrubbed:
            self.scrub()

    def scrub(self) -> bool:
        """Take what was deleted out of the write-ahead log too, and give its room back.

        Returns:
            False when a reader in another process still needs the log; it is tried again after the next
            write, and when the file is closed.

        Raises:
            StoreError: it cannot be written just now.
        """
        with self._lock, self._blame("written") as connection:
            connection.execute("PRAGMA incremental_vacuum").fetchall()
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        self._unscrubbed = bool(busy)
        return not busy

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._lock:
            if self._connection is not None and self._unscrubbed:
                with suppress(StoreError):
                    self.scrub()
            self._drop()

    @contextmanager
    def _transaction(self, begin: str, verb: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._blame(verb) as connection:
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _blame(self, verb: str) -> Iterator[sqlite3.Connection]:
        """The connection, opened anew if it has to be; what SQLite says becomes one line."""
        try:
            yield self._connected()
        except (sqlite3.Error, OSError) as error:
            if _is_broken(error):
                self._drop()
            raise StoreError(self._complaint(verb, error)) from error
        except StartError as error:  # somebody has put a newer one in its place
            raise StoreError(str(error)) from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._inode_now() != self._inode:
            self._drop()  # somebody has moved it aside
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _inode_now(self) -> int:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return 0

    def _open(self) -> sqlite3.Connection:
        with _alone_in(self.path.parent):
            try:
                return self._try_open()
            except (_Unusable, sqlite3.DatabaseError) as error:
                if not isinstance(error, _Unusable) and not _is_broken(error):
                    raise
                if not self._mend:
                    raise StartError(f"{self._layout.what} '{self.path}' {_reason(error)}") from error
                self._move_aside(error)
            return self._try_open()

    def _try_open(self) -> sqlite3.Connection:
        if self.path.is_file() and 0 < self.path.stat().st_size < HEADER_BYTES:
            raise _Unusable(f"is no {self._layout.what}")
        connection = sqlite3.connect(
            self.path, timeout=self._busy_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._check(connection)
            connection.execute("PRAGMA secure_delete = ON").fetchall()
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_MAX}").fetchall()
            connection.execute("BEGIN IMMEDIATE")  # says now that it can be written
            connection.execute("ROLLBACK")
        except BaseException:
            connection.close()
            raise
        self._inode = self._inode_now()
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        """See whose file it is, and that it is whole; make the tables of a new one.

        Raises:
            _Unusable: it is broken or somebody else's.
            StartError: it is of a newer version.
        """
        layout = self._layout
        whose = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if not whose and not version and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._begin(connection)
            return
        if whose != layout.application_id or version < 1:
            raise _Unusable(f"is no {layout.what}")
        if version > layout.version:
            raise StartError(
                f"{layout.what} '{self.path}' is of version {version}, from a newer edge-reid; this one "
                f"knows version {layout.version}; update edge-reid, or move the file away"
            )
        said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise _Unusable(f"is broken ({' '.join(str(said).split())})")

    def _begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        for statement in self._layout.tables:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {self._layout.application_id}")
        connection.execute(f"PRAGMA user_version = {self._layout.version}")
        connection.execute("COMMIT")
        self.path.chmod(0o600)  # what is known of people is not everybody's
        self.begun += 1

    def _move_aside(self, error: Exception) -> None:
        """Rename the file and its log, which would spoil a new one."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock.now_ns() // 10**9))
        count = 0
        while True:
            ending = f".broken-{stamp}" + (f"-{count}" if count else "")
            aside = self.path.with_name(self.path.name + ending)
            if not aside.exists():
                break
            count += 1
        self.path.replace(aside)
        for log in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                self.path.with_name(self.path.name + log).replace(aside.with_name(aside.name + log))
        self.moved = aside
        _log.warning(
            "%s '%s' %s; it was moved to '%s', and a new one begun",
            self._layout.what,
            self.path,
            _reason(error),
            aside.name,
        )

    def _complaint(self, verb: str, error: Exception) -> str:
        said = (error.strerror if isinstance(error, OSError) else "") or str(error)
        if "full" in said or "No space" in said:
            remedy = "free some space"
        elif "locked" in said or "busy" in said:
            remedy = "another process keeps it locked"
        elif _is_broken(error):
            remedy = "it will be moved aside and a new one begun"
        else:
            remedy = "see that the file and its folder may be written"
        return f"{self._layout.what} '{self.path}' cannot be {verb}: {said}; {remedy}"


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, _Unusable) else f"cannot be used ({error})"


def rows_in(count: int) -> str:
    """Placeholders for so many values: ``(?, ?)``."""
    return f"({', '.join('?' * count)})"


def insert(connection: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    """Put one row into a table; an older one of the same key makes way."""
    connection.execute(
        f"INSERT OR REPLACE INTO {table} ({', '.join(row)}) VALUES {rows_in(len(row))}", _values(row)
    )


def _values(row: dict[str, object]) -> Sequence[object]:
    return tuple(row.values())


def _is_broken(error: Exception) -> bool:
    """Whether SQLite says that the file is damaged or none of its own; a full disk or a lock is not that."""
    return type(error) is sqlite3.DatabaseError


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time, so that no two move the same file aside."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
