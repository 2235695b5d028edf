"""`edge deepstream …`, and `edge-run` asked for DeepStream where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deepstream_site import CAMERAS

from edge.cli import deepstream
from edge.cli.check import check_site
from edge.errors import ConfigError


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    file = tmp_path / "cams.yaml"
    file.write_text(CAMERAS, encoding="utf-8")
    return file


def request(cameras: Path, out: Path, **options: object) -> deepstream.ConfigRequest:
    given: dict[str, object] = {"version": "7.1", "pipeline": "demo", **options}
    return deepstream.ConfigRequest(cameras, out, **given)  # type: ignore[arg-type]


def test_a_set_is_written_and_checks_out(
    cameras: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    options = {"tracker": "nvdeepsort", "broker": "redis", "broker_address": "broker:6380"}
    assert deepstream.config(request(cameras, out, **options), json=False) == 0
    assert deepstream.check(out, None, json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("files written for DeepStream 7.1 on dgpu")
    assert lines[-1] == "6 files for DeepStream 7.1: no problems"
    assert "msg-broker-conn-str=broker;6380" in (out / "deepstream_app.txt").read_text()


def test_a_misspelt_key_is_found_with_its_line(
    cameras: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    deepstream.config(request(cameras, out), json=True)
    assert json.loads(capsys.readouterr().out)["version"] == "7.1"
    file = out / "nvtracker.yml"
    file.write_text(file.read_text().replace("probationAge", "probationage"))
    assert deepstream.check(out, "9.1", json=True) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == [
        {
            "file": str(file),
            "line": 13,
            "key": "TargetManagement.probationage",
            "message": "no such key; did you mean 'probationAge'?",
        }
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": "8.0"}, r"--version must be 7\.1 or 9\.1 \(got '8\.0'\)"),
        ({"target": "tx2"}, "--target must be dgpu or jetson"),
        ({"tracker": "iou"}, "--tracker must be nvdcf or nvdeepsort"),
        ({"broker": "amqp"}, "--broker must be kafka or mqtt or redis"),
    ],
)
def test_an_unknown_choice_names_the_known_ones(
    cameras: Path, tmp_path: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        deepstream.config(request(cameras, tmp_path / "set", **options), json=False)
    assert not (tmp_path / "set").exists()


def test_a_set_without_its_list_of_files_needs_a_version(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("[property]\ngie-unique-id=1\n")
    with pytest.raises(ConfigError, match="give --version"):
        deepstream.check(tmp_path, None, json=False)
    assert deepstream.check(tmp_path, "9.1", json=False) == 0


def test_the_parsers_source_can_be_had_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert deepstream.parser(None, tmp_path / "parser") == 0
    assert capsys.readouterr().out == f"make -C {tmp_path / 'parser'}\n"
    assert "yolox-nano-person-3b097abb56c9.so" in (tmp_path / "parser" / "Makefile").read_text()


def test_only_a_camera_of_the_file_can_be_added(cameras: Path) -> None:
    with pytest.raises(ConfigError, match="no camera is called 'roof'; there are: door, yard-2"):
        deepstream.add("roof", cameras, 9)


def test_deepstream_that_is_not_installed_is_found_before_anything_begins(
    cameras: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    report = check_site(cameras, "deepstream")
    assert report.pipeline is not None
    assert len(report.pipeline.problems) == 1
    assert report.exit_code == 3
    assert str(report.pipeline.problems[0]).startswith(
        "front 'deepstream' needs DeepStream 7.1 (Ubuntu 22.04"
    )


def test_a_camera_that_deepstream_cannot_take_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "cams.yaml"
    file.write_text("cameras:\n- name: a\n  source: rtsp://h/1\n- name: desk\n  source: 0\n")
    problems = [str(one) for one in check_site(file, "deepstream").cameras[1].problems]
    assert problems == [
        f"{file}:5: cameras.1.source: the DeepStream front reads RTSP, HTTP and files; for device 0 take the "
        "native front"
    ]
