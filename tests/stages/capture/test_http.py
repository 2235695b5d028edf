"""HTTP sources against a real server on loopback."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from small_videos import index_of, write_video

from edge.clock import FakeClock
from edge.errors import SourceError
from edge.stages.capture import CameraReader, CameraState

WITHIN_S = 20.0
STOPS_WITHIN_S = 2.0

Open = Callable[..., CameraReader]


class Site(http.server.ThreadingHTTPServer):
    """A web site with cameras.

    ``/a.mp4`` is a recording; ``/live`` a motion JPEG stream of 10 pictures a second; ``/silent`` one that
    says nothing after five pictures; ``/still`` one picture for ever; ``/private`` asks who is there.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.recording = write_video(folder / "a.mp4", 20, movflags="faststart").read_bytes()
        self.jpegs = [jpeg_of(index) for index in range(10)]
        self.over = threading.Event()

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_address[1]}/{path}"


class Page(http.server.BaseHTTPRequestHandler):
    server: Site
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        if self.path == "/a.mp4":
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(self.server.recording)))
            self.end_headers()
            self._write(self.server.recording)
        elif self.path in ("/live", "/silent", "/still"):
            self._stream(len_max=5 if self.path == "/silent" else 10_000, still=self.path == "/still")
        elif self.path == "/private":
            self.send_error(401)
        else:
            self.send_error(404)

    def _stream(self, len_max: int, still: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        for number in range(len_max):
            jpeg = self.server.jpegs[0 if still else number % len(self.server.jpegs)]
            head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            if self.server.over.wait(0.1) or not self._write(head.encode() + jpeg + b"\r\n"):
                return
        self.server.over.wait(60)

    def _write(self, data: bytes) -> bool:
        try:
            self.wfile.write(data)
        except OSError:
            return False
        return True

    def log_message(self, *_: object) -> None:
        pass


def jpeg_of(index: int) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 160, 120, "yuvj420p"
    encoder.time_base = encoder.framerate = 1  # type: ignore[assignment]
    picture = av.VideoFrame.from_ndarray(np.full((180, 160), 40 + index * 10, np.uint8), "yuvj420p")
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    server = Site(tmp_path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join(WITHIN_S)


def test_a_motion_jpeg_stream_is_read_and_stopped(site: Site, reader_of: Open) -> None:
    reader = reader_of(site.url("live"))
    frames = []
    for frame in reader.frames():
        frames.append(frame)
        if len(frames) == 10:
            reader.stop()
    assert len(frames) == 10
    assert frames[0].image_bgr_hwc.shape == (120, 160, 3)
    arrived_ns = [frame.captured_at_ns for frame in frames]
    assert arrived_ns == sorted(arrived_ns)
    assert abs(arrived_ns[-1] - time.time_ns()) < 60 * 10**9
    assert reader.is_live


def test_a_recording_comes_at_its_own_speed_and_again_when_it_has_ended(site: Site, reader_of: Open) -> None:
    clock = FakeClock()
    states: list[CameraState] = []
    reader = reader_of(site.url("a.mp4"), clock, states.append)
    frames = []
    for frame in reader.frames():
        frames.append(frame)
        if len(frames) == 40:
            break
    assert [index_of(frame.image_bgr_hwc) for frame in frames] == [*range(20), *range(20)]
    assert [frame.epoch for frame in frames] == [0] * 20 + [1] * 20
    assert [frame.number for frame in frames] == list(range(1, 41))
    assert frames[20].pts_s == 0.0
    steps_ns = np.diff([frame.captured_at_ns for frame in frames[:20]])
    assert steps_ns == pytest.approx([100_000_000] * 19, abs=1000)
    assert [state.kind for state in states] == ["connected", "lost", "retrying", "connected"]
    assert reader.counts.reconnects == 1


def test_a_stream_that_falls_silent_is_frozen_and_connected_again(site: Site, reader_of: Open) -> None:
    states: list[CameraState] = []
    source = {"http": site.url("silent"), "frozen_s": 0.8, "reconnect": {"first_s": 0.05}}
    reader = reader_of(source, on_state=states.append)
    epochs = []
    for frame in reader.frames():
        epochs.append(frame.epoch)
        if frame.epoch == 2:
            reader.stop()
    assert sorted(set(epochs)) == [0, 1, 2]
    kinds = [state.kind for state in states]
    assert kinds[:4] == ["connected", "frozen", "retrying", "connected"]
    assert "no picture from http://127.0.0.1" in states[1].message
    assert "for 0.8 s" in states[1].message


def test_a_stream_that_repeats_one_picture_is_frozen(site: Site, reader_of: Open) -> None:
    states: list[CameraState] = []
    reader = reader_of({"http": site.url("still"), "frozen_s": 0.4}, on_state=states.append)
    for frame in reader.frames():
        if any(state.kind == "frozen" for state in states) or frame.number > 200:
            reader.stop()
    assert [state.kind for state in states][:3] == ["connected", "frozen", "retrying"]
    assert "repeats the same picture" in states[1].message


def test_stop_wakes_a_reader_of_a_silent_stream(site: Site, reader_of: Open) -> None:
    reader = reader_of(site.url("silent"))
    fifth = threading.Event()

    def read() -> None:
        for frame in reader.frames():
            if frame.number >= 4:
                fifth.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert fifth.wait(WITHIN_S)
    reader.stop()
    thread.join(STOPS_WITHIN_S)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("path", "reason"),
    [("private", "refused the user name or password (401)"), ("none", "does not exist on its server (404)")],
)
def test_what_the_server_refuses_is_said_without_the_password(
    site: Site, reader_of: Open, path: str, reason: str
) -> None:
    source = {"http": site.url(path, "admin:geheim77@"), "reconnect": {"attempts": 0}}
    with pytest.raises(SourceError) as caught:
        list(reader_of(source).frames())
    assert f"http://***@127.0.0.1:{site.server_address[1]}/{path} {reason}" in str(caught.value)
    assert "geheim77" not in str(caught.value)
