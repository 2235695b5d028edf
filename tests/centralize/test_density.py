from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.centralize import identity_density


def test_oracle_densities_equal_upstream_but_are_never_negative(shared: Path) -> None:
    with np.load(shared / "oracle/id2.npz") as file:
        arrays = dict(file)
    cases = {name.split(".")[0] for name in arrays}
    assert cases == {"small", "single", "oneid", "mid", "dup", "big", "zerovec"}
    for case in cases:
        mine = identity_density(arrays[f"{case}.feats"], arrays[f"{case}.pids"])
        assert mine.dtype == np.float32
        assert (mine >= 0).all()
        np.testing.assert_allclose(mine, arrays[f"{case}.density"], atol=3e-6, err_msg=case)


def test_density_is_the_squared_distance_to_the_identitys_centre() -> None:
    feats = np.array([[2.0, 0.0], [0.0, 3.0], [5.0, 5.0]])
    np.testing.assert_allclose(identity_density(feats, ["a", "a", "b"]), [0.5, 0.5, 0.0], atol=1e-7)


def test_every_label_is_an_identity_even_minus_one() -> None:
    feats = np.random.default_rng(0).standard_normal((9, 4))
    ids = np.array([-1, -1, 0, 0, 1, 1, -1, 0, 1])
    np.testing.assert_array_equal(identity_density(feats, ids), identity_density(feats, ids + 7))


def test_nobody_has_no_density() -> None:
    assert identity_density(np.zeros((0, 4)), []).shape == (0,)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="person_ids must have one label for each of 2 rows, got 3"):
        identity_density(np.eye(2), [1, 2, 3])
    with pytest.raises(ValueError, match="row 1 is not"):
        identity_density(np.array([[1.0], [np.nan]]), [1, 1])
    with pytest.raises(ValueError, match="two dimensions"):
        identity_density(np.ones(3), [1, 1, 1])
