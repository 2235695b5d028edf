from __future__ import annotations

import numpy as np
import pytest

from edge.ipg.fidelity import judge

NORTH, EAST = [0.0, 1.0], [1.0, 0.0]


def test_a_picture_is_kept_if_it_is_near_its_own_reference() -> None:
    verdict = judge([[0.1, 2.0], [5.0, 0.1]], [0, 0], [NORTH], ["anna"], similarity_min=0.5)
    assert verdict.kept.tolist() == [True, False]
    assert (verdict.too_far, verdict.like_another) == (1, 0)
    np.testing.assert_allclose(verdict.similarity, [2 / np.hypot(0.1, 2), 0.1 / np.hypot(5, 0.1)], rtol=1e-6)


def test_a_picture_that_is_nearer_to_somebody_else_is_rejected() -> None:
    between = [2.0, 1.5]
    verdict = judge([between, between], [0, 1], [NORTH, EAST], ["anna", "berta"], similarity_min=0.3)
    assert verdict.kept.tolist() == [False, True]
    assert (verdict.too_far, verdict.like_another) == (0, 1)


def test_references_of_one_person_do_not_compete() -> None:
    verdict = judge([[2.0, 1.5]], [0], [NORTH, EAST], ["anna", "anna"], similarity_min=0.3)
    assert verdict.kept.tolist() == [True]


def test_a_feature_that_is_no_number_is_too_far() -> None:
    verdict = judge([[np.nan, 1.0]], [0], [NORTH], ["anna"], similarity_min=-1)
    assert not verdict.kept[0]
    assert verdict.too_far == 1


def test_no_picture_is_no_mistake() -> None:
    assert judge(np.zeros((0, 2)), [], [NORTH], ["anna"], similarity_min=0).kept.shape == (0,)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="pictures have 3 numbers"):
        judge([[1, 2, 3]], [0], [NORTH], ["anna"], similarity_min=0)
    with pytest.raises(ValueError, match="1 pictures, 2 owners"):
        judge([NORTH], [0, 0], [NORTH], ["anna"], similarity_min=0)
    with pytest.raises(ValueError, match="within 0 and 0"):
        judge([NORTH], [1], [NORTH], ["anna"], similarity_min=0)
    with pytest.raises(ValueError, match="two dimensions"):
        judge(NORTH, [0], [NORTH], ["anna"], similarity_min=0)
