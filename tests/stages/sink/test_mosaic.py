from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from edge.errors import RunError
from edge.records.frame import Frame
from edge.records.identity import LiveIdentity
from edge.stages.sink import RunSummary
from edge.stages.sink.mosaic import MosaicSink
from edge.stages.sink.palette import identity_rgb

START_NS = 1_714_566_605_125_000_000
GREY = {"a": 60, "b": 110, "c": 160}


def show(
    sink: MosaicSink, camera: str, time_s: float, size: tuple[int, int] = (320, 180), people: int = 0
) -> None:
    image = np.full((size[1], size[0], 3), GREY[camera], np.uint8)
    at_ns = START_NS + round(time_s * 1e9)
    box = np.tile(np.array([100, 40, 180, 150], np.float32) * size[0] / 320, (people, 1))
    ids = np.full(people, 7, np.int64)
    sink.show(Frame(camera, 1, 0, time_s, at_ns, image), LiveIdentity(camera, 1, at_ns, ids, ids, box))


def pictures(folder: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(folder / "video" / "mosaic.mp4")) as container:
        return [(float(one.time), one.to_ndarray(format="rgb24")) for one in container.decode(video=0)]


def middle(picture: np.ndarray, column: int, row: int) -> int:
    return int(picture[180 * row + 90, 320 * column + 20].mean())


def test_cameras_lie_side_by_side_and_one_that_gave_nothing_is_dark(
    tmp_path: Path, summary: RunSummary
) -> None:
    sink = MosaicSink(tmp_path, ["a", "b", "c"])
    for time_s in (0.0, 0.1, 0.2):
        show(sink, "a", time_s)
        show(sink, "c", time_s + 0.01)
    sink.close(summary)
    found = pictures(tmp_path)
    assert [time_s for time_s, _ in found] == pytest.approx([0, 0.1, 0.2], abs=0.002)
    last = found[-1][1]
    assert last.shape == (360, 640, 3)
    assert middle(last, 0, 0) == pytest.approx(60, abs=4)
    assert middle(last, 1, 0) < 40
    assert middle(last, 0, 1) == pytest.approx(160, abs=4)


def test_the_fastest_camera_sets_the_rate(tmp_path: Path, summary: RunSummary) -> None:
    sink = MosaicSink(tmp_path, ["a", "b"])
    for number in range(8):
        show(sink, "a", number / 10)
        if number % 4 == 0:
            show(sink, "b", number / 10)
    sink.close(summary)
    assert [time_s for time_s, _ in pictures(tmp_path)] == pytest.approx(
        [number / 10 for number in range(8)], abs=0.002
    )


def test_boxes_are_where_the_people_are_also_in_a_smaller_cell(tmp_path: Path, summary: RunSummary) -> None:
    sink = MosaicSink(tmp_path, ["a", "b"])
    show(sink, "a", 0.0, (1280, 720), people=1)
    sink.close(summary)
    (_, picture), *_ = pictures(tmp_path)
    assert picture.shape == (360, 1280, 3)
    assert identity_rgb(7) == (39, 182, 32)  # green
    around = picture[200, 190].astype(int)
    edge = picture[200, 199:203].astype(int)  # at 100 of 320, so at 200 of 640
    assert (edge[:, 1] - edge[:, 0]).max() > 40
    assert abs(around - 60).max() < 10


def test_a_picture_of_another_shape_keeps_its_shape(tmp_path: Path, summary: RunSummary) -> None:
    sink = MosaicSink(tmp_path, ["a", "b"])
    show(sink, "a", 0.0)
    show(sink, "b", 0.0, (180, 180))
    sink.close(summary)
    (_, picture), *_ = pictures(tmp_path)
    assert int(picture[90, 320 + 20].mean()) < 40  # beside the square
    assert int(picture[90, 320 + 160].mean()) == pytest.approx(110, abs=4)


def test_a_run_without_frames_writes_no_file(tmp_path: Path, summary: RunSummary) -> None:
    MosaicSink(tmp_path, ["a"]).close(summary)
    assert not (tmp_path / "video").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "video").write_text("in the way")
    with pytest.raises(RunError, match=r"cannot write '.*mosaic\.mp4'"):
        show(MosaicSink(tmp_path, ["a"]), "a", 0.0)
