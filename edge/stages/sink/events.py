"""events.jsonl: one JSON object per decision, as docs/event.schema.json describes it."""

from __future__ import annotations

import json
import math
import os
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge.records.identity import Decision
from edge.stages.sink.base import Sink
from edge.stages.sink.folder import EVENT_SCHEMA, writing
from edge.stages.sink.summary import RunSummary
from edge.stages.sink.timestamp import iso_utc

__all__ = ["EventSink", "Journal", "event_line", "event_of", "identity_max"]

TAIL_BYTES = 4 * 2**20  # an outbox is far smaller
_CHUNK_BYTES = 2**20
_NUMBER_CHARS = 64
_IDENTITY = re.compile(rb'"(?:identity|previous)": (\d+)')


class Journal(Protocol):
    """Where events are noted, with what they tell of, before they are written; numbered over all runs."""

    @property
    def number(self) -> int:
        """The number of the last event noted."""
        ...

    def pending(self) -> Sequence[tuple[int, str]]:
        """Events, as (number, line), that may be missing in the file."""
        ...

    def note(self, decisions: Sequence[Decision], lines: Sequence[tuple[int, str]]) -> None:
        """Take decisions, and the events that tell of them; never raises what a run could survive."""
        ...

    def told(self, number: int) -> None:
        """Events up to this number are in the file."""
        ...


class EventSink(Sink):
    """Appends decisions to events.jsonl; each call ends on disk as whole lines.

    With a journal, the file is never ahead of it; what a run that was killed had noted and not written is
    written first.

    Args:
        folder: the output folder.
        site: the site's name.
        run: id of this run.
        journal: where events are noted first; None notes them nowhere.

    Raises:
        RunError: the file cannot be opened or written.
    """

    def __init__(self, folder: Path, *, site: str, run: str, journal: Journal | None = None) -> None:
        self._path = folder / "events.jsonl"
        self._site = site
        self._run = run
        self._journal = journal
        self._number = 0 if journal is None else journal.number
        self.written = 0
        with writing(self._path):
            self._file = self._path.open("ab")
            if _ends_in_mid_line(self._path):
                self._file.write(b"\n")
        if journal is not None:
            self._make_up(journal)

    def _make_up(self, journal: Journal) -> None:
        """Write what is noted and not in the file."""
        pending = journal.pending()
        if not pending:
            return
        tail = _tail(self._path)
        missing = [line for _, line in pending if json.loads(line)["event_id"].encode() not in tail]
        self._write(missing)
        journal.told(pending[-1][0])

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Write one line per decision and flush."""
        if not decisions:
            return
        lines = [
            (number, event_line(decision, number, site=self._site, run=self._run))
            for number, decision in enumerate(decisions, self._number + 1)
        ]
        self._number += len(lines)
        if self._journal is not None:
            self._journal.note(decisions, lines)
        self._write([line for _, line in lines])
        if self._journal is not None:
            self._journal.told(self._number)
        self.written += len(lines)

    def _write(self, lines: Sequence[str]) -> None:
        if lines:
            with writing(self._path):
                self._file.write(("\n".join(lines) + "\n").encode())
                self._file.flush()

    def close(self, summary: RunSummary) -> None:
        """Close the file."""
        with writing(self._path):
            self._file.close()


def event_line(decision: Decision, number: int, *, site: str, run: str, key: str = "") -> str:
    """Return the line of events.jsonl that stands for a decision, without its end; see :func:`event_of`."""
    event = event_of(decision, number, site=site, run=run, key=key)
    return json.dumps(event, ensure_ascii=False, allow_nan=False)


def event_of(decision: Decision, number: int, *, site: str, run: str, key: str = "") -> dict[str, object]:
    """Return the event that stands for a decision.

    Args:
        decision: what was decided.
        number: of the event; with ``key`` it makes the ``event_id``, the same whenever it is asked for.
        site: the site's name.
        run: who decided.
        key: what the number counts in; the run unless given.
    """
    return {
        "schema": EVENT_SCHEMA,
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"edge-reid:{key or run}/{number}")),
        "run": run,
        "type": decision.type,
        "time": iso_utc(decision.time_ns),
        "site": site,
        "camera": decision.camera,
        "track": int(decision.track),
        "tracklet": decision.tracklet,
        "identity": int(decision.identity),
        "previous": int(decision.previous),
        "probability": _probability(decision.probability),
        "evidence": {str(key): _json_value(value) for key, value in decision.evidence.items()},
    }


def _probability(value: float) -> float:
    number = float(value)
    return 0.0 if math.isnan(number) else round(min(max(number, 0.0), 1.0), 4)


def _json_value(value: object) -> str | int | float | None:
    """Return one piece of evidence as JSON knows it; a number without a value becomes null."""
    if isinstance(value, (str, bool, int)):
        return value
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return None
    return int(number) if hasattr(value, "dtype") and number.is_integer() else round(number, 6)


def identity_max(path: Path, *, whole: bool = False) -> int:
    """Return the largest identity that is told of; 0 when there is none.

    Args:
        path: an events.jsonl; may be missing.
        whole: look at all of it, not only at its last megabytes.
    """
    try:
        with path.open("rb") as file:
            if not whole:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            largest, rest = 0, b""
            while chunk := file.read(_CHUNK_BYTES):
                text = rest + chunk
                largest = max((largest, *(int(found) for found in _IDENTITY.findall(text))))
                rest = text[-_NUMBER_CHARS:]  # a number may be cut in two
            return largest
    except FileNotFoundError:
        return 0


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
        return file.read()


def _ends_in_mid_line(path: Path) -> bool:
    """Return whether an earlier run was killed while it wrote a line."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
