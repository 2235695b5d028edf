from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from edge.clock import FakeClock
from edge.config.sources import Reconnect
from edge.errors import SourceError
from edge.stages.capture import CameraReader, CameraState
from edge.stages.capture.live import Backoff

STOPS_WITHIN_S = 2.0
WITHIN_S = 20.0

Open = Callable[..., CameraReader]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(20)
        yield int(listener.getsockname()[1])


def waits_s(count: int, **options: float) -> list[float | None]:
    class NoJitter(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return (a + b) / 2

    backoff = Backoff(Reconnect.model_validate(options), NoJitter())
    return [backoff.next_wait_s() for _ in range(count)]


def test_waits_grow_by_the_factor_up_to_the_longest() -> None:
    assert waits_s(7) == [1, 2, 4, 8, 16, 30, 30]
    assert waits_s(4, first_s=0.5, factor=1.5, max_s=100) == [0.5, 0.75, 1.125, 1.6875]
    assert waits_s(3, first_s=2, factor=1, max_s=2) == [2, 2, 2]


def test_waits_stay_finite_for_ever() -> None:
    assert waits_s(5000, factor=100)[-1] == 30


def test_attempts_run_out() -> None:
    assert waits_s(4, attempts=2) == [1, 2, None, None]
    assert waits_s(1, attempts=0) == [None]


def test_a_good_connection_starts_the_waits_again() -> None:
    backoff = Backoff(Reconnect(attempts=3), random.Random(1))
    for _ in range(3):
        backoff.next_wait_s()
    assert backoff.next_wait_s() is None
    backoff.reset()
    assert backoff.attempt == 0
    wait_s = backoff.next_wait_s()
    assert wait_s is not None
    assert 0.9 <= wait_s <= 1.1


def test_jitter_keeps_cameras_out_of_step_but_never_exceeds_the_longest() -> None:
    rng = random.Random(1)
    firsts = [Backoff(Reconnect(first_s=10, max_s=10.5), rng).next_wait_s() for _ in range(200)]
    assert len(set(firsts)) > 50
    assert all(wait_s is not None and 9.0 <= wait_s <= 10.5 for wait_s in firsts)


def test_a_refused_camera_is_tried_again_and_then_given_up(reader_of: Open, closed_port: int) -> None:
    states: list[CameraState] = []
    clock = FakeClock()
    url = f"rtsp://admin:geheim77@127.0.0.1:{closed_port}/ch1"
    source = {"rtsp": url, "reconnect": {"attempts": 4}}
    reader = reader_of(source, clock, states.append)
    with pytest.raises(SourceError) as caught:
        list(reader.frames())
    where = f"rtsp://***@127.0.0.1:{closed_port}/ch1"
    assert str(caught.value) == f"camera 'door': connection refused by {where}; gave up after 5 attempts"
    assert [state.kind for state in states] == ["retrying"] * 4 + ["failed"]
    assert [state.attempt for state in states[:4]] == [1, 2, 3, 4]
    assert clock.waits == pytest.approx([1, 2, 4, 8], rel=0.11)
    assert clock.waits == [state.retry_in_s for state in states[:4]]
    assert states[2].message == f"camera 'door': connection refused by {where}; retrying in 4 s"
    assert not any("geheim77" in state.message for state in states)


def test_a_camera_that_never_answers_is_left_after_its_timeout(reader_of: Open, silent_port: int) -> None:
    source = {"rtsp": f"rtsp://127.0.0.1:{silent_port}/x", "timeout_s": 0.2, "reconnect": {"attempts": 0}}
    started_s = time.monotonic()
    with pytest.raises(SourceError, match=r"no answer from rtsp://127\.0\.0\.1"):
        list(reader_of(source).frames())
    assert time.monotonic() - started_s < 10.0


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_stop_wakes_a_reader_that_is_connecting(reader_of: Open, silent_port: int, scheme: str) -> None:
    reader = reader_of({scheme: f"{scheme}://127.0.0.1:{silent_port}/x", "timeout_s": 60})
    thread = threading.Thread(target=lambda: list(reader.frames()))
    thread.start()
    time.sleep(0.3)
    assert thread.is_alive()
    reader.stop()
    thread.join(STOPS_WITHIN_S)
    assert not thread.is_alive()


def test_stop_wakes_a_reader_that_waits_to_try_again(reader_of: Open, closed_port: int) -> None:
    waiting = threading.Event()
    reconnect = {"first_s": 600, "max_s": 600}
    reader = reader_of(
        {"rtsp": f"rtsp://127.0.0.1:{closed_port}/x", "reconnect": reconnect},
        on_state=lambda state: waiting.set() if state.kind == "retrying" else None,
    )
    thread = threading.Thread(target=lambda: list(reader.frames()))
    thread.start()
    assert waiting.wait(WITHIN_S)
    reader.stop()
    thread.join(STOPS_WITHIN_S)
    assert not thread.is_alive()
    assert reader.state is not None
    assert reader.state.kind == "ended"


def test_a_reader_stopped_before_it_began_connects_to_nothing(reader_of: Open, silent_port: int) -> None:
    states: list[CameraState] = []
    reader = reader_of(f"rtsp://127.0.0.1:{silent_port}/x", on_state=states.append)
    reader.stop()
    reader.stop()
    assert list(reader.frames()) == []
    assert [state.kind for state in states] == ["ended"]


def test_a_missing_usb_camera_is_reported_by_its_device(reader_of: Open) -> None:
    with pytest.raises(
        SourceError, match="camera 'door': device 987 does not exist; gave up after one attempt"
    ):
        list(reader_of({"device": 987, "reconnect": {"attempts": 0}}).frames())


def test_frames_may_be_asked_for_once(reader_of: Open) -> None:
    reader = reader_of({"device": 987, "reconnect": {"attempts": 0}})
    with pytest.raises(SourceError):
        list(reader.frames())
    with pytest.raises(RuntimeError, match="once"):
        list(reader.frames())
