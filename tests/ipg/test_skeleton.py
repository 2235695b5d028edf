from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.ipg.skeleton import KEYPOINTS, read_keypoints, standard_skeletons
from edge.ipg.sticks import PALETTE, draw_sticks

POINTS: list[list[float] | None] = [[float(number), 2.0 * number] for number in range(KEYPOINTS)]


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_there_are_eight_different_standard_poses_that_fill_the_picture() -> None:
    skeletons = standard_skeletons()
    assert [one.name for one in skeletons] == list("12345678")
    for one in skeletons:
        seen = one.points[np.isfinite(one.points[:, 0])]
        assert len(seen) >= 14
        assert seen.min() >= 0
        assert seen.max() <= 1
        assert np.ptp(seen[:, 1]) > 0.8
    assert len({draw_sticks(one, (128, 64)).tobytes() for one in skeletons}) == 8


def test_the_two_forms_of_files_are_read(tmp_path: Path) -> None:
    own = write(tmp_path / "own.json", {"size_px": [20, 40], "poses": {"a": [*POINTS[:17], None]}})
    (mine,) = read_keypoints(own)
    np.testing.assert_allclose(mine.points[10], [0.5, 0.5])
    assert np.isnan(mine.points[17]).all()
    triples = [number for point in POINTS for number in (*(point or ()), 1.0)]
    triples[3 * 4 + 2] = 0.0
    people = [{"pose_keypoints_2d": triples}, {"pose_keypoints_2d": triples[:51]}]
    content = {"canvas_width": 20, "canvas_height": 40, "people": people}
    first, coco = read_keypoints(write(tmp_path / "openpose.json", content))
    assert (first.name, coco.name) == ("openpose_1", "openpose_2")
    np.testing.assert_allclose(first.points[10], [0.5, 0.5])
    assert np.isnan(first.points[4]).all()
    np.testing.assert_allclose(coco.points[0], [0, 0])  # nose
    np.testing.assert_allclose(coco.points[1], [5.5 / 20, 11 / 40])  # neck: between shoulders 5 and 6
    np.testing.assert_allclose(coco.points[2], [6 / 20, 12 / 40])  # right shoulder


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "must be a JSON object"),
        ({"poses": {}, "people": []}, "must be an object with 'poses' or with 'people'"),
        ({"poses": {}}, "holds no pose"),
        ({"poses": {"a": POINTS[:5]}}, "must have 18 keypoints"),
        ({"poses": {"../a": POINTS}}, "may be used"),
        ({"poses": {"a": [None] * 18}}, "no keypoint that is seen"),
        ({"poses": {"a": ["x"] * 18}}, "a pose is wrong"),
        ({"poses": [1]}, "must be an object"),
        ({"people": [{}], "canvas_width": 1, "canvas_height": 1}, "a pose is wrong"),
        ({"people": [], "canvas_width": 0, "canvas_height": 1}, "must be more than 0"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_keypoints(write(tmp_path / "poses.json", content))


def test_a_file_that_is_missing_or_no_json_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_keypoints(tmp_path / "nowhere.json")
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no JSON"):
        read_keypoints(tmp_path / "a.json")


def test_keypoints_have_their_colours_blue_first_and_unseen_ones_are_left_out(tmp_path: Path) -> None:
    points: list[list[float] | None] = [None] * KEYPOINTS
    points[0], points[1], points[2] = [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]
    (skeleton,) = read_keypoints(write(tmp_path / "a.json", {"poses": {"a": points}}))
    image = draw_sticks(skeleton, (128, 64))
    assert image[13, 32].tolist() == [0, 0, 255]  # nose: (255, 0, 0) of the palette, exchanged
    assert image[64, 32].tolist() == list(PALETTE[1][::-1])
    assert image[64, 19].tolist() == [0, 0, 153]  # limb from neck to shoulder, darkened
    assert not image[70:].any()
    assert image.shape == (128, 64, 3)


def test_a_recorded_pose_is_drawn_in_the_same_colours(shared: Path) -> None:
    """The colours of upstream's own pose pictures, as the networks get them (oracle)."""
    from oracle import arrays

    theirs = arrays(shared, "preprocess_golden.npz")["pose_decoded_bgr_u8"]
    ours = draw_sticks(standard_skeletons()[0], (128, 64))[:, :, ::-1]

    for image in (ours, theirs):
        pixels = image.reshape(-1, 3).astype(int)
        for colour in PALETTE:  # JPEG has blurred theirs a little
            assert np.abs(pixels - colour).max(axis=1).min() < 60
        right_arm = image[22:62, :20].sum(axis=(0, 1))  # the person faces us: it is on the left
        assert right_arm[0] > 2 * right_arm[2]
