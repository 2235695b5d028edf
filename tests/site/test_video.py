"""Encoding: every frame at its time, the same bytes each time, and nothing left after a failure."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.site.video import VideoWriter


def picture(number: int) -> NDArray[np.uint8]:
    image = np.zeros((96, 128, 3), np.uint8)
    image[:, : 8 * number + 8] = (30, 120, 200)
    return image


def write(path: Path, frames: int = 12) -> None:
    with VideoWriter(path, (128, 96), 10.0) as writer:
        for number in range(frames):
            writer.add(picture(number))


def test_every_frame_is_there_at_its_time_and_looks_like_it_did(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = list(container.decode(video=0))
        assert float(container.streams.video[0].average_rate or 0) == 10.0
    assert [frame.time for frame in frames] == pytest.approx([k / 10 for k in range(12)])
    for number, frame in enumerate(frames):
        difference = frame.to_ndarray(format="bgr24").astype(int) - picture(number)
        assert np.abs(difference).mean() < 6


def test_two_files_are_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    write(tmp_path / "b.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_an_error_on_the_way_removes_the_file(tmp_path: Path) -> None:
    def lose() -> None:
        with VideoWriter(tmp_path / "a.mp4", (128, 96), 10.0) as writer:
            writer.add(picture(0))
            raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        lose()
    assert list(tmp_path.iterdir()) == []
