from __future__ import annotations

from pathlib import Path

import pytest
from deepstream_site import cameras_of

from edge.clock import FakeClock
from edge.fronts.deepstream.watch import CameraWatch
from edge.stages.capture import CameraState


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def told() -> list[CameraState]:
    return []


@pytest.fixture
def watch(tmp_path: Path, clock: FakeClock, told: list[CameraState]) -> CameraWatch:
    return CameraWatch(cameras_of(tmp_path).cameras[0], clock, told.append)


def test_a_camera_that_falls_silent_is_told_and_so_is_its_return(
    watch: CameraWatch, clock: FakeClock, told: list[CameraState]
) -> None:
    watch.frame()
    clock.advance(9)
    watch.look()
    clock.advance(2)
    watch.look()
    watch.look()
    watch.frame()
    assert [state.kind for state in told] == ["connected", "frozen", "connected"]
    assert told[1].message == (
        "camera 'door': no picture from rtsp://***@10.0.0.2/ch1 for 10 s; DeepStream tries again"
    )
    assert told[2].message.startswith("camera 'door': connected again to ")
    assert (watch.counts.delivered, watch.counts.reconnects) == (2, 1)
    assert watch.stats().puts == 2


def test_a_camera_that_never_comes_is_told_too(
    watch: CameraWatch, clock: FakeClock, told: list[CameraState]
) -> None:
    clock.advance(10)
    watch.look()
    assert [state.kind for state in told] == ["frozen"]


def test_a_camera_given_up_is_an_error_and_stays_given_up(
    watch: CameraWatch, clock: FakeClock, told: list[CameraState]
) -> None:
    error = watch.give_up()
    clock.advance(100)
    watch.look()
    watch.lost("trouble")
    watch.end()
    assert [state.kind for state in told] == ["failed"]
    assert "gave up rtsp://***@10.0.0.2/ch1" in str(error)


def test_a_file_is_never_silent_for_too_long(
    tmp_path: Path, clock: FakeClock, told: list[CameraState]
) -> None:
    (tmp_path / "a.mp4").touch()
    watch = CameraWatch(
        cameras_of(tmp_path, "cameras: [{name: a, source: a.mp4}]").cameras[0], clock, told.append
    )
    watch.frame()
    clock.advance(100)
    watch.look()
    watch.end()
    assert [state.kind for state in told] == ["connected", "ended"]
