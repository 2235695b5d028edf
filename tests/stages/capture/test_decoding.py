"""NVDEC decodes, or refuses; then the CPU does, and nothing is lost. The decoder itself is a stand-in."""

from __future__ import annotations

import functools
import http.server
import itertools
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import av.error
import pytest
from device_pictures import DeviceFrame
from fake_nvdec import fake_pynvvideocodec
from small_videos import index_of, write_video

from edge.backends.cuda_driver import has_gpu
from edge.backends.surfaces import DeviceSurface, SurfaceDevice
from edge.clock import SystemClock
from edge.config.cameras import Camera
from edge.records import Frame
from edge.stages.capture import CameraReader, Decoding, decoding, nvdec_problem
from edge.stages.capture.still import StillWatch
from edge.stages.capture.surface_picture import SurfaceConverter
from edge.stages.capture.trouble import SourceTrouble
from edge.stages.capture.video import Video

Read = Callable[..., tuple[list[Frame], CameraReader, Decoding]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a video of 30 pictures with a decoding of its own; pictures become surfaces."""

    def run(name: str = "a.mp4", codec: str = "libx264", **camera: Any) -> Any:
        device = SurfaceDevice("cpu")
        used = Decoding("door", "nvdec", stay=True, finish=device.finish)
        path = str(write_video(tmp_path / name, 30, codec=codec))
        model = Camera.model_validate({"name": "door", "source": {"path": path}, **camera})
        reader = CameraReader(
            model, SystemClock(), 0, decoding=used, converter=lambda: SurfaceConverter(device).surface
        )
        return list(reader.frames()), reader, used

    return run


@pytest.fixture
def by_pynv(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Puts a stand-in for PyNvVideoCodec in place, as the way to NVDEC; arguments are the stand-in's."""

    def put(**fake: Any) -> Any:
        module = fake_pynvvideocodec(**fake)
        monkeypatch.setitem(sys.modules, "PyNvVideoCodec", module)
        monkeypatch.delitem(sys.modules, "edge.stages.capture.pynv", raising=False)
        monkeypatch.setattr(decoding, "nvdec_way", lambda *, stay: "pynv")
        return module

    return put


def indices(frames: list[Frame]) -> list[int]:
    return [index_of(frame.image_bgr_hwc) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.avi", "mpeg4")]
)
def test_pynvvideocodec_gives_every_picture_in_order_with_its_time(
    read: Read, by_pynv: Callable[..., Any], name: str, codec: str
) -> None:
    module = by_pynv()
    frames, reader, used = read(name, codec)
    assert indices(frames) == list(range(30))
    assert [frame.pts_s for frame in frames] == pytest.approx([index / 10 for index in range(30)], abs=0.002)
    assert all(isinstance(frame.pixels, DeviceSurface) for frame in frames)
    assert len(module.created) == 1
    assert (used.decoder, used.refusals, reader.counts.corrupt) == ("nvdec", 0, 0)


@pytest.mark.parametrize("fails_from", [0, 3, 17])
def test_what_nvdec_cannot_decode_the_cpu_decodes_and_no_picture_is_lost_or_doubled(
    read: Read, by_pynv: Callable[..., Any], fails_from: int, caplog: pytest.LogCaptureFixture
) -> None:
    by_pynv(fails_from=fails_from)
    with caplog.at_level(logging.WARNING):
        frames, reader, used = read()
    assert indices(frames) == list(range(30))
    assert (used.decoder, used.refusals, reader.counts.corrupt) == ("cpu", 1, 0)
    why = "NVDEC cannot decode it (cuvidDecodePicture returned error 700)"
    assert caplog.messages == [f"camera 'door': {why}; it is decoded on the CPU"]


def test_a_start_in_the_middle_survives_a_refusal(
    read: Read, by_pynv: Callable[..., Any], tmp_path: Path
) -> None:
    by_pynv(fails_from=2)
    path = str(tmp_path / "a.mp4")
    frames, _, used = read(source={"path": path, "start_s": 1.5})
    assert indices(frames) == list(range(15, 30))
    assert used.refusals == 1


def test_more_streams_than_nvdec_has_room_for_go_to_the_cpu(
    read: Read, by_pynv: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    by_pynv(room_for=0)
    with caplog.at_level(logging.WARNING):
        frames, _, used = read()
    assert indices(frames) == list(range(30))
    assert (used.decoder, used.refusals) == ("cpu", 1)
    assert "NVDEC does not start (cuvidCreateDecoder: CUDA_ERROR_OUT_OF_MEMORY)" in caplog.text


def test_a_codec_nvdec_does_not_know_goes_to_the_cpu(
    read: Read, by_pynv: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    by_pynv()
    with caplog.at_level(logging.WARNING):
        frames, _, used = read("a.avi", "mjpeg")
    assert len(frames) == 30
    assert used.refusals == 1
    assert "NVDEC does not decode mjpeg" in caplog.text


def test_without_a_driver_pyavs_device_gives_way_to_the_cpu(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    if has_gpu():
        pytest.skip("this machine has a GPU")
    with caplog.at_level(logging.WARNING):
        frames, _, used = read()
    assert indices(frames) == list(range(30))
    assert (used.decoder, used.refusals) == ("cpu", 1)
    assert "NVDEC does not start" in caplog.text


@pytest.mark.gpu
def test_nvdec_keeps_its_pictures_on_the_gpu(tmp_path: Path) -> None:
    device = SurfaceDevice("cuda")
    used = Decoding("door", "nvdec", stay=True, finish=device.finish)
    path = str(write_video(tmp_path / "a.mp4", 30))
    reader = CameraReader(
        Camera.model_validate({"name": "door", "source": path}),
        SystemClock(),
        0,
        decoding=used,
        converter=lambda: SurfaceConverter(device).surface,
    )
    frames = list(reader.frames())
    assert (used.decoder, device.counts.uploads) == ("nvdec", 0)
    assert indices(frames) == list(range(30))


class Nvdec:
    """PyAV's decoder on a GPU: its pictures lie there, until FFmpeg goes on with a decoder of its own."""

    def __init__(self, stream: Any, pictures_there: int, error: Exception | None = None) -> None:
        self._stream = stream
        self._left = pictures_there
        self._error = error

    def decode(self, packet: Any) -> list[Any]:
        if self._left <= 0 and self._error is not None:
            raise self._error
        frames = self._stream.decode(packet)
        there = [DeviceFrame(frame) for frame in frames[: max(self._left, 0)]]
        self._left -= len(frames)
        return [*there, *frames[len(there) :]]


def opened(path: Path, used: Decoding, corrupt: list[int], *, live: bool, **nvdec: Any) -> Video:
    container = av.open(str(path))
    stream = container.streams.video[0]
    return Video(
        container,
        stream,
        "the door",
        live=live,
        on_corrupt=lambda: corrupt.append(1),
        decoding=used,
        decode=Nvdec(stream, **nvdec).decode,
    )


def test_ffmpegs_own_fallback_is_noticed_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    used, corrupt = Decoding("door", "nvdec", stay=True), []
    video = opened(write_video(tmp_path / "a.mp4", 30), used, corrupt, live=True, pictures_there=5)
    convert = SurfaceConverter(SurfaceDevice("cpu")).surface
    with caplog.at_level(logging.WARNING):
        found = [index_of(convert(picture.frame).on_host()) for picture in video.pictures()]
    video.close()
    assert found == list(range(30))
    assert (used.refusals, corrupt) == (1, [])
    assert "NVDEC refuses the stream" in caplog.text


def test_a_live_source_that_nvdec_cannot_decode_is_opened_again_for_the_cpu(tmp_path: Path) -> None:
    used, corrupt = Decoding("door", "nvdec", stay=True), []
    error = av.error.ExternalError(-542398533, "Generic error in an external library")
    video = opened(
        write_video(tmp_path / "a.mp4", 30), used, corrupt, live=True, pictures_there=5, error=error
    )
    given = []
    with pytest.raises(SourceTrouble, match=r"^the door: NVDEC cannot decode it \(Generic error"):
        given.extend(video.pictures())
    video.close()
    assert len(given) == 5
    assert (used.decoder, used.refusals, corrupt) == ("cpu", 1, [])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


def test_a_camera_that_nvdec_refuses_is_connected_again_for_the_cpu(
    by_pynv: Callable[..., Any], tmp_path: Path
) -> None:
    by_pynv(fails_from=0)
    write_video(tmp_path / "a.mp4", 6, movflags="faststart")
    device, states = SurfaceDevice("cpu"), []
    used = Decoding("door", "nvdec", stay=True, finish=device.finish)
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/a.mp4"
        source = {"http": url, "reconnect": {"first_s": 0.1}}
        reader = CameraReader(
            Camera.model_validate({"name": "door", "source": source}),
            SystemClock(),
            0,
            states.append,
            decoding=used,
            converter=lambda: SurfaceConverter(device).surface,
        )
        frames = list(itertools.islice(reader.frames(), 6))
        reader.stop()
        server.shutdown()
    assert indices(frames) == list(range(6))
    assert used.refusals == 1
    assert [state.kind for state in states] == ["retrying", "connected"]
    assert "NVDEC decoded none of its pictures; retrying in 0.1 s" in states[0].message


def test_where_no_library_reaches_nvdec_the_cpu_decodes(
    read: Read, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(decoding, "nvdec_way", lambda *, stay: "")
    with caplog.at_level(logging.WARNING):
        frames, _, used = read()
    assert indices(frames) == list(range(30))
    assert used.refusals == 1
    assert "nothing here reaches NVDEC" in caplog.text


def test_a_refusal_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    used = Decoding("door", "nvdec")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            used.refuse("NVDEC is full")
    assert caplog.messages == ["camera 'door': NVDEC is full; it is decoded on the CPU"]
    assert used.refusals == 1
    assert used.hwaccel() is None


def test_what_is_missing_for_nvdec_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.backends.cuda_driver.has_gpu", lambda: False)
    assert "install it, or give the container the GPU" in nvdec_problem(stay=True)
    monkeypatch.setattr("edge.backends.cuda_driver.has_gpu", lambda: True)
    assert nvdec_problem(stay=True) == ""
    monkeypatch.setattr("av.codec.hwaccel.hwdevices_available", lambda: ["vaapi"])
    assert "pip install -U av, or pip install PyNvVideoCodec" in nvdec_problem(stay=True)


def test_a_picture_on_a_gpu_that_stays_the_same_is_still() -> None:
    grey = av.VideoFrame(64, 48, "yuv420p")
    for plane in grey.planes:
        plane.update(bytes(plane.buffer_size))
    watch = StillWatch(3.0)
    assert [watch.is_still(DeviceFrame(grey), float(now)) for now in range(5)] == [False] * 3 + [True, False]
