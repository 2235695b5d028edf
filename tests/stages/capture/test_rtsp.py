"""RTSP against a real server on loopback that is killed, started again and frozen."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from rtsp_server import RtspServer, missing

from edge.errors import SourceError
from edge.records import Frame
from edge.stages.capture import CameraReader, CameraState

WITHIN_S = 25.0
STOPS_WITHIN_S = 2.0
FAST = {"first_s": 0.1, "max_s": 0.3}

Open = Callable[..., CameraReader]


@pytest.fixture(autouse=True)
def _needs_a_server() -> None:
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture
def server() -> Iterator[RtspServer]:
    with RtspServer() as server:
        yield server


class Watch:
    """Runs a reader in a thread and waits, never for ever, for what it is expected to do."""

    def __init__(self, reader_of: Open, source: dict[str, object], **camera: object) -> None:
        self.frames: list[Frame] = []
        self.states: list[CameraState] = []
        self.error: BaseException | None = None
        self._news = threading.Condition()
        self.reader = reader_of(source, on_state=self._on_state, **camera)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def until(self, holds: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(holds, WITHIN_S), [state.message for state in self.states]

    def kinds(self) -> list[str]:
        return [state.kind for state in self.states]

    def stop(self) -> float:
        started_s = time.monotonic()
        self.reader.stop()
        self.thread.join(WITHIN_S)
        assert not self.thread.is_alive()
        return time.monotonic() - started_s

    def _run(self) -> None:
        try:
            for frame in self.reader.frames():
                with self._news:
                    self.frames.append(frame)
                    self._news.notify_all()
        except SourceError as error:
            self.error = error

    def _on_state(self, state: CameraState) -> None:
        with self._news:
            self.states.append(state)
            self._news.notify_all()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_frames_arrive_in_order_with_their_wall_time(
    server: RtspServer, reader_of: Open, transport: str
) -> None:
    with Watch(reader_of, {"rtsp": server.url, "transport": transport}) as watch:
        watch.until(lambda: len(watch.frames) >= 15)
        now_ns = time.time_ns()
    frames = watch.frames
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    assert frames[0].image_bgr_hwc.shape == (240, 320, 3)
    assert frames[0].pts_s == 0.0
    assert frames[14].pts_s - frames[4].pts_s == pytest.approx(1.0, abs=0.35)
    arrived_ns = [frame.captured_at_ns for frame in frames]
    assert arrived_ns == sorted(arrived_ns)
    assert abs(arrived_ns[14] - now_ns) < 5 * 10**9
    assert watch.kinds() == ["connected", "ended"]


def test_a_killed_server_is_waited_for_and_connected_again(server: RtspServer, reader_of: Open) -> None:
    with Watch(reader_of, {"rtsp": server.url, "reconnect": FAST}) as watch:
        watch.until(lambda: len(watch.frames) >= 5)
        server.kill()
        watch.until(lambda: any("connection refused" in state.message for state in watch.states))
        seen = len(watch.frames)
        server.start()
        watch.until(lambda: len(watch.frames) >= seen + 5)
    kinds = watch.kinds()
    assert kinds[:3] == ["connected", "lost", "retrying"]
    assert kinds[-2:] == ["connected", "ended"]
    assert set(kinds[2:-2]) == {"retrying"}
    refused = next(state for state in watch.states if "refused" in state.message)
    assert refused.message.startswith(f"camera 'door': connection refused by {server.url}; retrying in 0.")
    assert [frame.number for frame in watch.frames] == list(range(1, len(watch.frames) + 1))
    assert [frame.epoch for frame in watch.frames] == [0] * seen + [1] * (len(watch.frames) - seen)
    assert watch.frames[seen].pts_s == 0.0
    arrived_ns = [frame.captured_at_ns for frame in watch.frames]
    assert arrived_ns == sorted(arrived_ns)
    assert watch.reader.counts.reconnects == 1


def test_a_frozen_server_is_noticed_and_connected_again_once_it_thaws(
    server: RtspServer, reader_of: Open
) -> None:
    source = {"rtsp": server.url, "frozen_s": 1.5, "timeout_s": 1.0, "reconnect": FAST}
    with Watch(reader_of, source) as watch:
        watch.until(lambda: len(watch.frames) >= 5)
        server.freeze()
        watch.until(lambda: "frozen" in watch.kinds())
        seen = len(watch.frames)
        server.thaw()
        watch.until(lambda: len(watch.frames) >= seen + 5)
    frozen = next(state for state in watch.states if state.kind == "frozen")
    assert frozen.message == f"camera 'door': no picture from {server.url} for 1.5 s"
    assert watch.frames[-1].epoch >= 1
    assert [frame.number for frame in watch.frames] == list(range(1, len(watch.frames) + 1))


def test_stop_wakes_a_reader_of_a_frozen_server(server: RtspServer, reader_of: Open) -> None:
    with Watch(reader_of, {"rtsp": server.url, "frozen_s": 30}) as watch:
        watch.until(lambda: len(watch.frames) >= 3)
        server.freeze()
        seen = -1
        while seen != len(watch.frames):
            seen = len(watch.frames)
            time.sleep(0.3)
        assert watch.stop() < STOPS_WITHIN_S
    assert watch.kinds() == ["connected", "ended"]
    server.kill()  # ends the connection that was left behind


def test_a_camera_may_come_up_long_after_the_run_has_started(server: RtspServer, reader_of: Open) -> None:
    server.kill()
    with Watch(reader_of, {"rtsp": server.url, "reconnect": FAST}) as watch:
        watch.until(lambda: watch.kinds().count("retrying") >= 3)
        server.start()
        watch.until(lambda: len(watch.frames) >= 3)
    assert watch.frames[0].epoch == 0
    assert watch.reader.counts.reconnects == 0


def test_fps_max_thins_a_live_stream(server: RtspServer, reader_of: Open) -> None:
    with Watch(reader_of, {"rtsp": server.url}, fps_max=2.0) as watch:
        watch.until(lambda: len(watch.frames) >= 4)
    numbers = [frame.number for frame in watch.frames[:4]]
    assert numbers[3] - numbers[0] == pytest.approx(15, abs=2)
    counts = watch.reader.counts
    assert counts.decoded == counts.delivered + counts.thinned


def test_a_password_is_used_and_never_shown(reader_of: Open) -> None:
    with RtspServer(user="admin", password="geheim77") as server:
        with Watch(reader_of, {"rtsp": server.url}) as watch:
            watch.until(lambda: len(watch.frames) >= 3)
        wrong = server.url.replace("geheim77", "falsch88")
        with Watch(reader_of, {"rtsp": wrong, "reconnect": {"attempts": 0}}) as refused:
            refused.thread.join(WITHIN_S)
    assert watch.states[0].message.startswith(
        f"camera 'door': connected to rtsp://***@127.0.0.1:{server.port}/"
    )
    assert "refused the user name or password (401)" in str(refused.error)
    said = " ".join(state.message for state in [*watch.states, *refused.states]) + str(refused.error)
    assert "geheim77" not in said
    assert "falsch88" not in said


def test_a_path_the_server_does_not_have_is_said(server: RtspServer, reader_of: Open) -> None:
    source = {"rtsp": server.url.replace("/live", "/none"), "reconnect": {"attempts": 0}}
    with pytest.raises(SourceError, match=r"/none does not exist on its server \(404\)"):
        list(reader_of(source).frames())


LEAVING = """
import sys, threading
from edge.clock import SystemClock
from edge.config.cameras import Camera
from edge.stages.capture import CameraReader

camera = Camera.model_validate({"name": "door", "source": {"rtsp": sys.argv[1], "frozen_s": 30}})
reader = CameraReader(camera, SystemClock(), 0)
seen = threading.Event()

def read():
    for frame in reader.frames():
        seen.set()

thread = threading.Thread(target=read)
thread.start()
assert seen.wait(20)
print("seen", flush=True)
sys.stdin.readline()
reader.stop()
thread.join()
"""


def test_a_process_ends_cleanly_while_its_camera_is_frozen(server: RtspServer) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVING, server.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"seen\n"
            server.freeze()
            process.communicate(b"leave\n", timeout=WITHIN_S)
        finally:
            process.kill()
    assert process.returncode == 0
