from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from edge.errors import RunError
from edge.records.identity import Decision
from edge.stages.sink import RunSummary
from edge.stages.sink.events import EventSink, event_of

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "event.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

MakeDecision = Callable[..., Decision]


def lines_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]


def test_the_published_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_type_of_event_fits_the_published_schema(
    tmp_path: Path, make_decision: MakeDecision, summary: RunSummary
) -> None:
    sink = EventSink(tmp_path, site="Haus „Süd“", run="r1")
    sink.decide(
        [
            make_decision("tracklet", 1),
            make_decision("identity.new", 1),
            make_decision("identity.match", 2),
            make_decision("identity.unknown", 0, probability=0.3),
            make_decision("identity.rename", 2, previous=1),
            make_decision("identity.merge", 2, previous=1, camera="", track=0, tracklet=""),
            make_decision("identity.split", 3, previous=2),
        ]
    )
    sink.close(summary)
    events = lines_of(tmp_path)
    for event in events:
        VALIDATOR.validate(event)
    assert len(events) == sink.written == 7
    assert len({event["event_id"] for event in events}) == 7
    assert events[0]["time"] == "2024-05-01T12:30:05.125Z"
    assert events[0]["site"] == "Haus „Süd“"
    assert {
        "schema",
        "event_id",
        "type",
        "time",
        "site",
        "camera",
        "track",
        "identity",
        "probability",
    } <= set(events[0])


def test_a_merge_of_nobody_does_not_fit_the_schema(make_decision: MakeDecision) -> None:
    event = event_of(make_decision("identity.merge", 2, previous=0), 1, site="s", run="r")
    assert not VALIDATOR.is_valid(event)


def test_numbers_from_numpy_and_numbers_without_a_value_become_json(make_decision: MakeDecision) -> None:
    decision = make_decision(
        "identity.match",
        np.int64(4),
        track=np.int64(9),
        probability=np.float32(1.0000001),
        evidence={"n": np.int64(3), "similarity": np.float32(0.5), "margin": float("nan"), "why": "alone"},
    )
    event = json.loads(json.dumps(event_of(decision, 1, site="s", run="r"), allow_nan=False))
    VALIDATOR.validate(event)
    assert event["evidence"] == {"n": 3, "similarity": 0.5, "margin": None, "why": "alone"}
    assert event["probability"] == 1.0
    assert event_of(make_decision(probability=float("nan")), 1, site="s", run="r")["probability"] == 0.0


def test_lines_are_on_disk_before_the_sink_is_closed(
    tmp_path: Path, make_decision: MakeDecision, summary: RunSummary
) -> None:
    sink = EventSink(tmp_path, site="s", run="r")
    sink.decide([make_decision(), make_decision()])
    assert len(lines_of(tmp_path)) == 2
    sink.decide([])
    sink.close(summary)


def test_a_second_run_appends_with_new_event_ids(
    tmp_path: Path, make_decision: MakeDecision, summary: RunSummary
) -> None:
    for run in ("r1", "r2"):
        sink = EventSink(tmp_path, site="s", run=run)
        sink.decide([make_decision()])
        sink.close(summary)
    first, second = lines_of(tmp_path)
    assert (first["run"], second["run"]) == ("r1", "r2")
    assert first["event_id"] != second["event_id"]


def test_a_line_cut_short_by_a_kill_does_not_spoil_the_next(
    tmp_path: Path, make_decision: MakeDecision, summary: RunSummary
) -> None:
    (tmp_path / "events.jsonl").write_text('{"schema": "edge-reid/ev', encoding="utf-8")
    sink = EventSink(tmp_path, site="s", run="r")
    sink.decide([make_decision()])
    sink.close(summary)
    broken, whole = (tmp_path / "events.jsonl").read_text("utf-8").splitlines()
    assert broken == '{"schema": "edge-reid/ev'
    VALIDATOR.validate(json.loads(whole))


def test_a_full_disk_is_one_line_that_names_the_file(
    tmp_path: Path, make_decision: MakeDecision, summary: RunSummary
) -> None:
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    sink = EventSink(tmp_path, site="s", run="r")
    with pytest.raises(RunError, match=r"cannot write '.*events\.jsonl': No space left on device") as caught:
        sink.decide([make_decision()])
    assert "\n" not in str(caught.value)
    with pytest.raises(RunError):
        sink.close(summary)
