"""The channel between a connection's thread and its reader, ended from each side."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_videos import write_video

from edge.clock import SystemClock
from edge.config.cameras import Camera
from edge.config.sources import FileSource
from edge.flow.channel import Closed
from edge.stages.capture import connection as module
from edge.stages.capture.connection import Arrival, Connection, Opened

WITHIN_S = 20.0


@pytest.fixture
def source(tmp_path: Path) -> FileSource:
    """A file: to a connection it is a source like any other."""
    source = Camera.model_validate({"name": "a", "source": str(write_video(tmp_path / "a.mp4", 20))}).source
    assert isinstance(source, FileSource)
    return source


@pytest.fixture
def opened(source: FileSource) -> Iterator[Connection]:
    connection = Connection("a", source, SystemClock(), 5.0, lambda: None)  # type: ignore[arg-type]
    yield connection
    connection.abandon()
    connection.join(WITHIN_S)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "connection a"]


def ends_soon() -> bool:
    deadline_s = time.monotonic() + WITHIN_S
    while threads() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return not threads()


def test_it_gives_opened_then_pictures_then_its_reason(opened: Connection) -> None:
    first = opened.get(WITHIN_S)
    assert isinstance(first, Opened)
    assert first.summary == "160x120 h264"
    assert first.period_s == pytest.approx(0.1)
    assert first.finite
    before_ns = time.time_ns()
    for _ in range(20):
        arrival = opened.get(WITHIN_S)
        assert isinstance(arrival, Arrival)
        assert abs(arrival.arrived_ns - before_ns) < 60 * 10**9
    with pytest.raises(Closed):
        opened.get(WITHIN_S)
    assert opened.reason.endswith("a.mp4 ended the stream")
    assert ends_soon()


def test_a_reader_that_leaves_ends_the_thread(opened: Connection) -> None:
    opened.get(WITHIN_S)  # the thread now waits for room
    opened.abandon()
    opened.abandon()
    assert ends_soon()
    with pytest.raises(Closed):
        opened.get(WITHIN_S)


def test_a_reader_that_never_came_ends_the_thread(opened: Connection) -> None:
    opened.abandon()
    assert ends_soon()


def test_abandoning_wakes_a_reader_that_waits_for_a_silent_source(
    source: FileSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def blocked(*_: object) -> None:
        release.wait(WITHIN_S)
        raise module.SourceTrouble("no answer")

    monkeypatch.setattr(module, "open_video", blocked)
    connection = Connection("a", source, SystemClock(), 5.0, lambda: None)  # type: ignore[arg-type]
    timer = threading.Timer(0.1, connection.abandon)
    timer.start()
    started_s = time.monotonic()
    with pytest.raises(Closed):
        connection.get(WITHIN_S)
    assert time.monotonic() - started_s < WITHIN_S / 2
    release.set()
    assert ends_soon()
    timer.join()


def test_a_silent_source_is_a_timeout(source: FileSource, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(module, "open_video", lambda *_: release.wait(WITHIN_S))
    connection = Connection("a", source, SystemClock(), 5.0, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(TimeoutError):
        connection.get(0.05)
    connection.abandon()
    release.set()
    assert ends_soon()


def test_trouble_is_the_reason_and_a_bug_is_raised(
    source: FileSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def troubled(*_: object) -> None:
        raise module.SourceTrouble("connection refused by nobody")

    monkeypatch.setattr(module, "open_video", troubled)
    connection = Connection("a", source, SystemClock(), 5.0, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(Closed):
        connection.get(WITHIN_S)
    assert connection.reason == "connection refused by nobody"

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(module, "open_video", broken)
    connection = Connection("a", source, SystemClock(), 5.0, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        connection.get(WITHIN_S)
    assert ends_soon()
