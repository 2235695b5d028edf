"""Whole folders: the same bytes each time, usable by the pipeline, all or nothing."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.clock import FakeClock
from edge.config.cameras import load_cameras
from edge.errors import ConfigError, OutputError, RunError
from edge.evaluate.market import parse_name, read_market
from edge.evaluate.mot import read_mot
from edge.site import is_current, render_site, why_stale
from edge.site.job import walk_site
from edge.site.video import VideoWriter
from edge.stages.capture import CameraReader

DURATION_S = 3.0
FRAMES = 30


@pytest.fixture(scope="module", autouse=True)
def short_survey() -> Iterator[None]:
    """Travel times of a short while: their own tests are in test_calibration.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.site.calibration._SURVEY_S", 20.0)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "demo"
    render_site("demo", folder, seed=5, duration_s=DURATION_S, workers=1)
    return folder


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_two_renders_are_the_same_bytes_however_many_processes(folder: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    site = render_site(
        "demo", tmp_path, seed=5, duration_s=DURATION_S, workers=2, progress=lambda *now: done.append(now)
    )
    assert digest(tmp_path) == digest(folder)
    assert done[-1] == (4 * FRAMES, 4 * FRAMES)
    assert site.size_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_folder_holds_what_it_should_and_nothing_else(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "calib",
        "cams.yaml",
        "crops",
        "site.json",
        "truth",
        "video",
    ]
    names = ["entrance", "hall", "till", "yard"]
    assert sorted(path.name for path in (folder / "video").iterdir()) == [f"{name}.mp4" for name in names]
    assert sorted(path.name for path in (folder / "calib").iterdir()) == sorted(
        [*(f"{name}.yaml" for name in names), "topology.yaml"]
    )
    truth = {f"{name}.txt" for name in names}
    assert {path.name for path in (folder / "truth").iterdir()} == truth | {
        "hidden",
        "keypoints.jsonl",
        "paths.jsonl",
    }
    assert {path.name for path in (folder / "truth" / "hidden").iterdir()} == truth


def test_simultaneous_frames_of_all_cameras_have_one_wall_time(folder: Path) -> None:
    cameras = load_cameras(folder / "cams.yaml")
    assert cameras.site.name == "demo"
    clock = FakeClock()
    times = []
    for camera in cameras.cameras:
        assert camera.calibration is not None
        reader = CameraReader(camera, clock, clock.now_ns())
        times.append([frame.captured_at_ns for frame in reader.frames()])
    assert {len(row) for row in times} == {FRAMES}
    assert (np.ptp(np.array(times), axis=0) == 0).all()
    assert np.diff(times[0]).tolist() == [100_000_000] * (FRAMES - 1)
    begin = datetime(2026, 1, 5, 9, tzinfo=timezone.utc)
    assert times[0][0] == int(begin.timestamp()) * 10**9


def test_the_truth_is_readable_and_ids_are_the_same_in_all_files(folder: Path) -> None:
    _, paths = walk_site("demo", 5, DURATION_S)
    positions: dict[tuple[int, int], tuple[float, float]] = {}
    for line in (folder / "truth" / "paths.jsonl").read_text().splitlines():
        row = json.loads(line)
        positions[row["id"], round(row["time_s"] * 10)] = (row["x_m"], row["y_m"])
    assert len(positions) == paths.present.sum()
    keypoints = {}
    for line in (folder / "truth" / "keypoints.jsonl").read_text().splitlines():
        row = json.loads(line)
        keypoints[row["camera"], row["frame"]] = {one["id"]: one["keypoints_px"] for one in row["people"]}
    assert len(keypoints) == 4 * FRAMES
    boxes = 0
    for file in sorted((folder / "truth").glob("*.txt")):
        truth, hidden = read_mot(file), read_mot(folder / "truth" / "hidden" / file.name)
        assert (truth.confidences == 1).all()
        assert (hidden.confidences == 0).all()
        boxes += len(truth)
        for frame, person, (left, top, width, height) in zip(
            truth.frames, truth.ids, truth.boxes_ltwh_px, strict=True
        ):
            assert (int(person), int(frame) - 1) in positions
            points = np.array(keypoints[file.stem, int(frame)][int(person)])
            inside = points[points[:, 2] > 0]
            assert len(inside)
            assert (inside[:, 0] >= left - 0.7).all()
            assert (inside[:, 0] <= left + width + 0.7).all()
            assert (inside[:, 1] >= top - 0.7).all()
            assert (inside[:, 1] <= top + height + 0.7).all()
    assert boxes > 150


def test_people_who_hardly_show_are_kept_apart_from_those_to_be_found(folder: Path) -> None:
    shares: dict[str, list[float]] = {"": [], "hidden": []}
    for part, found in shares.items():
        for file in (folder / "truth" / part).glob("*.txt"):
            found += [float(line.rsplit(",", 1)[1]) for line in file.read_text().splitlines()]
    assert min(shares[""]) >= 0.25
    assert shares["hidden"]
    assert np.mean(np.array(shares["hidden"]) < 0.25) > 0.9  # others are only very small


def test_the_crops_are_in_markets_layout_with_disjoint_people(folder: Path) -> None:
    crops = folder / "crops"
    market = read_market(crops)
    assert not market.skips
    train = {found.person for path in (crops / "bounding_box_train").iterdir() if (found := parse_name(path))}
    test = {picture.person for picture in (*market.query, *market.gallery)}
    assert train
    assert train.isdisjoint(test)
    assert max(Counter((picture.person, picture.camera) for picture in market.query).values()) == 1
    picture = market.gallery[0]
    image = cv2.imread(str(picture.path))
    assert image is not None
    truth = read_mot(folder / "truth" / f"{['entrance', 'hall', 'till', 'yard'][picture.camera - 1]}.txt")
    row = np.flatnonzero((truth.frames == picture.frame) & (truth.ids == picture.person))
    assert len(row) == 1
    np.testing.assert_allclose(image.shape[1::-1], truth.boxes_ltwh_px[row[0], 2:], atol=2.1)


def test_a_folder_is_current_until_something_differs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_current(folder, "demo", 5, DURATION_S)
    assert "seed" in why_stale(folder, "demo", 6, DURATION_S)
    assert "duration_s" in why_stale(folder, "demo", 5)
    assert "preset" in why_stale(folder, "twins", 5, DURATION_S)
    assert why_stale(folder / "video", "demo") == "holds no site"
    monkeypatch.setattr("edge.site.manifest.renderer_hash", lambda: "another")
    assert why_stale(folder, "demo", 5, DURATION_S) == "was made by another version"
    assert not is_current(folder, "demo", 5, DURATION_S)


def test_a_damaged_or_incomplete_folder_is_not_current(tmp_path: Path) -> None:
    render_site("demo", tmp_path, duration_s=0.2, workers=1)
    assert is_current(tmp_path, "demo", 0, 0.2)
    video = tmp_path / "video" / "till.mp4"
    video.rename(tmp_path / "video" / "x")
    assert why_stale(tmp_path, "demo", 0, 0.2) == "lacks the video of camera 'till'"
    (tmp_path / "video" / "x").rename(video)
    for text in ("{", "[]", "\xff"):
        (tmp_path / "site.json").write_text(text, encoding="latin-1")
        assert "cannot be read" in why_stale(tmp_path, "demo", 0, 0.2)


def test_a_full_disk_removes_what_was_written_and_says_how_much_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = VideoWriter.add
    left = [25]

    def fill(self: VideoWriter, image: np.ndarray) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        add(self, image)

    monkeypatch.setattr(VideoWriter, "add", fill)
    with pytest.raises(OutputError) as error:
        render_site("demo", tmp_path / "out", duration_s=2.0, workers=1)
    text = str(error.value)
    assert "no space left for camera 'hall'" in text
    assert "after 5 of 20 frames" in text
    assert "the site needs about 1 MB" in text
    assert "\n" not in text
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KiB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full_is_left_empty_by_all_processes(tiny_disk: Path) -> None:
    with pytest.raises(OutputError, match="no space left for camera"):
        render_site("demo", tiny_disk / "out", duration_s=4.0, workers=2)
    assert list((tiny_disk / "out").iterdir()) == []


def test_a_process_that_dies_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.site.render._begin_worker", os._exit)  # which wants a number: it fails at once
    with pytest.raises(RunError, match="a process that rendered the site died"):
        render_site("demo", tmp_path, duration_s=0.2, workers=2)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_render_leaves_an_earlier_site_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_site("demo", tmp_path, duration_s=0.2, workers=1)
    before = digest(tmp_path)

    def fail(self: VideoWriter, image: np.ndarray) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(VideoWriter, "add", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        render_site("demo", tmp_path, seed=1, duration_s=0.2, workers=1)
    assert digest(tmp_path) == before
    monkeypatch.undo()
    render_site("demo", tmp_path, seed=1, duration_s=0.2, workers=1)
    assert is_current(tmp_path, "demo", 1, 0.2)


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"holds other files \('thesis.txt'\)"):
        render_site("demo", tmp_path, duration_s=0.2, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Not a directory"):
        render_site("demo", tmp_path / "file" / "out", duration_s=0.2, workers=1)


def test_mistakes_in_the_arguments_touch_no_folder(tmp_path: Path) -> None:
    for wrong in ({"preset": "moon"}, {"seed": -1}, {"duration_s": -3.0}):
        with pytest.raises(ConfigError):
            render_site(**{"preset": "demo", "out": tmp_path / "out"} | wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_large_site_is_truth_and_calibration_without_pixels(tmp_path: Path) -> None:
    site = render_site("large", tmp_path, duration_s=0.3, workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calib", "site.json", "truth"]
    assert len(list((tmp_path / "truth").glob("*.txt"))) == 32
    assert site.boxes > 20
    assert is_current(tmp_path, "large", 0, 0.3)
