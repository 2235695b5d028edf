from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.centralize import fuse_generated


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 6), st.integers(0, 4), st.integers(1, 5)),
    eta=st.floats(-2, 2),
)
def test_fusing_is_the_formula(seed: int, shape: tuple[int, int, int], eta: float) -> None:
    rng = np.random.default_rng(seed)
    feats, generated = rng.standard_normal((shape[0], shape[2])), rng.standard_normal(shape)
    shown = rng.random(shape[:2]) < 0.7
    out = fuse_generated(feats, generated, eta, shown)
    assert out.dtype == np.float32
    for row in range(shape[0]):
        total = feats[row].copy()
        for picture in range(shape[1]):
            if shown[row, picture]:
                total += eta * generated[row, picture]
        np.testing.assert_allclose(out[row], total / np.linalg.norm(total), atol=1e-5)


def test_a_picture_that_is_not_there_may_hold_anything() -> None:
    feats = np.eye(2)
    generated = np.full((2, 1, 2), np.nan)
    generated[0, 0] = 1.0
    mask = np.array([[True], [False]])
    np.testing.assert_allclose(
        fuse_generated(feats, generated, mask=mask), [[2 / 5**0.5, 1 / 5**0.5], [0, 1]]
    )


def test_no_generated_pictures_leave_the_direction() -> None:
    np.testing.assert_allclose(fuse_generated(np.array([[3.0, 4.0]]), np.zeros((1, 0, 2))), [[0.6, 0.8]])


def test_what_does_not_fit_is_named() -> None:
    feats = np.eye(2)
    with pytest.raises(ValueError, match=r"generated must have three dimensions \(n, m, d\)"):
        fuse_generated(feats, feats)
    with pytest.raises(ValueError, match=r"generated must have shape \(2, m, 2\)"):
        fuse_generated(feats, np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match=r"row \(1, 0\) is not"):
        fuse_generated(feats, np.array([[[1.0, 1.0]], [[np.inf, 1.0]]]))
    with pytest.raises(ValueError, match=r"mask must have shape \(2, 1\), got \(2, 2\)"):
        fuse_generated(feats, feats[:, None], mask=np.ones((2, 2), dtype=bool))
    with pytest.raises(TypeError, match="mask must be boolean"):
        fuse_generated(feats, feats[:, None], mask=np.ones((2, 1)))
    with pytest.raises(ValueError, match="generated have dtype float32, feats float64"):
        fuse_generated(feats, feats[:, None].astype(np.float32))
    with pytest.raises(ValueError, match="row 0 of feats and its generated features add up to zero"):
        fuse_generated(feats, -feats[:, None])
    with pytest.raises(ValueError, match="eta must be a finite number"):
        fuse_generated(feats, feats[:, None], float("nan"))
