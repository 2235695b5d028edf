from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from edge.site.manifest import FOR_TRAINING
from edge.site.presets import PRESETS, build_site
from edge.site.samples import SceneSample
from edge.site.site_views import FIRST_SEED, site_views


@pytest.fixture(scope="module")
def views() -> list[list[SceneSample]]:
    return [site_views(seed, 4) for seed in range(5)]


def test_the_same_seed_gives_the_same_pictures(views: list[list[SceneSample]]) -> None:
    again = site_views(2, 4)
    for one, other in zip(views[2], again, strict=True):
        assert np.array_equal(one.image_bgr_hwc, other.image_bgr_hwc)
        assert np.array_equal(one.boxes_px, other.boxes_px)


def test_most_pictures_show_somebody_and_boxes_hold_their_keypoints(views: list[list[SceneSample]]) -> None:
    samples = [sample for part in views for sample in part]
    assert sum(len(sample.boxes_px) > 0 for sample in samples) > 0.6 * len(samples)
    for sample in samples:
        assert sample.image_bgr_hwc.shape == (360, 640, 3)
        for box, points in zip(sample.boxes_px, sample.keypoints_px, strict=True):
            there = points[points[:, 2] > 0, :2]
            assert (there >= box[:2] - 2.0).all()
            assert (there <= box[2:] + 2.0).all()


def test_cameras_differ_from_the_presets_own(views: list[list[SceneSample]]) -> None:
    pictures = [part[0].image_bgr_hwc.astype(np.float32) for part in views]
    assert all(
        np.abs(one - other).mean() > 5.0 for i, one in enumerate(pictures) for other in pictures[i + 1 :]
    )


def test_no_preset_is_measured_on_seeds_to_train_on() -> None:
    assert FIRST_SEED > 100
    assert all(build_site(name, seed=FIRST_SEED).looks for name in PRESETS)


def test_nothing_that_only_training_needs_has_a_part_in_a_film() -> None:
    """Else a change of it would change pictures without their site counting as stale."""
    script = "import sys, edge.site.render; print(*(m for m in sys.modules if m.startswith('edge.site.')))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    names = {name.rpartition(".")[2] for name in loaded.stdout.split()}
    assert "film" in names
    assert names.isdisjoint(FOR_TRAINING)
