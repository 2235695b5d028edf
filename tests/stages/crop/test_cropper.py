from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge.config.pipeline import CropSpec
from edge.records import Crop, Frame, Tracks
from edge.stages.crop import CropCounts, Cropper

MakeScene = Callable[..., tuple[Frame, Tracks]]
UPRIGHT = (100.0, 100.0, 140.0, 210.0)
CUT = (0.0, 100.0, 40.0, 210.0)


def boxes(count: int) -> dict[int, tuple[float, float, float, float]]:
    """People side by side in full view."""
    return {i + 1: (10.0 + 60 * i, 100.0, 50.0 + 60 * i, 210.0) for i in range(count)}


def taken_at(cropper: Cropper, make_scene: MakeScene, times_s: np.ndarray, **scene: object) -> list[float]:
    """When one person, always the same, was cropped."""
    people = scene.pop("people", {1: UPRIGHT})
    return [t for t in times_s.tolist() if cropper.crop(*make_scene(t, people, **scene)).crops]


def test_a_new_track_is_cropped_at_once_and_then_at_the_refresh(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(refresh_s=0.4, better_factor=10))
    assert taken_at(cropper, make_scene, np.arange(21) / 10) == pytest.approx([0.0, 0.4, 0.8, 1.2, 1.6, 2.0])
    assert cropper.counts == CropCounts(offered=6, taken=6, refused=0, poor=0)


def test_the_record_says_where_and_when(make_scene: MakeScene) -> None:
    frame, tracks = make_scene(7.0, {5: (100.4, 99.6, 140.4, 210.0)}, camera="yard")
    result = Cropper(CropSpec()).crop(frame, tracks)
    assert result.tracks is tracks
    (crop,) = result.crops
    assert (crop.camera, crop.track, crop.frame_number) == ("yard", 5, frame.number)
    assert crop.captured_at_ns == 7_000_000_000
    assert np.array_equal(crop.image_bgr_hwc, frame.image_bgr_hwc[100:210, 100:140])
    assert 0.3 <= crop.quality <= 1


def test_crops_are_copies(make_scene: MakeScene, texture: np.ndarray) -> None:
    image = texture.copy()
    (crop,) = Cropper(CropSpec()).crop(*make_scene(0.0, {1: UPRIGHT}, image=image)).crops
    assert not np.shares_memory(crop.image_bgr_hwc, image)
    before = crop.image_bgr_hwc.copy()
    image[:] = 0
    assert np.array_equal(crop.image_bgr_hwc, before)


def test_a_frame_without_people_gives_none(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(per_second=3))
    frame, tracks = make_scene(0.0, {})
    assert cropper.crop(frame, tracks).crops == ()
    assert cropper.counts == CropCounts(0, 0, 0, 0)


@pytest.mark.parametrize(
    "box",
    [
        (-50.0, -50.0, -10.0, -10.0),
        (630.0, 470.0, 900.0, 900.0),
        (5.4, 5.4, 5.4, 5.4),
        (0.0, 0.0, 640.0, 480.0),
    ],
)
def test_any_box_can_be_cut_out(box: tuple[float, float, float, float], make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(height_min_px=1, quality_min=0, wait_s=0))
    for time_s in (0.0, 1.0):
        for crop in cropper.crop(*make_scene(time_s, {1: box})).crops:
            assert min(crop.image_bgr_hwc.shape) >= 1
            assert 0 <= crop.quality <= 1


def test_somebody_too_small_is_never_cropped(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(height_min_px=24))
    assert taken_at(cropper, make_scene, np.arange(50) / 10, people={1: (100.0, 100.0, 108.0, 123.0)}) == []


@pytest.mark.parametrize("trouble", ["hidden", "cut"])
def test_somebody_poorly_seen_is_cropped_once_a_second_with_a_low_quality(
    trouble: str, make_scene: MakeScene
) -> None:
    cropper = Cropper(CropSpec())
    crops: list[tuple[float, Crop]] = []
    for time_s in (np.arange(35) / 10).tolist():
        people = {1: CUT if trouble == "cut" else UPRIGHT}
        overlaps = {1: 0.7} if trouble == "hidden" else {}
        result = cropper.crop(*make_scene(time_s, people, overlaps=overlaps))
        crops += [(time_s, crop) for crop in result.crops]
    assert [time_s for time_s, _ in crops] == pytest.approx([1.0, 2.0, 3.0])
    assert all(0 < crop.quality < 0.3 for _, crop in crops)
    assert cropper.counts.taken == 3
    assert cropper.counts.poor > 20


def test_the_best_of_the_poor_crops_is_taken(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec())
    shares = [0.9, 0.8, 0.5, 0.8, 0.9, 0.95, 0.9, 0.9, 0.9, 0.9, 0.9]
    found = [
        cropper.crop(*make_scene(n / 10, {1: UPRIGHT}, overlaps={1: share})).crops
        for n, share in enumerate(shares)
    ]
    assert not any(found[:-1])
    (crop,) = found[-1]
    assert crop.captured_at_ns == 200_000_000
    assert crop.frame_number == 3


def test_a_good_crop_ends_the_waiting_at_once(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec())
    for n in range(5):
        assert not cropper.crop(*make_scene(n / 10, {1: UPRIGHT}, overlaps={1: 0.8})).crops
    (crop,) = cropper.crop(*make_scene(0.5, {1: UPRIGHT})).crops
    assert crop.quality > 0.5
    assert crop.captured_at_ns == 500_000_000


def test_a_clearly_better_crop_does_not_wait_for_the_refresh(
    make_scene: MakeScene, texture: np.ndarray
) -> None:
    blurred = (cv2.GaussianBlur(texture, (0, 0), 4) // 8).astype(np.uint8)
    cropper = Cropper(CropSpec(refresh_s=10, better_factor=1.3, better_s=0.2))
    times = [
        n / 10
        for n in range(30)
        if cropper.crop(*make_scene(n / 10, {1: UPRIGHT}, image=texture if n > 4 else blurred)).crops
    ]
    assert times[0] == 0.0
    assert len(times) == 2
    assert 0.5 <= times[1] <= 0.6


def test_better_is_measured_against_the_best_there_was(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(refresh_s=10, better_factor=1.3))
    shares = {0: 0.3, 5: 0.0}
    times = [
        n / 10
        for n in range(40)
        if cropper.crop(*make_scene(n / 10, {1: UPRIGHT}, overlaps={1: shares.get(n, 0.3)})).crops
    ]
    assert times == [0.0, 0.5]


def test_when_the_budget_is_short_new_people_come_first(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(per_second=2, refresh_s=0.1))
    for n in range(50):
        cropper.crop(*make_scene(n / 10, boxes(4)))
    assert cropper.counts.refused > 0
    result = cropper.crop(*make_scene(5.0, boxes(5)))
    if not result.crops:
        result = cropper.crop(*make_scene(5.5, boxes(5)))
    assert result.crops[0].track == 5


def test_when_the_budget_is_short_everybody_gets_a_turn(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(per_second=4, refresh_s=0.4))
    last: dict[tuple[str, int], float] = {}
    longest = 0.0
    for n in range(600):
        for camera in ("a", "b"):
            for crop in cropper.crop(*make_scene(n / 10, boxes(8), camera=camera)).crops:
                key = (camera, crop.track)
                longest = max(longest, n / 10 - last.get(key, 0.0))
                last[key] = n / 10
    assert len(last) == 16
    assert longest <= 3 * 16 / 4
    assert cropper.counts.taken == pytest.approx(60 * 4 + 4, abs=3)


def test_no_camera_starves_the_other(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(per_second=10, refresh_s=0.2))
    counts = {"a": 0, "b": 0}
    for n in range(600):
        for camera in counts:
            counts[camera] += len(cropper.crop(*make_scene(n / 10, boxes(6), camera=camera)).crops)
    assert sum(counts.values()) == pytest.approx(610, abs=3)
    assert min(counts.values()) > 0.25 * sum(counts.values())


def test_counts_add_up(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(per_second=3, refresh_s=0.2))
    rng = np.random.default_rng(6)
    total = 0
    for n in range(300):
        shares = {i + 1: float(rng.uniform(0, 0.8)) for i in range(6)}
        total += len(cropper.crop(*make_scene(n / 10, boxes(6), overlaps=shares)).crops)
    counts = cropper.counts
    assert counts.taken == total > 0
    assert counts.offered == counts.taken + counts.refused
    assert counts.poor > 0


def test_cameras_with_the_same_track_numbers_are_kept_apart(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec())
    assert cropper.crop(*make_scene(0.0, {1: UPRIGHT}, camera="a")).crops
    assert cropper.crop(*make_scene(0.0, {1: UPRIGHT}, camera="b")).crops
    assert not cropper.crop(*make_scene(0.1, {1: UPRIGHT}, camera="a")).crops


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
def test_clocks_that_jump_do_not_stop_the_crops(jump_s: float, make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec(per_second=5))
    before = taken_at(cropper, make_scene, 7200 + np.arange(20) / 10)
    after = taken_at(cropper, make_scene, 7200 + jump_s + np.arange(20) / 10)
    assert len(before) == 5
    assert 4 <= len(after) <= 6


def test_equal_times_do_not_crop_twice(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec())
    assert sum(bool(cropper.crop(*make_scene(3.0, {1: UPRIGHT})).crops) for _ in range(10)) == 1


def test_memory_of_tracks_is_bounded(make_scene: MakeScene) -> None:
    cropper = Cropper(CropSpec())
    for n in range(2000):
        cropper.crop(*make_scene(float(n), {n + 1: CUT}))
    assert len(cropper._memory) <= 125
