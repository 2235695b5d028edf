"""A camera's frames: each the same whenever asked for, with or without pixels."""

from __future__ import annotations

import numpy as np
import pytest

from edge.site.calibration import sightings
from edge.site.film import Film
from edge.site.job import walk_site
from edge.site.layout import Site
from edge.site.truth import whole_share
from edge.site.walks import Paths


@pytest.fixture(scope="module")
def demo() -> tuple[Site, Paths]:
    return walk_site("demo", 3, 30.0)


def test_a_frame_does_not_depend_on_those_before_it(demo: tuple[Site, Paths]) -> None:
    site, paths = demo
    one, other = Film(site, 1, paths, seed=3), Film(site, 1, paths, seed=3)
    one.shot(5)
    first, second = one.shot(40), other.shot(40)
    assert first.image_bgr_hwc is not None
    assert second.image_bgr_hwc is not None
    assert (first.image_bgr_hwc == second.image_bgr_hwc).all()


def test_noise_differs_from_frame_to_frame_and_from_camera_to_camera(demo: tuple[Site, Paths]) -> None:
    site, paths = demo
    film = Film(site, 3, paths, seed=3)
    one, other = film.shot(0).image_bgr_hwc, film.shot(1).image_bgr_hwc
    assert one is not None
    assert other is not None
    changed = (one != other).any(axis=2).mean()
    assert changed > 0.5


def test_feet_stand_where_the_paths_say(demo: tuple[Site, Paths]) -> None:
    """The lowest points of a box, put on the floor by the homography, are near the path."""
    site, paths = demo
    off = []
    for number, one in enumerate(site.cameras):
        film = Film(site, number, paths, seed=3, pixels=False)
        for frame in range(0, 300, 30):
            shot = film.shot(frame)
            clear = whole_share(shot) > 0.95
            for person, (left, _, right, bottom) in zip(
                shot.ids[clear], shot.seen.boxes_px[clear], strict=True
            ):
                foot = one.camera.image_to_floor @ [(left + right) / 2 - 0.5, bottom - 0.5, 1.0]
                off.append(np.hypot(*(foot[:2] / foot[2] - paths.xy_m[frame, person - 1])))
    assert len(off) > 60
    assert np.median(off) < 0.35
    assert np.percentile(off, 95) < 1.0


def test_without_pixels_boxes_are_the_same_and_hidden_shares_nearly(demo: tuple[Site, Paths]) -> None:
    site, paths = demo
    films = [Film(site, 2, paths, seed=3, pixels=pixels) for pixels in (True, False)]
    pairs = 0
    for frame in range(0, 300, 25):
        drawn, bare = (film.shot(frame) for film in films)
        assert bare.image_bgr_hwc is None
        for row, person in enumerate(drawn.ids.tolist()):
            if drawn.seen.visible[row] < 0.2:
                continue
            other = bare.ids.tolist().index(person)
            np.testing.assert_allclose(bare.seen.boxes_px[other], drawn.seen.boxes_px[row], atol=1e-3)
            np.testing.assert_allclose(
                bare.seen.keypoints_px[other, :, :2], drawn.seen.keypoints_px[row, :, :2], atol=1e-3
            )
            assert bare.seen.visible[other] == pytest.approx(drawn.seen.visible[row], abs=0.2)
            pairs += 1
    assert pairs > 20


def test_who_is_seen_agrees_with_the_survey(demo: tuple[Site, Paths]) -> None:
    site, paths = demo
    seen = sightings(site, paths)
    film = Film(site, 1, paths, seed=3, pixels=False)
    agree = total = 0
    for frame in range(0, 300, 20):
        shot = film.shot(frame)
        well = {int(i) for i, share in zip(shot.ids, whole_share(shot), strict=True) if share > 0.7}
        surveyed = {int(k) + 1 for k in np.flatnonzero(seen[1, frame])}
        agree += len(well & surveyed)
        total += len(well)
    assert total > 20
    assert agree / total > 0.9
