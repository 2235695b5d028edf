"""summary.json: what a run did, in numbers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from edge.stages.sink.device import DeviceRow, device_json
from edge.stages.sink.folder import SUMMARY_SCHEMA, replace_text
from edge.stages.sink.timestamp import iso_utc
from edge.stages.sink.worker import WorkerRow, worker_json

__all__ = ["CameraRow", "ChannelRow", "RunSummary", "StageRow", "SummaryFile"]


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage: items worked on, items given up, latency of an item, wall seconds at work."""

    items: int
    drops: int
    p50_ms: float
    p95_ms: float
    busy_s: float


@dataclass(frozen=True, slots=True)
class CameraRow:
    """One camera.

    frames: frames that went on to detection.
    fps: those frames per second of the run.
    dropped: frames a full channel dropped.
    state: the last known state, e.g. ``ended``, ``connected``, ``lost``.
    reconnects: connections after the first.
    """

    frames: int
    fps: float
    dropped: int
    state: str
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel: its size, and the items put in, dropped and inside now."""

    size: int
    depth: int
    puts: int
    drops: int


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Everything summary.json says.

    run: id of this run, also in its events.
    site: the site's name.
    started_at_ns: wall time of the start.
    wall_s: seconds since then.
    identities: people known in the end (merged ones count once).
    unknown: tracklets that stayed unknown.
    boxes_left_out: boxes missing from tracks/, since nobody could be named for them.
    events: events written by this run.
    cameras, stages, channels: by name, in the order of the pipeline.
    exit: the exit code; None while running.
    error: the one-line error of a run that failed; empty otherwise. Redacted by the caller.
    pipeline, models: what computed it.
    evaluation: the tracking scores, when the truth is known.
    worker: the background worker, where the pipeline has one.
    device: where pictures lay and who decoded them, where that was not the CPU alone.
    """

    run: str
    site: str
    started_at_ns: int
    wall_s: float
    identities: int
    cameras: Mapping[str, CameraRow]
    stages: Mapping[str, StageRow]
    channels: Mapping[str, ChannelRow] = field(default_factory=dict)
    unknown: int = 0
    boxes_left_out: int = 0
    events: int = 0
    exit: int | None = None
    error: str = ""
    pipeline: str = ""
    models: tuple[str, ...] = ()
    evaluation: Mapping[str, object] | None = None
    worker: WorkerRow | None = None
    device: DeviceRow | None = None

    def to_json(self) -> str:
        """Return the text of summary.json; numbers are rounded to three decimals (scores to six)."""
        document: dict[str, object] = {
            "schema": SUMMARY_SCHEMA,
            "run": self.run,
            "site": self.site,
            "started": iso_utc(self.started_at_ns),
            "wall_s": round(self.wall_s, 3),
            "exit": self.exit,
            "error": self.error,
            "identities": self.identities,
            "unknown": self.unknown,
            "boxes_left_out": self.boxes_left_out,
            "events": self.events,
            "pipeline": self.pipeline,
            "models": list(self.models),
            "cameras": {name: _rounded(asdict(row)) for name, row in self.cameras.items()},
            "stages": {name: _rounded(asdict(row)) for name, row in self.stages.items()},
            "channels": {name: asdict(row) for name, row in self.channels.items()},
        }
        if self.worker is not None:
            document["worker"] = worker_json(self.worker)
        if self.device is not None:
            document["device"] = device_json(self.device)
        if self.evaluation is not None:
            document["evaluation"] = _plain(self.evaluation)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class SummaryFile:
    """Keeps summary.json up to date while the run goes on.

    Args:
        folder: the output folder.
        every_s: seconds between two versions.
        now_s: a monotonic clock.
    """

    def __init__(
        self, folder: Path, every_s: float = 5.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = folder / "summary.json"
        self._every_s = every_s
        self._now_s = now_s
        self._due_s = now_s()

    def progress(self, make: Callable[[], RunSummary]) -> None:
        """Write a new version if one is due; ``make`` is called only then."""
        if self._now_s() >= self._due_s:
            replace_text(self._path, make().to_json())
            self._due_s = self._now_s() + self._every_s

    def close(self, summary: RunSummary) -> None:
        """Write the last version."""
        replace_text(self._path, summary.to_json())


def _rounded(row: dict[str, object]) -> dict[str, object]:
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}


def _plain(value: object) -> object:
    """Return numbers and mappings as JSON knows them; numpy's scalars become Python's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    number = float(value)  # type: ignore[arg-type]
    if number != number or number in (float("inf"), float("-inf")):
        return None
    return int(number) if hasattr(value, "dtype") and number.is_integer() else round(number, 6)
