"""The command line `edge-run`, in this process, on small videos and tiny networks."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from small_videos import write_video
from tiny_models import BOX, write_pipeline
from typer.testing import CliRunner, Result

from edge.cli.main import app as edge
from edge.cli.run import app
from edge.evaluate.replay_tracks import SWITCHES

Edge = Callable[..., Result]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a video of 30 pictures and a pipeline of tiny networks."""
    write_video(tmp_path / "door.mp4", 30)
    write_pipeline(tmp_path)
    monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path))
    return tmp_path


@pytest.fixture
def edge_run(site: Path) -> Edge:
    """Run `edge-run` on these lines of a cams.yaml."""

    def run(cameras: str, *options: str, pipeline: str = "pipeline.yaml") -> Result:
        file = site / "cams.yaml"
        file.write_text(f"pipeline: ./{pipeline}\ncameras:\n{cameras}")
        return CliRunner().invoke(app, ["--cameras", str(file), "--out", str(site / "out"), *options])

    return run


DOOR = "  - {name: door, source: door.mp4}\n"


def only_line(result: Result) -> str:
    """What it says beside which backends it took."""
    (line,) = (line for line in result.stderr.splitlines() if "backend 'auto' is" not in line)
    return line


def test_a_run_writes_its_outputs_and_says_where(site: Path, edge_run: Edge) -> None:
    result = edge_run(DOOR + "  - {name: yard, source: door.mp4}\n")
    assert result.exit_code == 0, result.stderr
    out = site / "out"
    assert str(out / "report.html") in result.stdout
    assert "identities in" in result.stdout
    assert [line.split()[:2] for line in result.stdout.splitlines() if line.startswith(("door", "yard"))] == [
        ["door", "30"],
        ["yard", "30"],
    ]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["pipeline"] == site.name
    assert [model.partition("@")[0] for model in summary["models"]] == ["tiny-detector", "tiny-reid"]
    assert {path.name for path in out.iterdir()} == {
        "events.jsonl",
        "report.html",
        "state.db",
        "summary.json",
        "tracks",
    }
    assert (out / "tracks" / "door.txt").exists()
    assert not (out / "video").exists()


def test_json_is_the_summary_and_nothing_else(site: Path, edge_run: Edge) -> None:
    result = edge_run(DOOR, "--json")
    assert json.loads(result.stdout) == json.loads((site / "out" / "summary.json").read_text())
    assert json.loads(result.stdout)["cameras"]["door"]["frames"] == 30


def test_quiet_says_nothing_while_all_is_well(edge_run: Edge) -> None:
    result = edge_run(DOOR, "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_log_lines_tell_what_the_cameras_do(edge_run: Edge) -> None:
    result = edge_run(DOOR)
    assert "camera 'door': reading" in result.stderr
    assert "camera 'door': ended after 30 frames" in result.stderr


def test_a_video_is_written_on_request(site: Path, edge_run: Edge) -> None:
    assert edge_run(DOOR, "--video").exit_code == 0
    assert (site / "out" / "video" / "door.mp4").stat().st_size > 1000


def test_the_pipeline_may_ask_for_the_video_too(site: Path, edge_run: Edge) -> None:
    text = (site / "pipeline.yaml").read_text()
    (site / "film.yaml").write_text(text + "sink: {video: true}\n")
    assert edge_run(DOOR, pipeline="film.yaml").exit_code == 0
    assert (site / "out" / "video" / "door.mp4").exists()
    assert json.loads((site / "out" / "summary.json").read_text())["pipeline"] == "film"


def test_the_duration_ends_an_endless_run(edge_run: Edge) -> None:
    result = edge_run(
        "  - {name: door, source: {path: door.mp4, loop: true, realtime: true}}\n",
        "--json",
        "--duration-s",
        "1",
    )
    assert result.exit_code == 0
    assert 1 <= json.loads(result.stdout)["wall_s"] < 10


def test_fps_max_and_roi_are_obeyed(site: Path, edge_run: Edge) -> None:
    corner = "[[[0, 0], [0.2, 0], [0.2, 0.2], [0, 0.2]]]"
    result = edge_run(f"  - {{name: door, source: door.mp4, fps_max: 5, roi: {corner}}}\n", "--json")
    summary = json.loads(result.stdout)
    assert summary["cameras"]["door"]["frames"] == 15
    assert summary["identities"] == 0
    assert (site / "out" / "tracks" / "door.txt").read_text() == ""


def test_a_second_run_appends_to_the_events_and_replaces_the_rest(site: Path, edge_run: Edge) -> None:
    edge_run(DOOR)
    lines = (site / "out" / "events.jsonl").read_text().count("\n")
    edge_run("  - {name: other, source: door.mp4}\n")
    assert (site / "out" / "events.jsonl").read_text().count("\n") == 2 * lines
    assert [path.name for path in (site / "out" / "tracks").iterdir()] == ["other.txt"]


def news_in(out: Path) -> list[int]:
    """Identities that were announced as new, in order."""
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    return [event["identity"] for event in events if event["type"] == "identity.new"]


def test_a_second_run_knows_whom_the_first_one_knew(site: Path, edge_run: Edge) -> None:
    edge_run(DOOR)
    assert news_in(site / "out") == [1]
    result = edge_run(DOOR, "--json")
    assert json.loads(result.stdout)["identities"] == 1
    assert news_in(site / "out") == [1]
    edge_run(DOOR, "--fresh")
    assert news_in(site / "out") == [1, 2]


def test_the_state_may_be_elsewhere_and_may_be_none(site: Path, edge_run: Edge) -> None:
    state = site / "kept" / "people.db"
    edge_run(DOOR, "--state", str(state))
    assert state.exists()
    assert not (site / "out" / "state.db").exists()
    edge_run(DOOR, "--no-state")
    assert news_in(site / "out") == [1, 1]
    edge_run(DOOR, "--state", str(state))
    assert news_in(site / "out") == [1, 1]


def test_a_state_that_is_broken_is_moved_aside_and_told_of(site: Path, edge_run: Edge) -> None:
    edge_run(DOOR)
    (site / "out" / "state.db").write_bytes(b"no state " * 999)
    result = edge_run(DOOR, "--quiet")
    assert result.exit_code == 0
    assert "it was moved to 'state.db.broken-" in only_line(result)
    assert news_in(site / "out") == [1, 2]


def test_a_state_of_a_newer_version_is_3_and_nothing_is_touched(site: Path, edge_run: Edge) -> None:
    edge_run(DOOR)
    with sqlite3.connect(site / "out" / "state.db") as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    report = (site / "out" / "report.html").stat().st_mtime_ns
    result = edge_run(DOOR)
    assert result.exit_code == 3
    assert "is of version 99, from a newer edge-reid; this one knows version 1" in only_line(result)
    assert (site / "out" / "report.html").stat().st_mtime_ns == report


def test_a_missing_video_is_2_with_its_line_and_nothing_is_touched(site: Path, edge_run: Edge) -> None:
    result = edge_run(DOOR + "  - name: yard\n    source: gone.mp4\n")
    assert result.exit_code == 2
    line = only_line(result)
    assert line.startswith(f"{site}/cams.yaml:5: cameras.1.source")
    assert "does not exist" in line
    assert not (site / "out").exists()


def test_every_mistake_in_the_configuration_is_told_at_once(edge_run: Edge) -> None:
    result = edge_run("  - {name: door, source: gone.mp4}\n  - {name: door, source: door.mp4, fsp_max: 5}\n")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
    assert "fsp_max" in result.stderr
    assert "another camera is called 'door'" in result.stderr


def test_a_cameras_file_that_is_not_there_is_2(site: Path) -> None:
    result = CliRunner().invoke(app, ["--cameras", str(site / "gone.yaml")])
    assert result.exit_code == 2
    assert "gone.yaml" in only_line(result)


def test_an_unknown_pipeline_is_2(edge_run: Edge) -> None:
    result = edge_run(DOOR, "--pipeline", "fastest")
    assert result.exit_code == 2
    assert "fastest" in only_line(result)


def test_a_duration_that_makes_no_sense_is_2(edge_run: Edge) -> None:
    assert edge_run(DOOR, "--duration-s", "0").exit_code == 2


def test_a_file_without_a_video_stream_is_3(site: Path, edge_run: Edge) -> None:
    with wave.open(str(site / "door.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    result = edge_run("  - {name: door, source: door.wav}\n", "--quiet")
    assert result.exit_code == 3
    assert only_line(result).startswith("camera 'door': ")
    assert json.loads((site / "out" / "summary.json").read_text())["exit"] == 3


def test_garbage_beside_a_good_file_is_4_and_the_good_one_is_complete(site: Path, edge_run: Edge) -> None:
    (site / "garbage.mp4").write_bytes(b"no video at all " * 999)
    result = edge_run("  - {name: bad, source: garbage.mp4}\n" + DOOR, "--json")
    assert result.exit_code == 4
    assert result.stderr.splitlines()[-1].startswith("camera 'bad': ")
    summary = json.loads(result.stdout)
    assert summary["cameras"]["door"]["frames"] == 30
    assert summary["cameras"]["bad"]["state"] == "failed"
    assert summary["exit"] == 4


def test_a_video_that_is_cut_off_is_4_and_what_there_was_is_used(site: Path, edge_run: Edge) -> None:
    whole = write_video(site / "whole.avi", 60, codec="mjpeg").read_bytes()
    (site / "cut.avi").write_bytes(whole[: len(whole) // 2])
    result = edge_run("  - {name: cut, source: cut.avi}\n", "--quiet")
    assert result.exit_code == 4
    assert "camera 'cut'" in only_line(result)
    frames = json.loads((site / "out" / "summary.json").read_text())["cameras"]["cut"]["frames"]
    assert 10 < frames < 50


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "0 bytes"), (b"other weights", "tiny-detector")], ids=["empty", "altered"]
)
def test_wrong_weights_are_3(site: Path, edge_run: Edge, content: bytes, words: str) -> None:
    (site / "tiny-detector.onnx").write_bytes(content)
    result = edge_run(DOOR)
    assert result.exit_code == 3
    assert "model 'tiny-detector'" in only_line(result)
    assert words in only_line(result)
    assert not (site / "out").exists()


def test_a_network_whose_ports_are_not_those_of_its_card_is_3(site: Path, edge_run: Edge) -> None:
    card = site / "tiny-reid" / "card.yaml"
    card.write_text(card.read_text().replace("[null, 3]", "[null, 4]").replace("dim: 3", "dim: 4"))
    result = edge_run(DOOR)
    assert result.exit_code == 3
    assert only_line(result) == (
        "model 'tiny-reid': output 'embedding' is [?, 3] in the file, but [?, 4] in its card"
    )
    assert not (site / "out").exists()


def test_a_model_made_for_another_task_is_2(site: Path, edge_run: Edge) -> None:
    text = (site / "pipeline.yaml").read_text().replace("tiny-reid", "tiny-detector")
    (site / "twice.yaml").write_text(text)
    result = edge_run(DOOR, pipeline="twice.yaml")
    assert result.exit_code == 2
    assert "is made to detect, not to embed" in only_line(result)


def test_an_output_folder_that_cannot_be_made_is_3(site: Path, edge_run: Edge) -> None:
    (site / "out").write_text("a file is in the way")
    result = edge_run(DOOR)
    assert result.exit_code == 3
    assert only_line(result).startswith(f"output folder '{site / 'out'}' cannot be written")


def test_a_camera_nobody_answers_for_is_3_without_its_password(site: Path, edge_run: Edge) -> None:
    (site / "cams.yaml").write_text("")
    source = "rtsp://admin:Sesame-7@127.0.0.1:9/live?token=tok-sesame"
    result = edge_run(f"  - {{name: door, source: '{source}'}}\nsite: {{start_timeout_s: 1}}\n", "--json")
    assert result.exit_code == 3
    last = result.stderr.splitlines()[-1]
    assert last.startswith("camera 'door': connection refused by rtsp://***@127.0.0.1:9/live")
    assert last.endswith("no picture within 1 s; check that the camera is on and its address right")
    written = b"".join(path.read_bytes() for path in (site / "out").rglob("*") if path.is_file())
    for text in (result.stdout.encode(), result.stderr.encode(), written):
        assert b"esame" not in text
    assert json.loads(result.stdout)["error"] == last


def test_help_names_every_option_and_imports_nothing_that_computes() -> None:
    code = (
        "import sys; sys.argv = ['edge-run', '--help']; from edge.cli.run import main\n"
        "try:\n    main()\n"
        "finally:\n    heavy = {'av', 'cv2', 'numpy', 'onnxruntime', 'pydantic', 'rich', 'scipy'} | "
        "{'trackers'}\n    print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    for option in ("--cameras", "--out", "--duration-s", "--pipeline", "--video", "--no-crops", "--json"):
        assert option in done.stdout


# --- a run whose truth is known ---


@pytest.fixture
def truth(site: Path) -> Path:
    """Where the tiny detector sees its person, in both cameras: person 5."""
    left, top, right, bottom = (edge * size for edge, size in zip(BOX, (160, 120) * 2, strict=True))
    line = f"{left:g},{top:g},{right - left:g},{bottom - top:g},1,-1,-1,-1\n"
    (site / "truth").mkdir()
    for camera in ("door", "yard"):
        (site / "truth" / f"{camera}.txt").write_text("".join(f"{n},5,{line}" for n in range(1, 31)))
    return site


def test_a_run_is_scored_against_its_truth(truth: Path, edge_run: Edge) -> None:
    cameras = DOOR + "  - {name: yard, source: door.mp4}\n"
    result = edge_run(cameras, "--json", "--truth", str(truth))
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary == json.loads((truth / "out" / "summary.json").read_text())
    evaluation = summary["evaluation"]
    assert evaluation["idf1"] > 0.9
    assert set(evaluation["cameras"]) == {"door", "yard"}
    assert evaluation["people"] == {"5": 1}
    assert set(evaluation["without"]) == set(SWITCHES) - {"prototypes"}  # nobody was drawn
    assert "Against the truth" in (truth / "out" / "report.html").read_text()
    alone = CliRunner().invoke(
        edge, ["eval", "tracking", "--truth", str(truth), "--result", str(truth / "out"), "--json"]
    )
    scores = json.loads(alone.stdout)
    assert {key: round(value, 6) for key, value in scores.items() if isinstance(value, float)} == {
        key: value for key, value in evaluation.items() if isinstance(value, float)
    }


def test_a_truth_that_does_not_fit_stops_the_run_before_it_begins(site: Path, edge_run: Edge) -> None:
    result = edge_run(DOOR, "--truth", str(site / "nowhere"))
    assert result.exit_code == 2
    assert only_line(result) == f"{site}/nowhere: no such folder"
    (site / "gate.txt").write_text("1,1,0,0,5,5\n")
    result = edge_run(DOOR, "--truth", str(site))
    assert result.exit_code == 2
    assert "no camera has both: truth of gate, results of door" in only_line(result)
    assert not (site / "out").exists()


def test_a_mosaic_is_written_on_request(site: Path, edge_run: Edge) -> None:
    assert edge_run(DOOR + "  - {name: yard, source: door.mp4}\n", "--mosaic").exit_code == 0
    assert [path.name for path in (site / "out" / "video").iterdir()] == ["mosaic.mp4"]


def test_a_camera_called_like_the_mosaic_is_refused_beside_it(site: Path, edge_run: Edge) -> None:
    cameras = "  - {name: mosaic, source: door.mp4}\n"
    result = edge_run(cameras, "--mosaic", "--video")
    assert result.exit_code == 2
    assert "rename the camera" in only_line(result)
    assert edge_run(cameras, "--mosaic").exit_code == 0


def test_a_calibrated_camera_has_a_floor_plan(site: Path, edge_run: Edge) -> None:
    (site / "calib.yaml").write_text(
        "image_to_ground_m: [[0.1, 0, 0], [0, -0.1, 12], [0, 0, 1]]\nsize_px: [160, 120]\n"
    )
    assert edge_run("  - {name: door, source: door.mp4, calibration: calib.yaml}\n").exit_code == 0
    assert "Floor plan" in (site / "out" / "report.html").read_text()


def test_a_wrong_calibration_is_2_with_its_line(site: Path, edge_run: Edge) -> None:
    (site / "calib.yaml").write_text("image_to_ground_m: 3\nsize_px: [160, 120]\n")
    result = edge_run("  - {name: door, source: door.mp4, calibration: calib.yaml}\n")
    assert result.exit_code == 2
    assert only_line(result).startswith(f"{site}/calib.yaml:1: image_to_ground_m")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), "name a cams.yaml, or give --demo"),
        (("--cameras", "c.yaml", "--fresh", "--truth", "t"), "which begin with nobody known"),
        (("--cameras", "c.yaml", "--state", "s.db", "--no-state"), "which begin with nobody known"),
        (("--demo", "--fresh"), "which begin with nobody known"),
        (("--cameras", "c.yaml", "--seed", "1"), "is for --demo"),
        (("--demo", "--cameras", "c.yaml"), "goes without --demo"),
        (("--demo", "--truth", "t"), "goes without --demo"),
    ],
)
def test_options_that_exclude_each_other_are_refused(options: tuple[str, ...], line: str) -> None:
    result = CliRunner().invoke(app, list(options))
    assert result.exit_code == 2
    assert line in result.stderr
