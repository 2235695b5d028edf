"""How a run ends: what is written, which code, which lines."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from front_parts import Bench, FakeIdentifier, FakeReader

from edge.errors import RunError, SourceBroken, SourceError
from edge.flow import StopSignals
from edge.stages.sink import LiveSnapshot

PATIENCE_S = 10.0


def written(folder: Path, camera: str = "door") -> tuple[int, int, dict[str, object]]:
    """Lines of tracks, events, and the summary."""
    tracks = (folder / "tracks" / f"{camera}.txt").read_text().splitlines()
    events = (folder / "events.jsonl").read_text().splitlines()
    return len(tracks), len(events), json.loads((folder / "summary.json").read_text())


def test_a_run_to_the_end_writes_everything(tmp_path: Path) -> None:
    result = Bench(tmp_path, [FakeReader("door", 12), FakeReader("yard", 12)]).make().run()
    assert (result.exit_code, result.problems) == (0, ())
    tracks, events, summary = written(tmp_path)
    assert (tracks, events) == (12, 2)
    assert summary["exit"] == 0
    assert summary["identities"] == 1
    assert summary["pipeline"] == "fakes"
    assert summary["cameras"]["door"]["state"] == "ended"  # type: ignore[index]
    assert summary == json.loads(result.summary.to_json())
    assert (tmp_path / "report.html").exists()


def test_a_camera_that_breaks_off_leaves_the_others_to_their_end_and_the_code_is_4(tmp_path: Path) -> None:
    broken = FakeReader("door", 5, error=SourceBroken("camera 'door': broke off after 5 frames"))
    result = Bench(tmp_path, [broken, FakeReader("yard", 40)]).make().run()
    assert result.exit_code == 4
    assert [str(one) for one in result.problems] == ["camera 'door': broke off after 5 frames"]
    assert written(tmp_path, "door")[0] == 5
    tracks, _, summary = written(tmp_path, "yard")
    assert tracks == 40
    assert (summary["exit"], summary["error"]) == (4, "camera 'door': broke off after 5 frames")


def test_a_mistake_of_ours_in_one_camera_leaves_the_others_to_their_end_too(tmp_path: Path) -> None:
    broken = FakeReader("door", 5, error=TypeError("what?"))
    result = Bench(tmp_path, [broken, FakeReader("yard", 20)]).make().run()
    assert result.exit_code == 4
    assert [str(one) for one in result.problems] == ["stage 'capture', camera 'door': TypeError: what?"]
    assert written(tmp_path, "yard")[0] == 20


def test_when_no_camera_gives_a_frame_the_code_is_3_and_each_says_why(tmp_path: Path) -> None:
    readers = [FakeReader(name, 0, error=SourceError(f"camera '{name}': no video")) for name in ("a", "b")]
    result = Bench(tmp_path, readers).make().run()
    assert result.exit_code == 3
    assert [str(one) for one in result.problems] == ["camera 'a': no video", "camera 'b': no video"]
    assert written(tmp_path, "a")[2]["exit"] == 3


def test_one_camera_without_video_beside_a_good_one_is_4(tmp_path: Path) -> None:
    empty = FakeReader("a", 0, error=SourceError("camera 'a': no video"))
    assert Bench(tmp_path, [empty, FakeReader("door", 3)]).make().run().exit_code == 4
    assert written(tmp_path)[0] == 3


def test_live_cameras_that_give_nothing_in_time_end_the_run_with_their_last_words(tmp_path: Path) -> None:
    words = "camera 'door': connection refused by rtsp://***@10.0.0.2/ch1; retrying in 4 s"
    silent = FakeReader("door", 5, live=True, gate=threading.Event(), words=words)
    mute = FakeReader("yard", 5, live=True, gate=threading.Event())
    result = Bench(tmp_path, [silent, mute], start_timeout_s=0.2).make().run()
    assert result.exit_code == 3
    first, second = map(str, result.problems)
    assert first.startswith("camera 'door': connection refused by rtsp://***@10.0.0.2/ch1; no picture within")
    assert second.startswith("camera 'yard': no answer yet; no picture within")
    assert silent.stopped.is_set()
    assert written(tmp_path)[2]["exit"] == 3


def test_a_silent_live_camera_beside_one_that_works_does_not_end_the_run(tmp_path: Path) -> None:
    silent = FakeReader("yard", 5, live=True, gate=threading.Event(), words="camera 'yard': lost")
    works = FakeReader("door", 5, live=True)
    result = Bench(tmp_path, [silent, works], start_timeout_s=0.2).make().run(duration_s=0.5)
    assert (result.exit_code, result.problems) == (0, ())
    assert result.summary.wall_s >= 0.5


def test_the_duration_ends_a_run_cleanly(tmp_path: Path) -> None:
    reader = FakeReader("door", 10**6, gate=threading.Event(), ungated=20)
    result = Bench(tmp_path, [reader]).make().run(duration_s=0.3)
    assert result.exit_code == 0
    assert 0.3 <= result.summary.wall_s < PATIENCE_S
    assert written(tmp_path)[0] == reader.delivered == 20


def test_a_stop_request_completes_what_is_under_way(tmp_path: Path) -> None:
    signals = StopSignals()
    reader = FakeReader("door", 10**6)
    bench = Bench(tmp_path, [reader])
    note = bench.identifier.note

    def ask_at_100(camera: str, number: int) -> None:
        note(camera, number)
        if number == 100:
            signals.ask()

    bench.identifier.note = ask_at_100  # type: ignore[method-assign]
    result = bench.make().run(signals)
    assert (result.exit_code, result.problems) == (0, ())
    tracks, _, summary = written(tmp_path)
    assert tracks == reader.delivered >= 100
    assert summary["exit"] == 0
    assert bench.identifier.closes == 1


def test_a_stop_request_before_the_first_frame_is_130(tmp_path: Path) -> None:
    signals = StopSignals()
    signals.ask()
    reader = FakeReader("door", 5, live=True, gate=threading.Event())
    assert Bench(tmp_path, [reader]).make().run(signals).exit_code == 130
    assert written(tmp_path)[2]["exit"] == 130


def test_a_second_stop_request_tears_the_run_down_at_once(tmp_path: Path) -> None:
    signals = StopSignals()
    bench = Bench(tmp_path, [FakeReader("door", 200)])
    entered, leave = threading.Event(), threading.Event()
    detect = bench.detector.detect

    def hang(frames: object) -> object:
        if len(bench.detector.seen) >= 20:
            entered.set()
            leave.wait(PATIENCE_S)
        return detect(frames)  # type: ignore[arg-type]

    bench.detector.detect = hang  # type: ignore[method-assign,assignment]

    def press_twice() -> None:
        entered.wait(PATIENCE_S)
        signals.ask()
        signals.ask()

    threading.Thread(target=press_twice, daemon=True).start()
    started_s = time.monotonic()
    result = bench.make().run(signals)
    assert time.monotonic() - started_s < 5
    leave.set()
    assert result.exit_code == 130
    tracks, _, summary = written(tmp_path)
    assert 0 < tracks <= 20
    assert summary["exit"] == 130
    assert bench.identifier.closes == 0


@pytest.mark.parametrize("part", ["detector", "embedder"])
def test_after_an_error_elsewhere_what_was_known_is_settled_and_written(part: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeReader("door", 1000)])
    getattr(bench, part).fail_at = 50
    result = bench.make().run()
    assert result.exit_code == 4
    assert bench.identifier.closes == 1
    tracks, events, summary = written(tmp_path)
    assert tracks == len(bench.identifier.seen) > 0
    assert events == 1
    assert summary["exit"] == 4
    assert str(summary["error"]).startswith("stage ")


def test_an_identifier_that_broke_is_not_asked_to_finish(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeReader("door", 100)], identifier=FakeIdentifier(fail_at=10))
    assert bench.make().run().exit_code == 4
    assert bench.identifier.closes == 0
    assert written(tmp_path)[0] == 9


def test_an_error_while_finishing_is_told_and_the_outputs_are_closed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeReader("door", 7)], identifier=FakeIdentifier(close_error=KeyError("x")))
    result = bench.make().run()
    assert [str(one) for one in result.problems] == ["stage 'identify': KeyError: 'x'"]
    assert written(tmp_path)[2]["exit"] == 4
    assert (tmp_path / "report.html").exists()


def test_an_output_that_cannot_be_written_ends_the_run_with_its_one_line(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeReader("door", 100)])
    run = bench.make()

    def full(settled: object) -> None:
        raise RunError("cannot write 'tracks/door.txt': No space left on device")

    run._outputs.settle = full  # type: ignore[method-assign,assignment]
    result = run.run()
    assert result.exit_code == 4
    assert "No space left" in str(result.problems[0])
    assert written(tmp_path)[2]["exit"] == 4


def test_the_annotated_video_shows_every_frame(tmp_path: Path) -> None:
    import av

    Bench(tmp_path, [FakeReader("door", 10)], video=True).make().run()
    with av.open(str(tmp_path / "video" / "door.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 10


def test_the_view_is_shown_cameras_stages_and_queues(tmp_path: Path) -> None:
    class View:
        def __init__(self) -> None:
            self.shots: list[LiveSnapshot] = []

        def update(self, snapshot: LiveSnapshot) -> None:
            self.shots.append(snapshot)

    view = View()
    reader = FakeReader("door", 10**6, gate=threading.Event(), ungated=20)
    Bench(tmp_path, [reader]).make().run(duration_s=0.9, view=view)
    assert 2 <= len(view.shots) <= 5
    last = view.shots[-1]
    assert [line.name for line in last.cameras] == ["door"]
    assert last.cameras[0].frames >= 15
    assert [line.name for line in last.stages][:2] == ["capture", "detect"]
    assert last.identities == 1


def test_resources_are_closed_last(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [FakeReader("door", 3)])
    run = bench.make()
    seen: list[bool] = []
    bench.resources.callback(lambda: seen.append((tmp_path / "report.html").exists()))
    run.run()
    assert seen == [True]
