"""Samples for training: seeded, of all sizes, with labels that fit."""

from __future__ import annotations

import numpy as np
import pytest

from edge.site.people import person_look
from edge.site.samples import random_crop, random_scene


@pytest.mark.parametrize("size", [(640, 360), (320, 240)])
def test_a_scene_has_the_size_and_the_labels_it_should(size: tuple[int, int]) -> None:
    for seed in range(8):
        scene = random_scene(seed, size)
        people = len(scene.boxes_px)
        assert scene.image_bgr_hwc.shape == (size[1], size[0], 3)
        assert scene.image_bgr_hwc.dtype == np.uint8
        assert people <= 15
        assert scene.boxes_px.dtype == scene.visible.dtype == scene.keypoints_px.dtype == np.float32
        assert scene.keypoints_px.shape == (people, 18, 3)
        assert scene.person_seeds.shape == scene.visible.shape == scene.inside.shape == (people,)
        if people:
            assert scene.boxes_px.min() >= 0
            assert (scene.boxes_px[:, 2:] <= size).all()
            assert (scene.boxes_px[:, 2:] > scene.boxes_px[:, :2]).all()
            assert ((scene.visible >= 0) & (scene.visible <= 1)).all()


def test_the_same_seed_gives_the_same_scene_and_another_seed_another() -> None:
    one, again, other = random_scene(11), random_scene(11), random_scene(12)
    assert (one.image_bgr_hwc == again.image_bgr_hwc).all()
    assert (one.keypoints_px == again.keypoints_px).all()
    assert (one.image_bgr_hwc != other.image_bgr_hwc).any()


def test_people_come_in_all_sizes_and_some_are_hidden() -> None:
    scenes = [random_scene(seed, (320, 180)) for seed in range(60)]
    tall = np.concatenate([(scene.boxes_px[:, 3] - scene.boxes_px[:, 1]) / 180 for scene in scenes])
    visible = np.concatenate([scene.visible for scene in scenes])
    counts = [len(scene.boxes_px) for scene in scenes]
    assert (tall < 0.15).any()
    assert (tall > 0.7).any()
    assert 0.02 < (visible < 0.5).mean() < 0.5
    assert min(counts) == 0
    assert max(counts) >= 8
    assert len({seed for scene in scenes for seed in scene.person_seeds.tolist()}) == sum(counts)


def test_some_scenes_are_grey() -> None:
    grey = [
        bool((np.ptp(random_scene(seed, (160, 96)).image_bgr_hwc.astype(int), axis=2) < 25).mean() > 0.99)
        for seed in range(80)
    ]
    assert 1 <= sum(grey) <= 40


def test_a_crop_is_seeded_and_has_the_size_asked_for() -> None:
    one = random_crop(3, 5)
    assert one.shape == (128, 64, 3)
    assert (one == random_crop(3, 5)).all()
    assert (one != random_crop(3, 6)).any()
    assert random_crop(3, 5, (48, 96)).shape == (96, 48, 3)


def test_views_of_one_person_are_nearer_than_views_of_two() -> None:
    """By mean colours of the middle, with grey views left out: crude, and yet better than chance."""

    def describe(person: int, view: int) -> np.ndarray:
        crop = random_crop(person, view).astype(np.float64)[20:110, 16:48]
        bands = np.stack([part.mean(axis=(0, 1)) for part in np.array_split(crop, 6)])
        return (bands / bands.mean()).ravel()

    people = range(12)
    views = {person: np.stack([describe(person, view) for view in range(12)]) for person in people}
    means = {person: rows[:6].mean(axis=0) for person, rows in views.items()}
    right = sum(
        min(people, key=lambda other: float(np.abs(row - means[other]).sum())) == person
        for person, rows in views.items()
        for row in rows[6:]
    )
    assert right > 2.5 * 6  # by chance one of 12 people, so 6 of 72


def test_a_crop_can_show_another_look() -> None:
    assert (random_crop(1, 1) != random_crop(1, 1, look=person_look(2))).any()
