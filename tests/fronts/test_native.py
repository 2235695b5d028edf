"""Threads and channels of the native front, with parts that need no video."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from front_parts import Bench, FakeReader

from edge.errors import StageError
from edge.fronts import Region

PATIENCE_S = 10.0


def wait_until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to that"
        time.sleep(0.002)


def test_every_frame_of_a_file_goes_through_every_stage_in_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeReader("door", 25)])
    result = bench.make().run()
    assert result.exit_code == 0
    expected = [("door", number) for number in range(1, 26)]
    parts = (bench.detector, bench.tracker, bench.cropper, bench.embedder, bench.identifier)
    assert all(part.seen == expected for part in parts)
    assert bench.identifier.closes == 1
    assert bench.builders["door"].closed


def test_files_come_merged_in_the_order_of_their_time_whatever_their_rates(tmp_path: Path) -> None:
    slow, quick = FakeReader("slow", 10, fps=5), FakeReader("quick", 40, fps=20)
    bench = Bench(tmp_path, [slow, quick])
    bench.make().run()
    assert bench.identifier.marks == sorted(bench.identifier.marks)
    first = bench.identifier.seen[:5]
    assert first == [("slow", 1), ("quick", 1), ("quick", 2), ("quick", 3), ("quick", 4)]
    assert len(bench.identifier.seen) == 50


def test_batches_of_files_are_full_but_for_the_last(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeReader("a", 13), FakeReader("b", 13)])
    bench.make().run()
    assert bench.detector.batches == [4] * 6 + [2]
    assert bench.embedder.batches == [4] * 6 + [2]


def test_a_file_that_ends_early_leaves_the_others_to_go_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeReader("short", 3), FakeReader("long", 30)])
    result = bench.make().run()
    assert (result.exit_code, result.problems) == (0, ())
    assert {name: row.frames for name, row in result.summary.cameras.items()} == {"short": 3, "long": 30}


def test_a_live_camera_loses_its_oldest_frames_and_counts_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeReader("live", 50, live=True)])
    release = threading.Event()
    detect = bench.detector.detect
    bench.detector.detect = lambda frames: (release.wait(PATIENCE_S), detect(frames))[1]  # type: ignore[method-assign]
    run = bench.make()
    threading.Thread(
        target=lambda: (wait_until(lambda: bench.readers[0].delivered == 50), release.set()), daemon=True
    ).start()
    row = run.run().summary.cameras["live"]
    assert row.frames + row.dropped == 50
    assert row.dropped >= 40
    assert bench.detector.seen[-2:] == [("live", 49), ("live", 50)]


def test_a_live_camera_does_not_wait_for_a_file_that_gives_nothing(tmp_path: Path) -> None:
    stuck = FakeReader("stuck", 5, gate=threading.Event())
    bench = Bench(tmp_path, [stuck, FakeReader("live", 5, live=True)])
    run = bench.make()
    thread = threading.Thread(target=run.run, daemon=True)
    thread.start()
    wait_until(lambda: ("live", 5) in bench.identifier.seen)
    stuck.gate.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert ("stuck", 5) in bench.identifier.seen


def test_people_outside_the_region_of_interest_are_not_tracked(tmp_path: Path) -> None:
    top = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5)]  # everybody's feet are at y = 40 of 48
    bench = Bench(tmp_path, [FakeReader("door", 4), FakeReader("yard", 4)], regions={"door": Region([top])})
    bench.make().run()
    assert {camera for camera, _ in bench.identifier.seen} == {"yard"}
    assert len(bench.tracker.seen) == 8


@pytest.mark.parametrize("part", ["detector", "tracker", "cropper", "embedder", "identifier"])
def test_an_error_in_any_stage_ends_the_run_and_names_the_stage_and_the_camera(
    part: str, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, [FakeReader("door", 1000)])
    getattr(bench, part).fail_at = 30
    result = bench.make().run()
    stage = {
        "detector": "detect",
        "tracker": "track",
        "cropper": "crop",
        "embedder": "embed",
        "identifier": "identify",
    }[part]
    assert result.exit_code == 4
    (problem,) = result.problems
    assert isinstance(problem, StageError)
    assert str(problem) == f"stage '{stage}', camera 'door': ValueError: out of order"
    assert result.summary.error == str(problem)


def test_the_rows_of_the_summary_follow_the_pipeline(tmp_path: Path) -> None:
    summary = Bench(tmp_path, [FakeReader("door", 9)]).make().run().summary
    stages = ["capture", "detect", "track", "crop", "embed", "tracklet", "identify", "sink", "frame"]
    assert list(summary.stages) == stages
    assert all(summary.stages[name].items == 9 for name in stages)
    assert summary.stages["frame"].p50_ms > 0
    assert summary.stages["frame"].busy_s == 0
    assert list(summary.channels) == ["capture door", "track", "embed", "associate"]
    assert all(row.puts == 9 and row.depth == 0 and row.drops == 0 for row in summary.channels.values())


def test_no_more_frames_wait_than_the_channels_hold(tmp_path: Path) -> None:
    reader = FakeReader("door", 500)
    bench = Bench(tmp_path, [reader], size=2, batch_max=2)
    ahead: list[int] = []
    advance = bench.identifier.advance

    def watch(now_ns: int) -> object:
        ahead.append(reader.delivered - len(bench.identifier.seen))
        return advance(now_ns)

    bench.identifier.advance = watch  # type: ignore[method-assign,assignment]
    bench.make().run()
    in_channels, in_hands = 4 * 2, 4 * 2 + 1
    assert max(ahead) <= in_channels + in_hands
