from __future__ import annotations

import numpy as np
import pytest

from edge.site.variation import erase_patch, scatter_clutter, vary_picture

PICTURE = np.random.default_rng(0).integers(40, 200, (96, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("seed", range(12))
def test_a_varied_picture_keeps_its_shape_and_the_original(seed: int) -> None:
    before = PICTURE.copy()
    varied = vary_picture(PICTURE, np.random.default_rng(seed))
    assert (varied.shape, varied.dtype) == (PICTURE.shape, np.uint8)
    assert np.array_equal(PICTURE, before)


def test_the_same_seed_gives_the_same_picture_and_another_seed_another() -> None:
    one, same, other = (vary_picture(PICTURE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_strength_changes_nothing() -> None:
    assert np.array_equal(vary_picture(PICTURE, np.random.default_rng(1), 0.0), PICTURE)


def test_pictures_vary_in_brightness_and_some_become_grey() -> None:
    varied = [vary_picture(PICTURE, np.random.default_rng(seed)) for seed in range(120)]
    means = np.array([picture.mean() for picture in varied])
    assert means.std() > 15
    spreads = np.array([np.ptp(picture.astype(int), axis=2).mean() for picture in varied])
    assert (spreads < 12).sum() >= 3  # a cast may come on top of the grey
    assert np.median(spreads) > 20


def test_clutter_hides_nobody_much() -> None:
    box = np.array([[20.0, 10.0, 44.0, 86.0]], np.float32)
    plain = np.full((96, 64, 3), 77, np.uint8)
    outside = 0
    for seed in range(30):
        image = plain.copy()
        scatter_clutter(image, box, np.random.default_rng(seed), 1)
        changed = (image != 77).any(axis=2)
        assert changed[10:86, 20:44].mean() <= 0.34
        outside += int(changed.sum())
    assert outside > 1000


def test_an_erased_patch_is_one_rectangle_of_at_most_the_share() -> None:
    for seed in range(20):
        image = np.zeros((96, 64, 3), np.uint8)
        erase_patch(image, np.random.default_rng(seed), 0.3)
        rows, columns = np.nonzero(image.any(axis=2))
        assert 0 < (np.ptp(rows) + 1) * (np.ptp(columns) + 1) <= 0.33 * 96 * 64
