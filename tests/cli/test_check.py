from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli.check import check_site, run
from edge.config import secrets
from edge.config.catalog import load_card
from edge.resources import models_dir


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_registry", secrets._Registry())


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a video and a pipeline whose weights are there, made up but with the right sha256."""
    (tmp_path / "door.mp4").write_bytes(b"video")
    stages = []
    for stage, name in (("detect", "yolox-nano"), ("embed", "reid-retail-0031")):
        card = load_card(name)
        weights = f"weights of {name}".encode()
        text = (models_dir() / name / "card.yaml").read_text(encoding="utf-8")
        text = text.replace(card.sha256, hashlib.sha256(weights).hexdigest())
        text = text.replace(f"bytes: {card.bytes}", f"bytes: {len(weights)}")
        text = text.replace(f"file: {card.file}", f"file: made_up_{card.file}")
        folder = tmp_path / name
        folder.mkdir()
        (folder / "card.yaml").write_text(text, encoding="utf-8")
        (tmp_path / f"made_up_{card.file}").write_bytes(weights)
        stages.append(f"{stage}: {{model: {name}/card.yaml}}\n")
    (tmp_path / "pipeline.yaml").write_text("".join(stages), encoding="utf-8")
    return tmp_path


def written(folder: Path, cameras: str, pipeline: str = "pipeline.yaml") -> Path:
    file = folder / "cams.yaml"
    file.write_text(f"pipeline: {pipeline}\ncameras:\n{cameras}", encoding="utf-8")
    return file


GOOD = "  - {name: door, source: door.mp4}\n  - {name: yard, source: 'rtsp://admin:hunter2@10.0.0.2/ch1?token=tok-1'}\n"


@pytest.fixture(autouse=True)
def _weights_in_the_site(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_PRETRAINED", str(site))


def test_a_good_site_has_a_line_per_camera_and_exit_code_0(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(written(site, GOOD), None, False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"  ok       door{' ' * (lines[1].index(str(site)) - 15)}{site / 'door.mp4'}"
    assert lines[2].split() == ["ok", "yard", "rtsp://***@10.0.0.2/ch1?token=***"]
    assert sum(line.startswith("  ok ") for line in lines) == 5
    assert lines[-1] == "all that can be known before a camera opens is well"


def test_json_is_one_object_without_credentials(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(written(site, GOOD), None, True) == 0
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert "tok-1" not in out
    report = json.loads(out)
    assert report["ok"] is True
    assert report["exit_code"] == 0
    assert [camera["name"] for camera in report["cameras"]] == ["door", "yard"]
    assert report["cameras"][1] == {
        "name": "yard",
        "kind": "rtsp",
        "source": "rtsp://***@10.0.0.2/ch1?token=***",
        "ok": True,
        "problems": [],
        "notes": [],
    }
    assert [model["kind"] for model in report["models"]] == ["detect", "embed"]
    assert report["problems"] == []


def test_all_problems_of_all_parts_are_listed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(
        site,
        "  - {name: door, source: no.mp4}\n"
        "  - {name: door, source: 'rtsp://u:hunter2@h', fps_max: 0}\n"
        "  - {name: c, source: 0, calibration: no.yaml, roi: [[[0, 0], [1, 1]]]}\n"
        "  - {source: 'ftp://u:hunter2@h'}\n"
        "sites: {}\n",
    )
    assert run(file, None, True) == 2
    out = capsys.readouterr().out
    assert "hunter2" not in out
    report = json.loads(out)
    assert [(problem["line"], problem["key"]) for problem in report["problems"]] == [
        (7, "sites"),
        (3, "cameras.0.source"),
        (4, "cameras.1.name"),
        (4, "cameras.1.fps_max"),
        (5, "cameras.2.roi.0"),
        (5, "cameras.2.calibration"),
        (6, "cameras.3.name"),
        (6, "cameras.3.source"),
    ]
    assert [camera["ok"] for camera in report["cameras"]] == [False] * 4
    assert report["cameras"][3]["name"] == "camera 4"
    assert report["ok"] is False
    assert run(file, None, False) == 2
    lines = capsys.readouterr().out.splitlines()
    assert "8 problems" in lines
    assert all("hunter2" not in line for line in lines)


@pytest.mark.parametrize("text", ["", "- a\n", "cameras: [\n", "a: 1\na: 2\n"])
def test_a_file_that_cannot_be_read_is_one_problem_and_the_pipeline_is_checked_still(
    site: Path, text: str
) -> None:
    file = site / "cams.yaml"
    file.write_text(text)
    report = check_site(file, str(site / "pipeline.yaml"))
    assert report.exit_code == 2
    assert report.general
    assert report.pipeline is not None
    assert not report.pipeline.problems
    assert len(report.models) == 2


def test_a_missing_cameras_file_is_exit_code_2(site: Path) -> None:
    assert check_site(site / "no.yaml").exit_code == 2


def test_weights_that_are_missing_empty_or_altered_are_exit_code_3(site: Path) -> None:
    file = written(site, GOOD)
    weights = next(site.glob("made_up_yolox*"))
    good = weights.read_bytes()
    for content in (None, b"", good[:-1] + b"X"):
        if content is None:
            weights.unlink()
        else:
            weights.write_bytes(content)
        report = check_site(file)
        assert report.exit_code == 3
        (problem,) = report.problems
        assert "yolox-nano" in str(problem)
        assert not report.models[0].where
    weights.write_bytes(good)
    assert check_site(file).exit_code == 0


def test_wrong_configuration_comes_before_missing_weights(site: Path) -> None:
    next(site.glob("made_up_yolox*")).unlink()
    assert check_site(written(site, "  - {name: a, source: no.mp4}\n")).exit_code == 2


def test_an_unknown_pipeline_is_a_problem_in_the_line_that_names_it(site: Path) -> None:
    (problem,) = check_site(written(site, GOOD, pipeline="nope")).problems
    assert str(problem).startswith(f"{site / 'cams.yaml'}:1: pipeline: no pipeline is called 'nope'")
    (problem,) = check_site(written(site, GOOD), "nope").problems
    assert str(problem).startswith("no pipeline is called 'nope'")


def test_mistakes_in_the_pipeline_are_all_listed_with_their_lines(site: Path) -> None:
    pipeline = site / "pipeline.yaml"
    pipeline.write_text(pipeline.read_text() + "trak: 1\nsink: {vido: true}\n")
    report = check_site(written(site, GOOD))
    assert report.exit_code == 2
    assert report.pipeline is not None
    assert [
        str(problem).removeprefix(f"{pipeline}:").split(":")[0] for problem in report.pipeline.problems
    ] == [
        "3",
        "4",
    ]


def test_a_model_of_the_wrong_task_an_unknown_card_and_backend_have_their_line(site: Path) -> None:
    pipeline = site / "pipeline.yaml"
    pipeline.write_text(
        "detect:\n  model: reid-retail-0031/card.yaml\nembed:\n  model: nope\n  backend: tenosrrt\n"
    )
    report = check_site(written(site, GOOD))
    found = [str(problem).removeprefix(f"{pipeline}:") for problem in report.problems]
    assert found[0].startswith("2: detect.model: model 'reid-retail-0031' is made to embed, not to detect")
    assert found[1].startswith("4: embed.model: ")
    assert found[2].startswith(
        "5: embed.backend: no backend is called 'tenosrrt'; there are: auto, onnxruntime"
    )
    assert report.exit_code == 2


def test_a_device_that_is_not_there_is_a_note_and_no_problem(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(written(site, "  - {name: usb, source: 987}\n"), None, False) == 0
    assert "note: /dev/video987 is not there now" in capsys.readouterr().out


def test_the_command_prints_no_secret_from_the_environment(site: Path) -> None:
    file = written(site, "  - {name: a, source: 'rtsp://u:${EDGE_TEST_PW}@h', latency: '${EDGE_TEST_PW}'}\n")
    done = subprocess.run(
        [sys.executable, "-c", "from edge.cli.main import main; main()", "check", "--cameras", str(file)],
        env={"PATH": "/usr/bin:/bin", "EDGE_TEST_PW": "hunter2", "EDGE_PRETRAINED": str(site)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "hunter2" not in done.stdout + done.stderr
    assert "cameras.0.latency: unknown key" in done.stdout


def test_a_video_without_bytes_is_exit_code_3_and_a_pipe_does_not_hang_the_check(site: Path) -> None:
    (site / "empty.mp4").touch()
    os.mkfifo(site / "pipe")
    report = check_site(written(site, "  - {name: a, source: empty.mp4}\n  - {name: b, source: pipe}\n"))
    assert [str(problem) for problem in report.problems] == [
        f"camera 'a': {site / 'empty.mp4'} is empty (0 bytes)"
    ]
    assert report.exit_code == 3


@pytest.mark.parametrize("content", [None, "pairs:\n- {from: door, to: attic, median_s: 3}\n"])
def test_a_topology_is_checked_before_a_camera_opens(site: Path, content: str | None) -> None:
    file, topology = site / "cams.yaml", site / "topology.yaml"
    file.write_text(
        "site: {topology: topology.yaml}\ncameras:\n- {name: door, source: 'rtsp://10.0.0.2/ch1'}\n"
    )
    if content is not None:
        topology.write_text(content)
    report = check_site(file, str(site / "pipeline.yaml"))
    assert report.exit_code == 2
    (problem,) = report.general
    assert "topology.yaml" in str(problem)
    assert ("attic" in str(problem)) == (content is not None)


def test_where_pictures_will_lie_and_who_decodes_is_said_where_it_is_not_the_cpu_alone(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.backends.cuda_driver.has_gpu", lambda: False)
    pipeline = (site / "pipeline.yaml").read_text(encoding="utf-8")
    cameras = written(site, "  - {name: door, source: door.mp4}\n")

    def checked(capture: str) -> tuple[int, str]:
        (site / "pipeline.yaml").write_text(f"{pipeline}capture: {{{capture}}}\n", encoding="utf-8")
        code = run(cameras, None, False)
        return code, capsys.readouterr().out

    code, text = checked("device: auto")
    assert code == 0
    assert "note: capture.device 'auto' is cpu: 'cuda' needs an NVIDIA GPU" in text
    code, text = checked("device: cuda")
    assert code == 3
    assert "capture.device: 'cuda' needs an NVIDIA GPU" in text
    code, text = checked("decode: nvdec")
    assert code == 3
    assert "capture.decode: NVDEC needs an NVIDIA GPU" in text
    code, text = checked("device: cpu-tensors")
    assert code == 0
    assert "note: pictures are decoded by cpu and lie in torch's tensors on the CPU" in text
    code, text = checked("device: gpu")
    assert code == 2
    assert "pipeline.yaml:3: capture.device: must be 'cpu', 'auto', 'cuda' or 'cpu-tensors'" in text
