from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.errors import OutputError
from edge.site.picture_store import draw_crops, draw_scenes, draw_site_views
from edge.site.samples import random_crop, random_scene
from edge.site.site_views import site_views


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drawn")


def test_scenes_are_those_of_their_seeds_with_everybody_in_them(folder: Path) -> None:
    scenes = draw_scenes(folder, 70, 3)
    assert scenes.images_bgr_nhwc.shape == (3, 360, 640, 3)
    for row, seed in enumerate((70, 71, 72)):
        sample = random_scene(seed)
        assert np.array_equal(scenes.images_bgr_nhwc[row], sample.image_bgr_hwc)
        np.testing.assert_allclose(scenes.truths[row].boxes_px, sample.boxes_px, atol=0.01)
        np.testing.assert_allclose(scenes.truths[row].visible, sample.visible * sample.inside, atol=0.001)


def test_views_of_sites_are_a_few_of_each_camera(folder: Path) -> None:
    views = draw_site_views(folder, 40, 18)
    samples = [*site_views(40, 16), *site_views(41, 2)]
    assert views.images_bgr_nhwc.shape == (18, 360, 640, 3)
    for row, sample in enumerate(samples):
        assert np.array_equal(views.images_bgr_nhwc[row], sample.image_bgr_hwc)
        np.testing.assert_allclose(views.truths[row].visible, sample.visible * sample.inside, atol=0.001)


def test_crops_are_those_of_their_people_and_views(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    crops = draw_crops(folder, 500, 3, 2, drawn=lambda done, total: told.append((done, total)))
    assert crops.images_bgr_pvhwc.shape == (3, 2, 128, 64, 3)
    assert np.array_equal(crops.images_bgr_pvhwc[2, 1], random_crop(502, 1))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_what_is_drawn_already_is_not_drawn_again_unless_it_is_broken(folder: Path) -> None:
    told: list[int] = []
    first = draw_crops(folder, 600, 2, 2)
    again = draw_crops(folder, 600, 2, 2, drawn=lambda done, total: told.append(done))
    assert told == []
    assert np.array_equal(first.images_bgr_pvhwc, again.images_bgr_pvhwc)
    [file] = folder.glob("crops-600-*.u8")
    file.write_bytes(file.read_bytes()[:-1])
    draw_crops(folder, 600, 2, 2, drawn=lambda done, total: told.append(done))
    assert told == [1, 2]


def test_several_processes_draw_the_same(folder: Path, tmp_path: Path) -> None:
    one, several = (
        draw_crops(place, 800, 4, 1, workers=count) for place, count in ((folder, 1), (tmp_path, 2))
    )
    assert np.array_equal(one.images_bgr_pvhwc, several.images_bgr_pvhwc)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot keep drawn pictures in .*file.* \(0.0 GB\)"):
        draw_crops(tmp_path / "file" / "drawn", 1, 1, 1)
