from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from edge.errors import RunError
from edge.records.frame import Frame
from edge.records.identity import LiveIdentity
from edge.stages.sink import RunSummary
from edge.stages.sink.palette import UNKNOWN_RGB, identity_rgb
from edge.stages.sink.video import VideoSink, draw_people

START_NS = 1_714_566_605_125_000_000


def pair(number: int, time_s: float, size: tuple[int, int] = (161, 121)) -> tuple[Frame, LiveIdentity]:
    width, height = size
    image = np.full((height, width, 3), 60, np.uint8)
    captured_at_ns = START_NS + int(time_s * 1e9)
    frame = Frame("door", number, 0, time_s, captured_at_ns, image)
    live = LiveIdentity(
        camera="door",
        number=number,
        captured_at_ns=captured_at_ns,
        identities=np.array([7, 0], np.int64),
        track_ids=np.array([1, 2], np.int64),
        boxes_px=np.array([[20, 40, 60, 110], [90, 5, 130, 100]], np.float32),
    )
    return frame, live


def times_of(path: Path) -> tuple[list[float], tuple[int, int]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [float(frame.time) for frame in frames], (frames[0].width, frames[0].height)


def test_frames_keep_the_time_they_were_taken_at(tmp_path: Path, summary: RunSummary) -> None:
    sink = VideoSink(tmp_path)
    for number, time_s in enumerate((0.0, 0.1, 0.25, 1.0, 3.0), 1):
        sink.show(*pair(number, time_s))
    sink.close(summary)
    times_s, size_px = times_of(tmp_path / "video" / "door.mp4")
    assert times_s == pytest.approx([0.0, 0.1, 0.25, 1.0, 3.0], abs=0.002)
    assert size_px == (160, 120)


def test_time_that_stands_still_or_runs_back_and_a_new_size_do_not_break_the_file(
    tmp_path: Path, summary: RunSummary
) -> None:
    sink = VideoSink(tmp_path)
    for number, (time_s, size) in enumerate([(1.0, (160, 120)), (1.0, (160, 120)), (0.5, (320, 200))], 1):
        sink.show(*pair(number, time_s, size))
    sink.close(summary)
    times_s, size_px = times_of(tmp_path / "video" / "door.mp4")
    assert len(times_s) == 3
    assert times_s == sorted(set(times_s))
    assert size_px == (160, 120)


def test_the_frame_itself_is_not_drawn_on(tmp_path: Path, summary: RunSummary) -> None:
    frame, live = pair(1, 0.0)
    sink = VideoSink(tmp_path)
    sink.show(frame, live)
    sink.close(summary)
    assert (frame.image_bgr_hwc == 60).all()


def test_a_box_has_its_identitys_colour_and_an_unknown_one_is_grey() -> None:
    frame, live = pair(1, 0.0)
    image = frame.image_bgr_hwc.copy()
    draw_people(image, live)
    assert tuple(image[110, 40]) == identity_rgb(7)[::-1]
    assert tuple(image[100, 110]) == UNKNOWN_RGB[::-1]


def test_a_frame_without_people_is_left_as_it_is() -> None:
    frame, _ = pair(1, 0.0)
    nobody = LiveIdentity(
        "door", 1, 0, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
    )
    draw_people(frame.image_bgr_hwc, nobody)
    assert (frame.image_bgr_hwc == 60).all()


def test_colours_of_neighbouring_identities_differ() -> None:
    colours = [identity_rgb(identity) for identity in range(1, 200)]
    assert colours == [identity_rgb(identity) for identity in range(1, 200)]
    for one, other in itertools.pairwise(colours):
        assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 60


def test_a_full_disk_names_the_file(tmp_path: Path, summary: RunSummary) -> None:
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "door.mp4").symlink_to("/dev/full")
    sink = VideoSink(tmp_path)

    def run() -> None:
        for number in range(300):
            sink.show(*pair(number, number / 10))
        sink.close(summary)

    with pytest.raises(RunError, match=r"video/door\.mp4': No space left on device"):
        run()
