"""The surface: closed around the bones, and as detailed as the size asks for."""

from __future__ import annotations

import numpy as np
import pytest

from edge.site.body import pose_figures
from edge.site.figure import DETAIL_LEVELS, figure_of
from edge.site.people import person_look
from edge.site.skeleton import articulate
from edge.site.stance import random_stance, stand


@pytest.mark.parametrize("level", range(DETAIL_LEVELS))
def test_all_keypoints_lie_within_the_surface(level: int) -> None:
    rng = np.random.default_rng(level)
    for seed in range(60):
        look = person_look(seed)
        joints = articulate(look, random_stance(look, rng))
        surface = pose_figures([figure_of(look, level)], joints[None])
        assert (surface.min(axis=0) <= joints[:18].min(axis=0) + 1e-9).all()
        assert (surface.max(axis=0) >= joints[:18].max(axis=0) - 1e-9).all()


def test_more_detail_has_more_faces() -> None:
    counts = [len(figure_of(person_look(1), level).faces) for level in range(DETAIL_LEVELS)]
    assert counts[0] < 0.6 * counts[1] < 0.6 * counts[2]


def test_faces_look_outwards() -> None:
    """The volume that a closed surface encloses is positive when its faces are anticlockwise from outside."""
    look = person_look(2)
    figure = figure_of(look, 2)
    vertices = pose_figures([figure], articulate(look, stand(look))[None])
    corners = vertices[figure.faces]
    centre = vertices.mean(axis=0)
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    volume = ((corners.mean(axis=1) - centre) * normals).sum() / 6
    assert 0.03 < volume < 0.25  # m3; people have about 0.07, and parts overlap


def test_people_together_are_posed_like_each_alone() -> None:
    looks = [person_look(seed) for seed in range(4)]
    joints = np.stack([articulate(look, stand(look)) for look in looks])
    figures = [figure_of(look, 1) for look in looks]
    together = pose_figures(figures, joints)
    alone = [pose_figures([one], joints[k : k + 1]) for k, one in enumerate(figures)]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-12)


def test_a_body_is_about_as_wide_as_people_are() -> None:
    for seed in range(20):
        look = person_look(seed)
        surface = pose_figures([figure_of(look, 2)], articulate(look, stand(look))[None])
        assert 0.38 < np.ptp(surface[:, 1]) < 0.95  # the arms may be away from the body
        assert np.ptp(surface[:, 2]) == pytest.approx(look.height_m, rel=0.05)
