"""events.jsonl: one JSON object per decision, as docs/event.schema.json describes it."""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from edge.records.identity import Decision
from edge.stages.sink.base import Sink
from edge.stages.sink.folder import EVENT_SCHEMA, writing
from edge.stages.sink.summary import RunSummary
from edge.stages.sink.timestamp import iso_utc

__all__ = ["EventSink", "event_of"]


class EventSink(Sink):
    """Appends decisions to events.jsonl; each call ends on disk as whole lines.

    Args:
        folder: the output folder.
        site: the site's name.
        run: id of this run; identities are unique within one run.

    Raises:
        RunError: the file cannot be opened.
    """

    def __init__(self, folder: Path, *, site: str, run: str) -> None:
        self._path = folder / "events.jsonl"
        self._site = site
        self._run = run
        self.written = 0
        with writing(self._path):
            self._file = self._path.open("ab")
            if _ends_in_mid_line(self._path):
                self._file.write(b"\n")

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Write one line per decision and flush."""
        lines = [
            json.dumps(
                event_of(decision, site=self._site, run=self._run), ensure_ascii=False, allow_nan=False
            )
            for decision in decisions
        ]
        if not lines:
            return
        with writing(self._path):
            self._file.write(("\n".join(lines) + "\n").encode())
            self._file.flush()
        self.written += len(lines)

    def close(self, summary: RunSummary) -> None:
        """Close the file."""
        with writing(self._path):
            self._file.close()


def event_of(decision: Decision, *, site: str, run: str) -> dict[str, object]:
    """Return the event that stands for a decision; its ``event_id`` is never given twice."""
    return {
        "schema": EVENT_SCHEMA,
        "event_id": str(uuid.uuid4()),
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


def _ends_in_mid_line(path: Path) -> bool:
    """Return whether an earlier run was killed while it wrote a line."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
