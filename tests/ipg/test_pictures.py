from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL", reason="pillow is not installed")

from PIL import Image

from edge.errors import RunError
from edge.ipg.pictures import (
    SYNTHETIC,
    canvas,
    read_picture,
    reference_of,
    save_picture,
    to_pose_input,
)


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_grey_transparent_and_infrared_pictures_become_rgb(tmp_path: Path) -> None:
    grey = noise((40, 20))
    rgba = noise((40, 20, 4))
    deep = (np.arange(800, dtype=np.uint16) * 13).reshape(40, 20)
    for name, array in (("grey.png", grey), ("rgba.png", rgba), ("infrared.png", deep)):
        Image.fromarray(array).save(tmp_path / name)
    read = {name: read_picture(tmp_path / f"{name}.png") for name in ("grey", "rgba", "infrared")}
    for image in read.values():
        assert isinstance(image, np.ndarray)
        assert image.shape == (40, 20, 3)
        assert image.dtype == np.uint8
    assert np.array_equal(read["grey"], np.repeat(grey[:, :, None], 3, 2))
    assert np.array_equal(read["rgba"], rgba[:, :, :3])
    infrared = read["infrared"]
    assert isinstance(infrared, np.ndarray)
    assert infrared.min() == 0  # its own range, not cut off at 255
    assert infrared.max() >= 254
    assert len(np.unique(infrared)) > 200


def test_what_is_no_usable_picture_is_explained(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("I am a picture", encoding="utf-8")
    (tmp_path / "empty.jpg").touch()
    Image.fromarray(noise((5, 3, 3))).save(tmp_path / "tiny.png")
    Image.fromarray(noise((200, 100, 3))).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])
    said = {path.stem: read_picture(path) for path in tmp_path.iterdir()}
    assert said["text"] == "is no picture that can be decoded"
    assert said["empty"] == "is empty (0 bytes)"
    assert said["tiny"] == "is too small (3x5 pixels; 16 or more on each side)"
    assert "cannot be read: image file is truncated" in str(said["cut"])
    assert str(read_picture(tmp_path / "nowhere.jpg")).startswith("cannot be read: No such file")


@pytest.mark.parametrize("name", ["one.png", "one.jpg"])
def test_a_generated_file_says_what_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    save_picture(noise((20, 10, 3)), path)
    with Image.open(path) as file:
        file.load()
        said = file.text["Description"] if name.endswith("png") else file.getexif()[0x010E]  # type: ignore[attr-defined]
        assert said == SYNTHETIC
    assert b"trainedAlgorithmicMedia" in path.read_bytes()
    assert [one.name for one in path.parent.iterdir()] == [name]


def test_nothing_is_left_where_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(RunError, match="cannot write"):
        save_picture(noise((20, 10, 3)), tmp_path / "taken.png")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """As on a full disk: the temporary file is /dev/full."""
    (tmp_path / f".full.png.{os.getpid()}.new").symlink_to("/dev/full")
    with pytest.raises(RunError, match="No space left on device; free some space"):
        save_picture(noise((20, 10, 3)), tmp_path / "full.png")
    assert list(tmp_path.iterdir()) == []


def test_poses_are_given_blue_first_and_shown_so_on_the_canvas() -> None:
    red = np.zeros((16, 8, 3), np.uint8)
    red[:, :, 0] = 255
    given = to_pose_input(red, (16, 8))
    assert given[2].min() == 1.0
    assert given[:2].max() == 0.0
    shown = canvas(red, [(red, red), (red, red)])
    assert shown.shape == (256, 5 * 128, 3)
    assert shown[0, [0, 128, 256, 384, 512]].tolist() == [[255, 0, 0], [0, 0, 255]] * 2 + [[255, 0, 0]]


def test_people_are_known_from_names_like_market_1501s() -> None:
    image = noise((20, 20, 3))
    people = {
        name: reference_of(Path(f"{name}.jpg"), image).person
        for name in ("0002_c1s1_000451_03", "0000_c1s1_000451_03", "-1_c1s1_000451_03", "anna_c", "rgb1")
    }
    assert people.pop("0002_c1s1_000451_03") == "0002"
    assert all(name == person for name, person in people.items())
