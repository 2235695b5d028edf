from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.evaluate.mot import read_mot


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "tracks.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns_are_read_in_order(tmp_path: Path) -> None:
    boxes = read_mot(write(tmp_path, "3,7,10.5,-2,30,60,0.75,-1,-1,-1\n1,2,1,2,3,4,1,-1,-1,-1\n"))
    assert boxes.frames.tolist() == [3, 1]
    assert boxes.ids.tolist() == [7, 2]
    assert boxes.boxes_ltwh_px.tolist() == [[10.5, -2, 30, 60], [1, 2, 3, 4]]
    assert boxes.confidences.tolist() == [0.75, 1]
    assert boxes.boxes_ltwh_px.dtype == np.float64


@pytest.mark.parametrize(
    "line",
    [
        "1,2,3,4,5,6",
        "1,2,3,4,5,6,",
        " 1 , 2 , 3 , 4 , 5 , 6 , 1 ",
        "1 2 3 4 5 6",
        "1\t2\t3\t4\t5\t6\t1",
        "1.0,2.0,3.0,4.0,5.0,6.0,1.0",
        "1,2,3,4,5,6,1,-1,-1,-1,anything",
        "1,2,3,4,5,6  # a remark",
        "\ufeff1,2,3,4,5,6",
        "\n\n# a remark\n1,2,3,4,5,6\r\n\n",
        "1e0,2,3,4,5,6",
    ],
)
def test_what_tools_really_write_is_accepted(line: str, tmp_path: Path) -> None:
    boxes = read_mot(write(tmp_path, line))
    assert (boxes.frames.tolist(), boxes.ids.tolist()) == ([1], [2])
    assert boxes.boxes_ltwh_px.tolist() == [[3, 4, 5, 6]]
    assert boxes.confidences.tolist() == [1]


@pytest.mark.parametrize("text", ["", "\n\n", "# nobody was seen\n"])
def test_an_empty_file_is_nobody(text: str, tmp_path: Path) -> None:
    boxes = read_mot(write(tmp_path, text))
    assert len(boxes) == 0
    assert boxes.boxes_ltwh_px.shape == (0, 4)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2,3,4,5", "needs at least 6 columns"),
        ("hello", "needs at least 6 columns"),
        ("1,2,x,4,5,6", r"left must be a number \(got 'x'\)"),
        ("1,2,,4,5,6", r"left must be a number \(got ''\)"),
        ("1,2,nan,4,5,6", r"left must be finite \(got nan\)"),
        ("1,2,3,4,5,inf", "height must be finite"),
        ("nan,2,3,4,5,6", "frame must be finite"),
        ("1,2,3,4,5,6,NaN", "confidence must be finite"),
        ("1.5,2,3,4,5,6", "frame must be a whole number"),
        ("1,2.5,3,4,5,6", "id must be a whole number"),
        ("1,1e300,3,4,5,6", "id must be a whole number"),
        ("0,2,3,4,5,6", "frame must be 1 or more"),
        ("1,2,3,4,-5,6", "must not be negative"),
        ("1,9,3,4,5,6", r"id 9 is twice in frame 1 \(first in line 1\)"),
    ],
)
def test_a_malformed_line_is_an_error_with_its_number(line: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"1,9,3,4,5,6\n\n# a remark\n{line}\n2,9,3,4,5,6\n")
    with pytest.raises(ConfigError, match=message) as caught:
        read_mot(path)
    assert str(caught.value).startswith(f"{path}:4: ")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_unknown_people_may_be_several_in_one_frame(tmp_path: Path) -> None:
    assert len(read_mot(write(tmp_path, "1,0,3,4,5,6\n1,0,30,4,5,6\n1,-1,3,4,5,6\n1,-1,60,4,5,6\n"))) == 4


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.txt: no such file"):
        read_mot(tmp_path / "nowhere.txt")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_mot(tmp_path)


def test_a_video_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a text file"):
        read_mot(write(tmp_path, b"\x1a\x45\xdf\xa3\xff\xfe\x00"))


def test_scaling_scales_boxes_only(tmp_path: Path) -> None:
    boxes = read_mot(write(tmp_path, "4,7,10,20,30,40,1\n")).scaled(0.5)
    assert boxes.boxes_ltwh_px.tolist() == [[5, 10, 15, 20]]
    assert (boxes.frames.tolist(), boxes.ids.tolist()) == ([4], [7])


def test_the_shared_truth_is_read_whole(shared: Path) -> None:
    truth = read_mot(shared / "data/gt/PETS09-S2L1/gt.txt")
    assert len(truth) == 4650
    assert len(np.unique(truth.ids)) == 19
    assert (truth.frames.min(), truth.frames.max()) == (1, 795)
