from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from small_videos import index_of, write_video

from edge.clock import FakeClock
from edge.errors import SourceBroken, SourceError
from edge.records import Frame
from edge.stages.capture import CameraReader, CameraState

RUN_STARTED_NS = 1_800_000_000_000_000_000
READ_WITHIN_S = 20.0

Open = Callable[..., CameraReader]


def seconds(frame: Frame) -> float:
    return (frame.captured_at_ns - RUN_STARTED_NS) / 1e9


def read_until_error(reader: CameraReader) -> tuple[list[Frame], Exception]:
    frames: list[Frame] = []
    with pytest.raises((SourceError, SourceBroken)) as caught:
        frames.extend(reader.frames())
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("camera 'door': ")
    return frames, caught.value


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.mkv", "libx264"),
        ("a.webm", "libvpx"),
        ("a.ts", "libx264"),
    ],
)
def test_every_picture_is_delivered_in_order_with_its_time(
    reader_of: Open, tmp_path: Path, name: str, codec: str
) -> None:
    states: list[CameraState] = []
    reader = reader_of(str(write_video(tmp_path / name, 30, codec=codec)), on_state=states.append)
    frames = list(reader.frames())
    assert [index_of(frame.image_bgr_hwc) for frame in frames] == list(range(30))
    assert [frame.number for frame in frames] == list(range(1, 31))
    assert [frame.pts_s for frame in frames] == pytest.approx([index / 10 for index in range(30)], abs=0.002)
    assert [seconds(frame) for frame in frames] == pytest.approx([frame.pts_s for frame in frames], abs=1e-6)
    assert {frame.epoch for frame in frames} == {0}
    assert {frame.camera for frame in frames} == {"door"}
    assert frames[0].image_bgr_hwc.shape == (120, 160, 3)
    assert [state.kind for state in states] == ["connected", "ended"]
    assert reader.state is states[-1]
    counts = reader.counts
    assert (counts.decoded, counts.delivered, counts.thinned, counts.corrupt) == (30, 30, 0, 0)


def test_a_frame_keeps_its_pixels_after_the_reader_has_gone(reader_of: Open, tmp_path: Path) -> None:
    frames = list(reader_of(str(write_video(tmp_path / "a.mp4", 20))).frames())
    gc.collect()
    assert [index_of(frame.image_bgr_hwc) for frame in frames] == list(range(20))


def test_the_white_corner_stays_top_left(reader_of: Open, tmp_path: Path) -> None:
    (frame, *_) = reader_of(str(write_video(tmp_path / "a.mp4", 3))).frames()
    assert frame.image_bgr_hwc[5:20, 5:30].min() > 200
    assert frame.image_bgr_hwc[40:, 60:].max() < 100


def test_a_stored_rotation_is_applied(reader_of: Open, tmp_path: Path) -> None:
    upright = write_video(tmp_path / "a.mp4", 3, rotation=90)  # counter-clockwise: top left goes bottom left
    (frame, *_) = reader_of(str(upright)).frames()
    assert frame.image_bgr_hwc.shape == (160, 120, 3)
    assert frame.image_bgr_hwc[-30:-5, 5:20].min() > 200
    assert frame.image_bgr_hwc[:100].max() < 100
    assert frame.image_bgr_hwc.flags.c_contiguous


def test_wall_time_begins_when_the_recording_did(reader_of: Open, tmp_path: Path) -> None:
    path = str(write_video(tmp_path / "a.mp4", 5))
    source = {"path": path, "starts_at": "2026-03-01T12:00:00.25+01:00", "offset_s": -0.125}
    first, second, *_ = reader_of(source).frames()
    noon_ns = 1_772_362_800 * 10**9
    assert first.captured_at_ns == noon_ns + 125_000_000
    assert second.captured_at_ns == noon_ns + 225_000_000
    shifted, *_ = reader_of({"path": path, "offset_s": 2.5}).frames()
    assert seconds(shifted) == pytest.approx(2.5)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_start_s_skips_into_the_file(reader_of: Open, tmp_path: Path, name: str) -> None:
    path = str(write_video(tmp_path / name, 40))
    frames = list(reader_of({"path": path, "start_s": 1.25}).frames())
    assert index_of(frames[0].image_bgr_hwc) == 13
    assert [frame.number for frame in frames] == list(range(1, 28))
    assert frames[0].pts_s == pytest.approx(1.3)
    assert seconds(frames[0]) == pytest.approx(0.05)
    dated = {"path": path, "start_s": 1.25, "starts_at": "2027-01-15T08:00:00Z"}
    first, *_ = reader_of(dated).frames()
    assert first.captured_at_ns == 1_800_000_000 * 10**9 + 1_300_000_000


def test_start_s_beyond_the_end_says_how_long_the_file_is(reader_of: Open, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 20)
    frames, error = read_until_error(reader_of({"path": str(path), "start_s": 60}))
    assert not frames
    assert isinstance(error, SourceError)
    assert "start_s is 60 s" in str(error)


def test_uneven_timestamps_are_kept(reader_of: Open, tmp_path: Path) -> None:
    stamps = [0, 1, 2, 10, 11, 30, 31, 33, 60, 61]
    path = write_video(tmp_path / "a.mkv", 10, pts=stamps)
    frames = list(reader_of(str(path)).frames())
    assert [frame.pts_s for frame in frames] == pytest.approx([stamp / 10 for stamp in stamps], abs=0.002)


def test_pictures_without_timestamps_follow_the_frame_rate(reader_of: Open, tmp_path: Path) -> None:
    frames = list(reader_of(str(write_video(tmp_path / "a.h264", 20))).frames())
    assert [index_of(frame.image_bgr_hwc) for frame in frames] == list(range(20))
    steps = np.diff([frame.pts_s for frame in frames])
    assert steps == pytest.approx([steps[0]] * 19, abs=0.002)
    assert 0.01 < steps[0] < 0.2


def test_the_picture_size_may_change_in_mid_stream(reader_of: Open, tmp_path: Path) -> None:
    small = write_video(tmp_path / "small.h264", 10).read_bytes()
    large = write_video(tmp_path / "large.h264", 10, size_px=(320, 240)).read_bytes()
    path = tmp_path / "both.h264"
    path.write_bytes(small + large + small)
    shapes = [frame.image_bgr_hwc.shape[:2] for frame in reader_of(str(path)).frames()]
    assert shapes == [(120, 160)] * 10 + [(240, 320)] * 10 + [(120, 160)] * 10


def test_loop_goes_on_in_time_with_a_new_epoch(reader_of: Open, tmp_path: Path) -> None:
    reader = reader_of({"path": str(write_video(tmp_path / "a.mp4", 20)), "loop": True})
    frames = list(itertools.islice(reader.frames(), 50))
    assert [frame.epoch for frame in frames] == [0] * 20 + [1] * 20 + [2] * 10
    assert [frame.number for frame in frames] == list(range(1, 51))
    assert [seconds(frame) for frame in frames] == pytest.approx([index / 10 for index in range(50)])
    assert frames[20].pts_s == frames[0].pts_s
    assert reader.counts.reconnects == 2


def test_a_loop_from_start_s_repeats_that_part(reader_of: Open, tmp_path: Path) -> None:
    source = {"path": str(write_video(tmp_path / "a.mp4", 20)), "loop": True, "start_s": 1.5}
    frames = list(itertools.islice(reader_of(source).frames(), 10))
    assert [index_of(frame.image_bgr_hwc) for frame in frames] == [15, 16, 17, 18, 19] * 2
    assert [seconds(frame) for frame in frames] == pytest.approx([index / 10 for index in range(10)])


def test_realtime_paces_the_file_over_its_loops(reader_of: Open, tmp_path: Path) -> None:
    clock = FakeClock()
    path = str(write_video(tmp_path / "a.mp4", 20))
    reader = reader_of({"path": path, "realtime": True, "loop": True}, clock)
    assert reader.is_live
    frames = itertools.islice(reader.frames(), 60)
    passed_s = [clock.monotonic_s() for _ in frames]
    assert passed_s == pytest.approx([index / 10 for index in range(60)])


def test_without_realtime_nothing_waits(reader_of: Open, tmp_path: Path) -> None:
    clock = FakeClock()
    reader = reader_of(str(write_video(tmp_path / "a.mp4", 20)), clock)
    assert not reader.is_live
    assert sum(1 for _ in reader.frames()) == 20
    assert clock.waits == []


def test_fps_max_thins_evenly_and_numbers_count_everything(reader_of: Open, tmp_path: Path) -> None:
    reader = reader_of(str(write_video(tmp_path / "a.mp4", 30)), fps_max=5.0)
    assert [frame.number for frame in reader.frames()] == list(range(1, 31, 2))
    counts = reader.counts
    assert (counts.decoded, counts.delivered, counts.thinned) == (30, 15, 15)


def test_a_missing_file_is_an_error_of_one_line(reader_of: Open, tmp_path: Path) -> None:
    states: list[CameraState] = []
    frames, error = read_until_error(reader_of(str(tmp_path / "none.mp4"), on_state=states.append))
    assert not frames
    assert isinstance(error, SourceError)
    assert "none.mp4 does not exist" in str(error)
    assert [(state.kind, state.message) for state in states] == [("failed", str(error))]


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 5000, b"this is not a video\n" * 300, bytes(range(256)) * 40]
)
def test_an_empty_or_garbage_file_is_an_error_of_one_line(
    reader_of: Open, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    frames, error = read_until_error(reader_of(str(path)))
    assert not frames
    assert isinstance(error, SourceError)
    assert "bad.mp4" in str(error)


def test_a_file_with_sound_only_has_no_video_stream(reader_of: Open, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        samples.sample_rate = 8000
        container.mux(stream.encode(samples))
        container.mux(stream.encode(None))
    frames, error = read_until_error(reader_of(str(path)))
    assert not frames
    assert isinstance(error, SourceError)
    assert "has no video stream" in str(error)


@pytest.mark.parametrize("share", [0.3, 0.7])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"movflags": "faststart"}),
        ("a.avi", "mpeg4", {}),
        ("a.mkv", "libx264", {}),
        ("a.webm", "libvpx", {}),
    ],
)
def test_a_truncated_file_delivers_what_is_there_and_then_says_so(
    reader_of: Open,
    tmp_path: Path,
    name: str,
    codec: str,
    options: dict[str, str],
    share: float,
) -> None:
    # Motion-free pictures are tiny, so the header is a large share of the file: cut between the pictures.
    whole = write_video(tmp_path / name, 200, codec=codec, **options)
    with av.open(str(whole)) as container:
        places = sorted(packet.pos for packet in container.demux(video=0) if packet.pos)
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(whole.read_bytes()[: places[int(share * len(places))] + 3])
    states: list[CameraState] = []
    frames, error = read_until_error(reader_of(str(cut), on_state=states.append))
    assert isinstance(error, SourceBroken)
    assert len(frames) == pytest.approx(200 * share, abs=5)
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    assert f"ended early after {len(frames)} of about 200 frames" in str(error)
    assert [state.kind for state in states] == ["connected", "failed"]


def test_a_truncated_file_without_its_index_cannot_be_opened(reader_of: Open, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(write_video(tmp_path / "a.mp4", 60).read_bytes()[:3000])
    frames, error = read_until_error(reader_of(str(path)))
    assert not frames
    assert isinstance(error, SourceError)


def test_a_damaged_stretch_is_skipped_and_counted(reader_of: Open, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 100)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.pos]
    content = bytearray(path.read_bytes())
    for at, size in places[41:44]:
        content[at : at + size] = b"\xff" * size
    path.write_bytes(content)
    reader = reader_of(str(path))
    frames = list(reader.frames())
    assert reader.state is not None
    assert reader.state.message.endswith("damaged packets skipped")
    assert 90 <= len(frames) < 100
    assert reader.counts.corrupt >= 3
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    assert frames[-1].pts_s == pytest.approx(9.9)


def test_sound_longer_than_the_video_is_no_early_end(reader_of: Open, tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4"):
        path = write_video(tmp_path / name, 30, sound_s=9.0)
        assert sum(1 for _ in reader_of(str(path)).frames()) == 30


def test_pictures_hidden_by_an_edit_list_are_no_early_end(reader_of: Open, tmp_path: Path) -> None:
    path = tmp_path / "trimmed.mp4"
    options = {"use_editlist": "1", "avoid_negative_ts": "disabled"}
    with (
        av.open(str(write_video(tmp_path / "a.mp4", 100))) as whole,
        av.open(str(path), "w", options=options) as trimmed,
    ):
        source = whole.streams.video[0]
        target = trimmed.add_stream_from_template(source)
        for packet in whole.demux(source):
            if packet.dts is not None:
                packet.pts -= int(3 / source.time_base)
                packet.dts -= int(3 / source.time_base)
                packet.stream = target
                trimmed.mux(packet)
    frames = list(reader_of(str(path)).frames())
    assert len(frames) == 70
    assert index_of(frames[0].image_bgr_hwc) == 30


def test_stop_ends_a_looped_file(reader_of: Open, tmp_path: Path) -> None:
    states: list[CameraState] = []
    source = {"path": str(write_video(tmp_path / "a.mp4", 20)), "loop": True}
    reader = reader_of(source, on_state=states.append)
    begun = threading.Event()

    def read() -> None:
        for _ in reader.frames():
            begun.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(READ_WITHIN_S)
    reader.stop()
    thread.join(READ_WITHIN_S)
    assert not thread.is_alive()
    assert states[-1].kind == "ended"
    assert "stopped" in states[-1].message


def test_stop_wakes_a_paced_file(reader_of: Open, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 3, pts=[0, 1, 36000])
    reader = reader_of({"path": str(path), "realtime": True})
    second = threading.Event()

    def read() -> None:
        for frame in reader.frames():
            if frame.number == 2:
                second.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert second.wait(READ_WITHIN_S)
    reader.stop()
    thread.join(2.0)
    assert not thread.is_alive()


def test_the_shared_video_has_all_its_frames(shared: Path, reader_of: Open) -> None:
    path = shared / "data/video/pets09_s2l1_view1_480x360.avi"
    last = None
    for frame in reader_of(str(path)).frames():
        last = frame
    assert last is not None
    assert last.number == 795
    assert last.image_bgr_hwc.shape == (360, 480, 3)
    assert seconds(last) == pytest.approx(79.4)
