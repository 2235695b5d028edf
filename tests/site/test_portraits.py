from __future__ import annotations

import numpy as np

from edge.ipg.skeleton import standard_skeletons
from edge.site.portraits import random_portrait

GROUND = 168
FACE = (0, 14, 15, 16, 17)


def test_a_portrait_is_that_of_its_person_and_view() -> None:
    one, again = random_portrait(5, 1), random_portrait(5, 1)
    assert np.array_equal(one.image_bgr_hwc, again.image_bgr_hwc)
    np.testing.assert_array_equal(one.keypoints_px, again.keypoints_px)
    assert not np.array_equal(one.image_bgr_hwc, random_portrait(5, 2).image_bgr_hwc)
    assert not np.array_equal(one.image_bgr_hwc, random_portrait(6, 1).image_bgr_hwc)


def test_the_person_fills_the_height_as_the_standard_poses_do() -> None:
    standard = np.stack([one.points for one in standard_skeletons()])
    necks, ankles = standard[:, 1, 1].mean(), standard[:, [10, 13], 1].max(axis=1).mean()
    own_necks, own_ankles = [], []
    for view in range(40):
        portrait = random_portrait(view, 0)
        assert portrait.image_bgr_hwc.shape == (128, 64, 3)
        body = (portrait.image_bgr_hwc != GROUND).any(axis=2).any(axis=1)
        assert body[10:118].all()
        own_necks.append(portrait.keypoints_px[1, 1] / 128)
        own_ankles.append(np.nanmax(portrait.keypoints_px[[10, 13], 1]) / 128)
    assert abs(float(np.mean(own_necks)) - float(necks)) < 0.03
    assert abs(float(np.mean(own_ankles)) - float(ankles)) < 0.03


def test_keypoints_lie_on_the_person() -> None:
    hits = []
    for view in range(30):
        portrait = random_portrait(3, view)
        body = (portrait.image_bgr_hwc != GROUND).any(axis=2)
        points = portrait.keypoints_px[[1, 2, 5, 8, 9, 11, 12]]
        columns, lines = np.round(points[np.isfinite(points).all(axis=1)]).astype(int).T
        hits += body[lines, columns].tolist()
    assert np.mean(hits) > 0.95


def test_a_face_has_keypoints_only_where_it_is_seen() -> None:
    faces = [np.isfinite(random_portrait(3, view).keypoints_px[:, 0]) for view in range(40)]
    assert any(not seen[0] and not seen[14] and not seen[15] and seen[16] for seen in faces)  # from behind
    assert any(all(seen[list(FACE)]) for seen in faces)
    assert not any(seen[14] and not seen[0] for seen in faces)
    assert all(seen[1:14].sum() >= 10 for seen in faces)
