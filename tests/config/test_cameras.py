from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.config.cameras import Camera, CamerasFile, check_cameras, load_cameras, load_cameras_document
from edge.config.document import problems_of
from edge.config.sources import FileSource, RtspSource
from edge.errors import ConfigError

Write = Callable[[str], Path]


def problems(file: Path) -> list[str]:
    _, _, found = check_cameras(file)
    return [str(problem).removeprefix(f"{file}:") for problem in found]


def test_a_small_file_has_the_defaults(write: Write) -> None:
    file = write("cameras:\n  - name: door\n    source: rtsp://10.0.0.2/ch1\n")
    found = load_cameras(file)
    assert found.site.name == "site"
    assert found.site.start_timeout_s == 30.0
    assert found.pipeline is None
    (camera,) = found.cameras
    assert isinstance(camera.source, RtspSource)
    assert (camera.source.transport, camera.source.latency_ms, camera.source.frozen_s) == ("tcp", 200, 10.0)
    assert (camera.fps_max, camera.roi, camera.calibration) == (None, None, None)
    assert camera.is_live


def test_a_full_file_is_read(write: Write, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "calib.yaml").write_text("x: 1")
    file = write(
        "x-defaults: &stream {latency_ms: 50, reconnect: {attempts: 3}}\n"
        "site: {name: shop, start_timeout_s: 5}\n"
        "pipeline: fast/pipeline.yaml\n"
        "cameras:\n"
        "  - name: door\n"
        "    source: {rtsp: 'rtsp://h/x', <<: *stream}\n"
        "    fps_max: 5\n"
        "    roi: [[[0, 0], [1, 0], [1, 1]]]\n"
        "    calibration: calib.yaml\n"
        "  - name: yard\n"
        "    source: {path: a.mp4, starts_at: 2026-11-22T10:00:00+02:00, offset_s: -3, realtime: true}\n"
    )
    found, document = load_cameras_document(file)
    assert found.pipeline == str(tmp_path / "fast/pipeline.yaml")
    assert found.cameras[0].calibration == tmp_path / "calib.yaml"
    assert isinstance(found.cameras[0].source, RtspSource)
    assert found.cameras[0].source.reconnect.attempts == 3
    yard = found.cameras[1].source
    assert isinstance(yard, FileSource)
    assert yard.starts_at is not None
    assert yard.starts_at.isoformat() == "2026-11-22T10:00:00+02:00"
    assert document.line_of(("cameras", 1, "source", "offset_s")) == 11


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("site: {}\n", "1: cameras: this key is required"),
        ("cameras: []\n", "1: cameras: must have at least 1 item (got 0)"),
        ("cameras:\n", "1: cameras: must be a list (got nothing)"),
        ("cameras: {door: rtsp://h}\n", "1: cameras: must be a list (got a mapping)"),
        ("cameras:\n  - rtsp://u:hunter2@h\n", "2: cameras.0: must be a mapping"),
        ("cameras:\n  -\n", "2: cameras.0: must be a mapping"),
        ("cameras:\n  - name: a\n", "2: cameras.0.source: this key is required"),
        ("cameras:\n  - source: 0\n", "2: cameras.0.name: this key is required"),
        ("cameras:\n  - {name: 1, source: 0}\n", "2: cameras.0.name: must be text; put it in quotes (got 1)"),
        (
            "cameras:\n  - {name: on, source: 0}\n",
            "2: cameras.0.name: must be text; put it in quotes (got true)",
        ),
        (
            "cameras:\n  - {name: front door, source: 0}\n",
            "2: cameras.0.name: must begin with a letter or digit",
        ),
        ("cameras:\n  - {name: ../x, source: 0}\n", "2: cameras.0.name: must begin with a letter or digit"),
        ("cameras:\n  - {name: '', source: 0}\n", "2: cameras.0.name: must not be empty"),
        ("cameras:\n  - {name: a, source: ''}\n", "2: cameras.0.source: is empty"),
        (
            "cameras:\n  - {name: a, source: 0, nam: b}\n",
            "2: cameras.0.nam: unknown key; did you mean 'name'?",
        ),
        (
            "cameras:\n  - name: a\n    source: 'ftp://u:hunter2@h'\n",
            "3: cameras.0.source: unknown scheme 'ftp://'",
        ),
        ("cameras:\n  - name: a\n    source: rtsp://\n", "3: cameras.0.source: has no usable host"),
        (
            "cameras:\n  - name: a\n    source:\n      rtsp: rtsp://h\n      latency_ms: -5\n",
            "5: cameras.0.source.latency_ms: must be 0 or more (got -5)",
        ),
        (
            "cameras:\n  - name: a\n    source:\n      latency_ms: 1\n      rtsp: http://u:hunter2@h\n",
            "5: cameras.0.source.rtsp: must begin with rtsp:// or rtsps://",
        ),
        (
            "cameras:\n  - name: a\n    source:\n      rtsp: rtsp://h\n      latencyms: 1\n",
            "5: cameras.0.source.latencyms: unknown key; did you mean 'latency_ms'?",
        ),
        (
            "cameras:\n  - name: a\n    source:\n      rtsp: rtsp://h\n"
            "      reconnect:\n        first_s: 9\n        max_s: 1\n",
            "7: cameras.0.source.reconnect.max_s: must not be less than first_s (9) (got 1)",
        ),
        (
            "x-a: &a\n  latency_ms: x\n"
            "cameras:\n  - name: a\n    source:\n      rtsp: rtsp://h\n      <<: *a\n",
            "2: cameras.0.source.latency_ms: must be a whole number (got 'x')",
        ),
        (
            "cameras:\n  - name: a\n    source: 0\n"
            "    roi:\n      - [[0, 0], [1, 0], [1, 1]]\n      - [[0, 0], [2, 0], [1, 1]]\n",
            "6: cameras.0.roi.1.1.0: must be 1 or less (got 2)",
        ),
        (
            "cameras:\n  - {name: a, source: 0, fps_max: 0}\n",
            "2: cameras.0.fps_max: must be more than 0 (got 0)",
        ),
        (
            "cameras:\n  - {name: a, source: 0, fps_max: .inf}\n",
            "2: cameras.0.fps_max: must be a finite number",
        ),
        (
            "cameras:\n  - {name: a, source: 0, fps_max: yes}\n",
            "2: cameras.0.fps_max: must be a number (got true)",
        ),
        ("cameras:\n  - {name: a, source: no.mp4}\n", "2: cameras.0.source: video '"),
        (
            "cameras:\n  - name: a\n    source:\n      loop: true\n      path: .\n",
            "5: cameras.0.source.path: video '",
        ),
        (
            "cameras:\n  - name: a\n    source: 0\n    calibration: no.yaml\n",
            "4: cameras.0.calibration: calibration '",
        ),
        (
            "cameras:\n  - name: a\n    source: ${NOT_SET_ANYWHERE}\n",
            "3: cameras.0.source: environment variable",
        ),
        ("- name: a\n", "1: the file must be a mapping"),
    ],
)
def test_each_mistake_is_one_problem_in_its_line(write: Write, text: str, says: str) -> None:
    found = problems(write(text))
    assert len(found) == 1
    assert found[0].startswith(says)
    assert "hunter2" not in found[0]


def test_a_double_name_is_found_where_it_is_beside_other_mistakes(write: Write) -> None:
    file = write(
        "cameras:\n  - {name: a, source: 0}\n  - {name: b, source: 1}\n  - name: a\n    source: 2\n    x: 1\n"
    )
    assert problems(file) == [
        "4: cameras.2.name: another camera is called 'a' too (line 2); rename one",
        "6: cameras.2.x: unknown key; known here: name, source, fps_max, roi, calibration",
    ]
    file = write("cameras:\n  - {name: a, source: 0}\n  - {name: a, source: 1}\n")
    assert problems(file) == ["3: cameras.1.name: another camera is called 'a' too (line 2); rename one"]


def test_a_missing_file_is_found_beside_other_mistakes(write: Write) -> None:
    found = problems(
        write("site: {nme: x}\ncameras:\n  - source: no.mp4\n  - {name: b, source: also-no.mp4}\n")
    )
    assert [problem.split(":")[:2] for problem in found] == [
        ["1", " site.nme"],
        ["3", " cameras.0.name"],
        ["3", " cameras.0.source"],
        ["4", " cameras.1.source"],
    ]


def test_two_cameras_of_one_name_cannot_be_made_in_python_either() -> None:
    camera = Camera(name="a", source=FileSource(path=Path("x")))
    with pytest.raises(ValidationError, match="two cameras are called 'a'"):
        CamerasFile(cameras=(camera, camera))


def test_the_first_problem_is_raised_with_the_others_behind_it(write: Write) -> None:
    file = write("cameras:\n  - {name: a, source: no.mp4}\n  - {name: a, source: 1}\n")
    with pytest.raises(ConfigError) as caught:
        load_cameras(file)
    assert caught.value.exit_code == 2
    assert [problem.line for problem in problems_of(caught.value)] == [2, 3]


def test_device_number_and_name_may_come_from_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_TEST_DEVICE", "3")
    monkeypatch.setenv("EDGE_TEST_LATENCY", "70")
    file = write(
        "cameras:\n"
        "  - {name: 'cam-${EDGE_TEST_DEVICE}', source: '${EDGE_TEST_DEVICE}'}\n"
        "  - {name: b, source: {rtsp: 'rtsp://h', latency_ms: '${EDGE_TEST_LATENCY}'}}\n"
    )
    found = load_cameras(file)
    assert found.cameras[0].name == "cam-3"
    assert found.cameras[0].label == "device 3"
    assert isinstance(found.cameras[1].source, RtspSource)
    assert found.cameras[1].source.latency_ms == 70


SECRET = "hunter2@Kx/9#%z"


@pytest.mark.parametrize(
    "camera",
    [
        "{name: a, source: 'rtsp://u:${EDGE_TEST_PW}@h/x', fps_max: -1}",
        "{name: a, source: 'http://h/x?token=${EDGE_TEST_PW}', fps_max: -1}",
        "{name: a, source: '${EDGE_TEST_URL}', fps_max: -1}",
        "{name: a, source: '${EDGE_TEST_PW}'}",
        "{name: '${EDGE_TEST_PW}', source: 0}",
        "{name: a, source: 0, fps_max: '${EDGE_TEST_PW}'}",
        "{name: a, source: 0, '${EDGE_TEST_PW}': 1}",
        "{name: a, source: 0, password: hunter2@Kx/9#%z}",
        "{name: a, source: 'ftp://u:${EDGE_TEST_PW}@h'}",
        "{name: a, source: 'rtsp://u:hunter2@Kx/9#%z@h/'}",
        "{name: a, source: 'u:hunter2@Kx/9#%z@h/'}",
        "{name: a, source: 'rtsp:/u:hunter2@Kx/9#%z@h/'}",
        "{name: a, source: {rtsp: 'rtsp://u:hunter2@Kx/9#%z@h', http: x}}",
        "{name: a, source: {rtsp: 'rtsp://u:${EDGE_TEST_PW}@h', transport: '${EDGE_TEST_PW}'}}",
        "{name: a, source: {path: 'rtsp://u:${EDGE_TEST_PW}@h'}}",
        "{name: a, source: 0, calibration: 'rtsp://u:${EDGE_TEST_PW}@h'}",
        "'rtsp://u:${EDGE_TEST_PW}@h'",
        "{name: a, source: 0, 'rtsp://u:hunter2@h/': 1}",
    ],
)
def test_no_problem_shows_a_credential(write: Write, monkeypatch: pytest.MonkeyPatch, camera: str) -> None:
    monkeypatch.setenv("EDGE_TEST_PW", SECRET)
    monkeypatch.setenv("EDGE_TEST_URL", f"rtsp://u:{SECRET}@10.0.0.2/x")
    file = write(f"cameras:\n  - {camera}\n")
    with pytest.raises(ConfigError) as caught:
        load_cameras(file)
    texts = [str(problem) for problem in problems_of(caught.value)]
    texts += ["".join(traceback.format_exception(caught.value)), repr(caught.value)]
    for text in texts:
        for part in ("hunter2", "Kx/9", "Kx%2F9", "9#%z"):
            assert part not in text


def test_no_representation_of_the_file_shows_a_credential(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_TEST_PW", SECRET)
    file = write("cameras:\n  - {name: a, source: 'rtsp://u:${EDGE_TEST_PW}@h/x'}\n")
    found, document = load_cameras_document(file)
    source = found.cameras[0].source
    assert isinstance(source, RtspSource)
    assert source.url.reveal() == "rtsp://u:hunter2%40Kx%2F9%23%25z@h/x"
    for text in (repr(found), str(found), found.model_dump_json(), repr(found.model_dump()), repr(document)):
        assert "hunter2" not in text
    assert found.cameras[0].label == "rtsp://***@h/x"
