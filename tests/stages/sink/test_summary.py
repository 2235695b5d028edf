from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from edge.errors import RunError
from edge.stages.sink import RunSummary
from edge.stages.sink.summary import SummaryFile


def test_the_summary_holds_what_the_design_asks_for(summary: RunSummary) -> None:
    document = json.loads(summary.to_json())
    assert document["schema"] == "edge-reid/summary/1"
    assert document["started"] == "2024-05-01T12:30:05.125Z"
    assert document["stages"]["detect"] == {
        "items": 120,
        "drops": 0,
        "p50_ms": 7.812,
        "p95_ms": 9.5,
        "busy_s": 1.0,
    }
    assert document["cameras"]["yard"] == {
        "frames": 0,
        "fps": 0.0,
        "dropped": 3,
        "state": "lost",
        "reconnects": 4,
    }
    assert (document["identities"], document["wall_s"], document["exit"]) == (2, 12.346, 0)
    assert "evaluation" not in document


def test_the_evaluation_keeps_its_keys_and_loses_its_numpy(summary: RunSummary) -> None:
    scores = {
        "idf1": np.float64(0.8123456789),
        "id_switches": np.int64(3),
        "cameras": {"a": {"idf1": float("nan")}},
    }
    document = json.loads(dataclasses.replace(summary, evaluation=scores).to_json())
    assert document["evaluation"] == {"idf1": 0.812346, "id_switches": 3, "cameras": {"a": {"idf1": None}}}


def test_the_file_is_brought_up_to_date_every_five_seconds(tmp_path: Path, summary: RunSummary) -> None:
    clock = iter((0.0, 0.0, 0.0, 0.1, 4.9, 5.0, 5.0, 9.9))
    made = 0

    def make() -> RunSummary:
        nonlocal made
        made += 1
        return summary

    file = SummaryFile(tmp_path, now_s=lambda: next(clock))
    for _ in range(5):
        file.progress(make)
    assert made == 2
    file.close(dataclasses.replace(summary, exit=4))
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["exit"] == 4
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_a_summary_that_cannot_be_written_names_the_file(tmp_path: Path, summary: RunSummary) -> None:
    (tmp_path / "summary.json").mkdir()
    (tmp_path / "summary.json" / "x").touch()
    with pytest.raises(RunError, match=r"cannot write '.*summary\.json'"):
        SummaryFile(tmp_path).close(summary)
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
