from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from edge.config.sources import DeviceSource, FileSource, HttpSource, Reconnect, RtspSource, Source
from edge.config.urls import SecretUrl

ADAPTER: TypeAdapter[Source] = TypeAdapter(Source, config=ConfigDict(hide_input_in_errors=True))


def source(value: object, folder: Path | None = None) -> Source:
    return ADAPTER.validate_python(value, context={"folder": folder} if folder else None)


def refusal(value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        source(value)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("door.mp4", FileSource(path=Path("door.mp4"))),
        ("/data/a b@c.mp4", FileSource(path=Path("/data/a b@c.mp4"))),
        ("./a:b@c.mp4", FileSource(path=Path("./a:b@c.mp4"))),
        ("file:///data/a%20b.mp4", FileSource(path=Path("/data/a b.mp4"))),
        ("file://localhost/data/a.mp4", FileSource(path=Path("/data/a.mp4"))),
        ("rtsp://h/x", RtspSource(url=SecretUrl("rtsp://h/x"))),
        ("RTSPS://h:322/x", RtspSource(url=SecretUrl("rtsps://h:322/x"))),
        (" rtsp://h/x ", RtspSource(url=SecretUrl("rtsp://h/x"))),
        ("http://h/x", HttpSource(url=SecretUrl("http://h/x"))),
        ("https://h/x", HttpSource(url=SecretUrl("https://h/x"))),
        (0, DeviceSource(device=0)),
        ("0", DeviceSource(device=0)),
        ("12", DeviceSource(device=12)),
        ("/dev/video2", DeviceSource(device="/dev/video2")),
        ("/dev/v4l/by-id/usb-cam", DeviceSource(device="/dev/v4l/by-id/usb-cam")),
        ({"path": "a.mp4", "loop": True}, FileSource(path=Path("a.mp4"), loop=True)),
        (
            {"rtsp": "rtsp://h/x", "transport": "udp"},
            RtspSource(url=SecretUrl("rtsp://h/x"), transport="udp"),
        ),
        ({"url": "rtsp://h/x"}, RtspSource(url=SecretUrl("rtsp://h/x"))),
        ({"kind": "rtsp", "url": "rtsp://h/x"}, RtspSource(url=SecretUrl("rtsp://h/x"))),
        ({"url": "file:///a.mp4"}, FileSource(path=Path("/a.mp4"))),
        ({"http": "http://h/x"}, HttpSource(url=SecretUrl("http://h/x"))),
        ({"device": "1", "width": 640, "height": 480}, DeviceSource(device=1, width=640, height=480)),
    ],
)
def test_every_way_to_write_a_source(written: object, meant: Source) -> None:
    assert source(written) == meant


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        (None, "must be one of"),
        (True, "must be one of"),
        (1.5, "must be one of"),
        ([], "must be one of"),
        (-1, "device number"),
        (1000, "device number"),
        ("ftp://u:hunter2@h/x", "unknown scheme 'ftp://'"),
        ("rtmp://h/x", "unknown scheme 'rtmp://'"),
        ("rtsp:/u:hunter2@h/x", "scheme"),
        ("rtsp:h/x", "two slashes"),
        ("u:hunter2@h/x", "without its scheme"),
        ("rtsp://", "no usable host"),
        ("rtsp://u:hunter2@", "no usable host"),
        ("rtsp://u:hunter2@h:99999/", "port"),
        ("rtsp://h/\x01", "control character"),
        ("file://a.mp4", "absolute path"),
        ("a\0b.mp4", "NUL"),
        ({}, "needs one of the keys"),
        ({"loop": True}, "needs one of the keys"),
        ({"path": "a", "rtsp": "rtsp://h"}, "exclude each other"),
        ({"path": "rtsp://u:hunter2@h/x"}, "must be a path"),
        ({"path": ""}, "empty"),
        ({"path": 3}, "path"),
        ({"rtsp": "http://u:hunter2@h/x"}, "rtsp:// or rtsps://"),
        ({"rtsp": 5}, "URL as text"),
        ({"http": "rtsp://h"}, "http:// or https://"),
        ({"url": "ftp://u:hunter2@h"}, "unknown scheme"),
        ({"url": "a.mp4"}, "url must begin"),
        ({"url": 4}, "url must begin"),
        ({"kind": "webcam"}, "kind must be one of"),
        ({"kind": [1]}, "kind must be one of"),
        ({"kind": "rtsp"}, "Field required"),
        ({"kind": "http", "rtsp": "rtsp://h"}, "does not go with"),
        ({"device": True}, "device number"),
        ({"device": "video0"}, "device number"),
        ({"device": 0, "width": 640}, "both width and height"),
        ({"rtsp": "rtsps://h", "transport": "udp"}, "needs transport tcp"),
        ({"rtsp": "rtsp://h", "latency_ms": True}, "must be a number"),
        ({"rtsp": "rtsp://h", "timeout_s": float("inf")}, "finite"),
        ({"rtsp": "rtsp://h", "reconnect": {"first_s": 9, "max_s": 1}}, "must not be less than first_s"),
        ({"path": "a", "starts_at": "2026-11-22T10:00:00"}, "timezone"),
        ({"path": "a", "rtsp_transport": "tcp"}, "Extra inputs"),
    ],
)
def test_what_is_no_source_is_refused_with_advice(written: object, says: str) -> None:
    assert says in refusal(written)


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for written, meant in (
        ("a.mp4", tmp_path / "a.mp4"),
        ("/a.mp4", Path("/a.mp4")),
        ("~/a", Path("/home/me/a")),
    ):
        found = source(written, tmp_path)
        assert isinstance(found, FileSource)
        assert found.path == meant


def test_only_paced_files_and_streams_are_live() -> None:
    assert not source("a.mp4").is_live
    assert source({"path": "a.mp4", "realtime": True}).is_live
    assert all(source(written).is_live for written in ("rtsp://h", "http://h", 0))


def test_no_representation_of_a_source_shows_its_credentials() -> None:
    for written in ("rtsp://u:hunter2@h/x?token=hunter2", {"http": "http://h/x?pwd=hunter2"}):
        found = source(written)
        shown = (repr(found), str(found), found.label, repr(found.model_dump()), found.model_dump_json())
        assert all("hunter2" not in text for text in shown)
        assert isinstance(found, (RtspSource, HttpSource))
        assert "hunter2" in found.url.reveal()


def test_a_password_with_special_characters_reaches_the_library_encoded() -> None:
    found = source("rtsp://admin:p@ss:w rd@10.0.0.2:554/ch1")
    assert isinstance(found, RtspSource)
    assert found.url.reveal() == "rtsp://admin:p%40ss%3Aw%20rd@10.0.0.2:554/ch1"
    assert "two ways" in refusal("rtsp://admin:p@ss/hunter2#rd@10.0.0.2:554/ch1")


def test_sources_are_frozen_and_hashable() -> None:
    found = source("rtsp://h/x")
    with pytest.raises(ValidationError):
        found.frozen_s = 3.0  # type: ignore[misc,union-attr]
    assert len({found, source("rtsp://h/x")}) == 1
    assert Reconnect() == Reconnect(first_s=1.0, max_s=30.0, factor=2.0, attempts=None)
