from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.errors import RunError
from edge.records.identity import Decision, Settled
from edge.stages.sink import RunSummary
from edge.stages.sink.mot import MotSink, complete_tracks

MakeSettled = Callable[..., Settled]
MakeDecision = Callable[..., Decision]


def ids_of(path: Path) -> list[int]:
    return [int(line.split(",")[1]) for line in path.read_text("ascii").splitlines()]


def test_rows_are_motchallenge_lines_with_the_global_id(
    tmp_path: Path, make_settled: MakeSettled, summary: RunSummary
) -> None:
    sink = MotSink(tmp_path, ["door", "yard"])
    sink.settle(make_settled([(1, 4), (2, 0)]))
    sink.close(summary)
    assert (tmp_path / "tracks" / "door.txt").read_text("ascii").splitlines() == [
        "1,4,10.13,20.00,30.37,80.25,0.8765,-1,-1,-1",
        "2,0,10.13,20.00,30.37,80.25,0.8765,-1,-1,-1",
    ]
    assert (tmp_path / "tracks" / "yard.txt").read_text("ascii") == ""


def test_identities_that_merged_later_are_renamed_at_the_end(
    tmp_path: Path, make_settled: MakeSettled, make_decision: MakeDecision, summary: RunSummary
) -> None:
    sink = MotSink(tmp_path, ["door"])
    sink.settle(make_settled([(1, 1), (1, 11), (1, 0), (2, 2), (2, 3)]))
    sink.decide([make_decision("identity.merge", 2, previous=3)])
    sink.decide([make_decision("identity.merge", 1, previous=2)])
    sink.settle(make_settled([(3, 3)]))
    sink.close(summary)
    assert ids_of(tmp_path / "tracks" / "door.txt") == [1, 11, 0, 1, 1, 1]
    assert [path.name for path in (tmp_path / "tracks").iterdir()] == ["door.txt"]


def test_a_file_without_merged_identities_is_not_rewritten(
    tmp_path: Path, make_settled: MakeSettled, summary: RunSummary
) -> None:
    sink = MotSink(tmp_path, ["door"])
    sink.settle(make_settled([(1, 1)]))
    inode = (tmp_path / "tracks" / "door.txt").stat().st_ino
    sink.merge(5, 1)
    sink.close(summary)
    assert (tmp_path / "tracks" / "door.txt").stat().st_ino == inode
    assert [path.name for path in (tmp_path / "tracks").iterdir()] == ["door.txt"]


def test_a_merge_taken_back_by_a_split_renames_nobody(
    tmp_path: Path, make_settled: MakeSettled, make_decision: MakeDecision, summary: RunSummary
) -> None:
    sink = MotSink(tmp_path, ["door"])
    sink.settle(make_settled([(1, 3)]))
    sink.decide([make_decision("identity.merge", 1, previous=3)])
    sink.decide([make_decision("identity.split", 3, previous=1)])
    sink.close(summary)
    assert ids_of(tmp_path / "tracks" / "door.txt") == [3]


def test_merges_in_a_circle_end(tmp_path: Path, make_settled: MakeSettled, summary: RunSummary) -> None:
    sink = MotSink(tmp_path, ["door"])
    sink.settle(make_settled([(1, 1), (1, 2)]))
    for old, new in ((1, 2), (2, 1), (2, 2), (0, 1), (1, 0)):
        sink.merge(old, new)
    sink.close(summary)
    assert ids_of(tmp_path / "tracks" / "door.txt") == [2, 2]


def test_an_empty_batch_writes_nothing(
    tmp_path: Path, make_settled: MakeSettled, summary: RunSummary
) -> None:
    empty = Settled(
        "door",
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.float32),
    )
    sink = MotSink(tmp_path, ["door"])
    sink.settle(empty)
    sink.close(summary)
    assert (tmp_path / "tracks" / "door.txt").stat().st_size == 0


def test_rows_are_on_disk_at_once(tmp_path: Path, make_settled: MakeSettled, summary: RunSummary) -> None:
    sink = MotSink(tmp_path, ["door"])
    sink.settle(make_settled([(1, 1)]))
    assert ids_of(tmp_path / "tracks" / "door.txt") == [1]
    sink.settle(make_settled([(2, 1)]))
    assert ids_of(tmp_path / "tracks" / "door.txt") == [1, 1]
    sink.close(summary)


def test_the_tracks_of_a_killed_run_are_completed_once(
    tmp_path: Path, make_settled: MakeSettled, summary: RunSummary
) -> None:
    sink = MotSink(tmp_path, ["door", "yard"])
    sink.settle(make_settled([(1, 1), (2, 1)]))
    sink.settle(make_settled([(1, 3)], camera="yard"))
    sink.close(summary)
    path = tmp_path / "tracks" / "door.txt"
    with path.open("a") as file:
        file.write("3,1,10.1")  # killed while it wrote this row
    left = [make_settled([(2, 2), (3, 2), (4, 2)]), make_settled([(7, 5)], camera="gate")]
    for _ in range(2):
        complete_tracks(tmp_path, left, lambda one: {3: 1}.get(one, one))
        assert ids_of(path) == [1, 1, 2, 2]
        assert ids_of(tmp_path / "tracks" / "yard.txt") == [1]
        assert ids_of(tmp_path / "tracks" / "gate.txt") == [5]
        assert [line.count(",") for line in path.read_text().splitlines()] == [9] * 4


def test_a_full_disk_names_the_file_and_the_other_cameras_are_complete(
    tmp_path: Path, make_settled: MakeSettled, summary: RunSummary
) -> None:
    (tmp_path / "tracks").mkdir()
    (tmp_path / "tracks" / "door.txt").symlink_to("/dev/full")
    sink = MotSink(tmp_path, ["door", "yard"])
    with pytest.raises(RunError, match=r"tracks/door\.txt': No space left on device"):
        sink.settle(make_settled([(1, 1)]))
    sink.settle(make_settled([(1, 2)], camera="yard"))
    sink.merge(2, 1)
    with pytest.raises(RunError, match=r"tracks/door\.txt': No space left on device"):
        sink.close(summary)
    assert ids_of(tmp_path / "tracks" / "yard.txt") == [1]
