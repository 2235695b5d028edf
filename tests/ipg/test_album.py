from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL", reason="pillow is not installed")

from PIL import Image

from edge.errors import ConfigError, RunError
from edge.ipg.album import read_album
from edge.ipg.skeleton import standard_skeletons

POSE = [[round(float(x), 4), round(float(y), 4)] for x, y in standard_skeletons()[0].points]


def put(folder: Path, name: str, pose: object = "standard", level: int = 100) -> Path:
    """A picture, and its keypoints unless ``pose`` is None."""
    path = folder / "bounding_box_train" / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((128, 64, 3), level, np.uint8)).save(path)
    keypoints = folder / "bounding_box_train_pose" / f"{name}.json"
    keypoints.parent.mkdir(exist_ok=True)
    if pose is not None:
        text = json.dumps({"poses": {"own": POSE}}) if pose == "standard" else str(pose)
        keypoints.write_text(text, encoding="utf-8")
    return path


def test_pictures_and_keypoints_in_markets_layout_are_an_album(tmp_path: Path) -> None:
    put(tmp_path, "0002_c1s1_000451_03", level=50)
    put(tmp_path, "0002_c2s1_000001_01", pose=None)
    put(tmp_path, "0011_c1s1_000001_01")
    put(tmp_path, "0011_c3s1_000001_01")
    album, skips = read_album(tmp_path)
    assert skips == []
    assert album.people.tolist() == [2, 2, 11, 11]
    assert album.shown.all()
    assert album.drawn.tolist() == [True, False, True, True]
    assert album.pictures[0].shape == (128, 64, 3)
    assert abs(int(album.pictures[0].mean()) - 50) <= 2
    np.testing.assert_allclose(album.points[0], POSE, atol=1e-6)
    assert np.isnan(album.points[1]).all()


def test_who_cannot_be_learnt_from_is_left_out_and_named(tmp_path: Path) -> None:
    put(tmp_path, "0002_c1s1_000001_01")
    put(tmp_path, "0002_c2s1_000001_01")
    put(tmp_path, "0003_c1s1_000001_01")  # alone
    put(tmp_path, "0000_c1s1_000001_01")  # a distractor
    put(tmp_path, "-1_c1s1_000001_01")
    put(tmp_path, "0004_c1s1_000001_01", pose=None)
    put(tmp_path, "0004_c2s1_000001_01", pose="{")
    broken = put(tmp_path, "0002_c3s1_000001_01")
    broken.write_text("no picture", encoding="utf-8")
    album, skips = read_album(tmp_path)
    assert set(album.people.tolist()) == {2}
    reasons = {path.name: reason for path, reason in skips}
    assert reasons["0003_c1s1_000001_01.jpg"] == "is the person's only picture, or has no keypoints"
    assert reasons["0000_c1s1_000001_01.jpg"] == "shows nobody in particular"
    assert reasons["-1_c1s1_000001_01.jpg"] == "shows nobody in particular"
    assert "is no picture" in reasons["0002_c3s1_000001_01.jpg"]
    assert "0004_c2s1_000001_01.json" in reasons
    assert "0004_c1s1_000001_01.jpg" in reasons


def test_a_folder_without_keypoints_or_people_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bounding_box_train").mkdir()
    with pytest.raises(ConfigError, match=r"holds no bounding_box_train_pose/; a training needs"):
        read_album(tmp_path)
    put(tmp_path, "0002_c1s1_000001_01", pose=None)
    put(tmp_path, "0002_c2s1_000001_01", pose=None)
    with pytest.raises(ConfigError, match=r"shows nobody in two pictures .* \(2 files were left out\)"):
        read_album(tmp_path)


def test_a_picture_that_is_gone_is_named(tmp_path: Path) -> None:
    first = put(tmp_path, "0002_c1s1_000001_01")
    put(tmp_path, "0002_c2s1_000001_01")
    album, _ = read_album(tmp_path)
    first.unlink()
    with pytest.raises(RunError, match=r"0002_c1s1_000001_01.jpg' .*it was there when the training began"):
        album.pictures[0]
