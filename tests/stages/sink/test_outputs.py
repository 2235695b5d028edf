from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ConfigError, OutputError, RunError
from edge.records.crop import Crop
from edge.records.frame import Frame
from edge.records.identity import Decision, LiveIdentity, Settled
from edge.stages.sink import RunSummary, open_outputs

MakeCrop = Callable[..., Crop]
MakeDecision = Callable[..., Decision]
MakeSettled = Callable[..., Settled]


def test_one_run_writes_every_file(
    tmp_path: Path,
    make_crop: MakeCrop,
    make_decision: MakeDecision,
    make_settled: MakeSettled,
    summary: RunSummary,
) -> None:
    out = tmp_path / "out"
    outputs = open_outputs(out, site="s", run="r", cameras=["door", "yard"], video=True)
    outputs.progress(lambda: summary)
    outputs.decide([make_decision(identity=1, crop=make_crop()), make_decision(identity=2)])
    outputs.settle(make_settled([(1, 1), (2, 2)]))
    nobody = LiveIdentity(
        "door", 1, 0, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
    )
    assert outputs.wants_pictures
    outputs.show(Frame("door", 1, 0, 0.0, 0, np.zeros((64, 64, 3), np.uint8)), nobody)
    outputs.merge(2, 1)
    outputs.close(summary)
    outputs.close(summary)
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "events.jsonl",
        "report.html",
        "summary.json",
        "tracks/door.txt",
        "tracks/yard.txt",
        "video/door.mp4",
    ]
    assert outputs.events == 2
    assert json.loads((out / "summary.json").read_text("utf-8"))["exit"] == 0
    ids = [line.split(",")[1] for line in (out / "tracks" / "door.txt").read_text("ascii").splitlines()]
    assert ids == ["1", "1"]


def test_the_same_folder_serves_a_second_run(
    tmp_path: Path, make_decision: MakeDecision, make_settled: MakeSettled, summary: RunSummary
) -> None:
    for run, camera in (("r1", "door"), ("r2", "yard")):
        outputs = open_outputs(tmp_path, site="s", run=run, cameras=[camera])
        outputs.decide([make_decision()])
        outputs.settle(make_settled([(1, 1)], camera=camera))
        outputs.close(summary)
    assert len((tmp_path / "events.jsonl").read_text("utf-8").splitlines()) == 2
    assert [path.name for path in (tmp_path / "tracks").iterdir()] == ["yard.txt"]


def test_when_one_file_cannot_be_written_the_others_are_complete(
    tmp_path: Path, make_decision: MakeDecision, make_settled: MakeSettled, summary: RunSummary
) -> None:
    outputs = open_outputs(tmp_path, site="s", run="r", cameras=["door"])
    outputs.decide([make_decision()])
    outputs.settle(make_settled([(1, 1)]))
    (tmp_path / ".report.html.new").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"cannot write '.*report\.html': No space left on device"):
        outputs.close(summary)
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "tracks" / "door.txt").read_text("ascii").startswith("1,1,")
    assert (tmp_path / "summary.json").exists()


def test_a_place_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        open_outputs(tmp_path / "file" / "out", site="s", run="r", cameras=["door"])


def test_a_judge_is_asked_once_the_tracks_are_complete_and_heard_in_summary_and_report(
    tmp_path: Path, make_decision: MakeDecision, make_settled: MakeSettled, summary: RunSummary
) -> None:
    def judge() -> dict[str, object]:
        lines = (tmp_path / "tracks" / "door.txt").read_text("ascii").splitlines()
        assert [line.split(",")[1] for line in lines] == ["1", "1"], "merged identities are renamed by then"
        return {"idf1": 0.875}

    outputs = open_outputs(tmp_path, site="s", run="r", cameras=["door"], judge=judge)
    outputs.decide([make_decision(identity=1), make_decision(identity=2)])
    outputs.settle(make_settled([(1, 1), (2, 2)]))
    outputs.merge(2, 1)
    written = outputs.close(summary)
    assert written.evaluation == {"idf1": 0.875}
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["evaluation"] == {"idf1": 0.875}
    assert "0.875" in (tmp_path / "report.html").read_text("utf-8")


def test_a_judge_that_cannot_judge_leaves_the_outputs_complete(tmp_path: Path, summary: RunSummary) -> None:
    def judge() -> dict[str, object]:
        raise ConfigError("no truth")

    outputs = open_outputs(tmp_path, site="s", run="r", cameras=["door"], judge=judge)
    with pytest.raises(ConfigError, match="no truth"):
        outputs.close(summary)
    assert "evaluation" not in json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert (tmp_path / "report.html").exists()


def test_a_run_that_failed_is_not_judged(tmp_path: Path, summary: RunSummary) -> None:
    def judge() -> dict[str, object]:
        raise AssertionError("not asked")

    outputs = open_outputs(tmp_path, site="s", run="r", cameras=["door"], judge=judge)
    assert outputs.close(replace(summary, exit=4)).evaluation is None
