"""What is converted on a device is what FFmpeg converts on the host, to within 3 of 255 steps."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from device_pictures import DeviceFrame
from small_videos import write_video

from edge.backends.surfaces import SurfaceDevice
from edge.stages.capture.picture import BgrConverter
from edge.stages.capture.surface_picture import SurfaceConverter, sampled_rows

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
VIDEOS = [
    "data/video/pets09_s2l1_view1_480x360.avi",  # tagged BT.709
    "data/multicam/pdestre_session3/cam1.webm",  # untagged
    "data/video/one-by-one-person-detection.mp4",  # tagged BT.601
]


@pytest.fixture(scope="module", params=VIDEOS)
def frame(request: pytest.FixtureRequest, shared: Path) -> av.VideoFrame:
    """The fourth picture of a real video."""
    with av.open(str(shared / request.param)) as video:
        return next(frame for index, frame in enumerate(video.decode(video=0)) if index == 3)


def differences(frame: av.VideoFrame, converted: np.ndarray) -> tuple[float, float]:
    """Largest and mean difference from FFmpeg's conversion."""
    apart = np.abs(BgrConverter().image_bgr_hwc(frame).astype(int) - converted)
    return apart.max(), apart.mean()


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("colorspace", [None, 1, 5])
@pytest.mark.parametrize("color_range", [1, 2])
def test_real_pictures_have_ffmpegs_colours(
    frame: av.VideoFrame, name: str, colorspace: int | None, color_range: int
) -> None:
    before = frame.colorspace, frame.color_range
    try:
        frame.color_range = color_range
        if colorspace is not None:
            frame.colorspace = colorspace
        image = SurfaceConverter(SurfaceDevice(name)).surface(frame).on_host()
        largest, mean = differences(frame, image)
    finally:
        frame.colorspace, frame.color_range = before
    assert largest <= 3  # FFmpeg's own rounds down in several places
    assert mean < 0.8


@pytest.mark.parametrize("format", ["nv12", "p010le"])
def test_what_lies_on_the_gpu_is_never_touched_by_the_host(frame: av.VideoFrame, format: str) -> None:
    on_device = DeviceFrame(frame, format)
    surface = SurfaceConverter(SurfaceDevice("cpu")).surface(on_device)
    assert on_device.reads == len(on_device.planes)
    largest, mean = differences(frame, surface.on_host())
    assert largest <= 4
    assert mean < 1.0


@pytest.mark.parametrize("format", ["yuv422p", "yuv444p"])
def test_finer_colours_are_converted_too(frame: av.VideoFrame, format: str) -> None:
    finer = frame.reformat(format=format)
    largest, mean = differences(finer, SurfaceConverter(SurfaceDevice("cpu")).surface(finer).on_host())
    assert largest <= 4
    assert mean < 1.0


def test_a_surface_survives_the_decoders_memory(frame: av.VideoFrame) -> None:
    own = av.VideoFrame.from_ndarray(frame.to_ndarray(format="yuv420p"), "yuv420p")
    surface = SurfaceConverter(SurfaceDevice("cpu")).surface(own)
    before = surface.on_host().copy()
    for plane in own.planes:
        np.frombuffer(memoryview(plane), np.uint8).setflags(write=False)
        plane.update(bytes(plane.buffer_size))
    assert np.array_equal(surface.tensor.numpy(), before)


@pytest.mark.parametrize("format", ["bgr24", "rgb24", "gray", "yuyv422"])
def test_rare_formats_are_converted_by_ffmpeg(frame: av.VideoFrame, format: str) -> None:
    other = frame.reformat(format=format)
    image = SurfaceConverter(SurfaceDevice("cpu")).surface(other).on_host()
    assert np.array_equal(image, BgrConverter().image_bgr_hwc(other))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_it_is_turned_upright_as_on_the_host(tmp_path: Path, rotation: int) -> None:
    file = write_video(tmp_path / "turned.mp4", 2, rotation=rotation)
    with av.open(str(file)) as video:
        turned = next(video.decode(video=0))
    surface = SurfaceConverter(SurfaceDevice("cpu")).surface(turned)
    wanted = BgrConverter().image_bgr_hwc(turned)
    assert surface.size_px == (wanted.shape[1], wanted.shape[0])
    assert np.abs(surface.on_host().astype(int) - wanted).max() <= 3


def test_odd_sizes_keep_their_last_row_and_column() -> None:
    rows, columns = np.mgrid[:47, :63]
    image = np.stack((rows * 5, columns * 4, rows + columns), axis=2).astype(np.uint8)
    odd = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format="yuv420p")
    for frame in (odd, DeviceFrame(odd)):
        surface = SurfaceConverter(SurfaceDevice("cpu")).surface(frame)
        assert surface.size_px == (63, 47)
        assert np.abs(surface.on_host().astype(int) - image).mean() < 4
        assert np.abs(surface.on_host()[-1, -1].astype(int) - image[-1, -1]).max() < 20


def test_a_few_rows_are_enough_to_see_whether_it_changes(frame: av.VideoFrame) -> None:
    rows = sampled_rows(DeviceFrame(frame), 8)
    assert len(rows) == frame.width * -(-frame.height // 8)
