"""Tensors: the same numbers as with arrays, on the CPU and, with the code for devices, anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge.centralize import (
    NFC,
    fuse_generated,
    identity_density,
    k_reciprocal_rerank,
    neighbor_centralize,
    neighbors,
    remove_camera_mean,
)
from edge.centralize.device import centralize_on_device
from edge.centralize.neighbors import Allowed

if TYPE_CHECKING:
    from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch is not installed")

CUDA = pytest.param("cuda", marks=pytest.mark.gpu)


@pytest.fixture(params=["cpu", CUDA])
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rows(count: int = 60, dimensions: int = 7, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)


@pytest.mark.parametrize("normalize", [True, False])
def test_tensors_give_what_arrays_give(device: str, normalize: bool) -> None:
    feats = rows()
    mask = np.random.default_rng(1).random((60, 60)) < 0.6
    groups = np.arange(60) % 3
    for given in (
        {},
        {"allowed": mask},
        {"groups": groups},
        {"allowed": mask, "groups": groups, "rounds": 2},
    ):
        out = neighbor_centralize(
            torch.from_numpy(feats).to(device), 3, 2, normalize=normalize, **moved(given, device)
        )
        assert out.device.type == device
        assert out.dtype == torch.float32
        expected = neighbor_centralize(feats, 3, 2, normalize=normalize, **given)
        np.testing.assert_allclose(out.cpu().numpy(), expected, atol=1e-6)


def moved(given: dict[str, Any], device: str) -> dict[str, Any]:
    tensors = {key: torch.from_numpy(value).to(device) for key, value in given.items() if key != "rounds"}
    return {**given, **tensors}


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("kind", ["spread", "copies", "collapsed", "far"])
def test_the_code_for_devices_gives_what_arrays_give(
    device: str, kind: str, normalize: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbors, "BLOCK_BYTES", 0)
    monkeypatch.setattr(neighbors, "FEWEST_ROWS", 32)
    feats = rows(150)
    if kind == "copies":
        feats = np.repeat(feats[:50], 3, axis=0)
    elif kind == "collapsed":
        feats = (1 + 1e-4 * feats).astype(np.float32)
    elif kind == "far":
        feats[::7] *= 1000
    mask = np.random.default_rng(1).random((150, 150)) < 0.5
    codes = (np.arange(150) % 4).astype(np.int64)
    given = torch.from_numpy(feats).to(device)
    for allowed, groups in ((None, None), (mask, None), (None, codes), (mask, codes)):
        for k1, k2 in ((1, 1), (5, 2), (3, 6)):
            expected = neighbor_centralize(feats, k1, k2, normalize=normalize, allowed=allowed, groups=groups)
            may = Allowed(150, allowed, groups)
            out = centralize_on_device(given, k1, k2, normalize=normalize, allowed=may, mask=None)
            np.testing.assert_allclose(out.cpu().numpy(), expected, atol=1e-6, rtol=1e-6)
    on_device = torch.from_numpy(mask).to(device)
    out = centralize_on_device(
        given, 3, 3, normalize=normalize, allowed=Allowed(150, None, codes), mask=on_device
    )
    expected = neighbor_centralize(feats, 3, 3, normalize=normalize, allowed=mask, groups=codes)
    np.testing.assert_allclose(out.cpu().numpy(), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int64"])
def test_every_real_dtype_gives_float32(device: str, dtype: str) -> None:
    feats = torch.from_numpy(4 * rows()).to(device=device, dtype=getattr(torch, dtype))
    out = neighbor_centralize(feats, normalize=False)
    assert out.dtype == torch.float32
    expected = neighbor_centralize(feats.double().cpu().numpy(), normalize=False)
    np.testing.assert_allclose(out.cpu().numpy(), expected, atol=1e-5)


def test_features_that_need_gradients_are_taken_without(device: str) -> None:
    feats = torch.from_numpy(rows()).to(device).requires_grad_()
    assert not neighbor_centralize(feats).requires_grad


def test_tensors_are_left_as_they_are(device: str) -> None:
    feats = torch.from_numpy(rows()).to(device)
    before = feats.clone()
    NFC(feats)
    remove_camera_mean(feats, ["a", "b"] * 30)
    assert torch.equal(feats, before)


def test_the_other_functions_give_what_they_give_for_arrays(device: str) -> None:
    feats, generated = rows(), np.random.default_rng(2).standard_normal((60, 3, 7)).astype(np.float32)
    given, pictures = torch.from_numpy(feats).to(device), torch.from_numpy(generated).to(device)
    ids = np.arange(60) % 5
    pairs = [
        (NFC(given, 3, 3), NFC(feats, 3, 3)),
        (identity_density(given, torch.from_numpy(ids).to(device)), identity_density(feats, ids)),
        (fuse_generated(given, pictures, 0.5), fuse_generated(feats, generated, 0.5)),
        (remove_camera_mean(given, ids), remove_camera_mean(feats, ids)),
        (k_reciprocal_rerank(given[:9], given[9:], 5, 2), k_reciprocal_rerank(feats[:9], feats[9:], 5, 2)),
    ]
    for out, expected in pairs:
        assert out.device.type == device
        assert out.dtype == torch.float32
        np.testing.assert_allclose(out.cpu().numpy(), expected, atol=1e-6)


def test_things_that_lie_in_different_places_are_refused() -> None:
    """``meta`` is a device that every torch has, so this needs no GPU."""
    feats, elsewhere = torch.from_numpy(rows()), torch.empty(60, 60, dtype=torch.bool, device="meta")
    with pytest.raises(ValueError, match="allowed lies on meta, feats on cpu"):
        neighbor_centralize(feats, allowed=elsewhere)
    with pytest.raises(ValueError, match="allowed lies on meta, feats on numpy"):
        neighbor_centralize(rows(), allowed=elsewhere)
    with pytest.raises(ValueError, match="'meta' has no values"):
        neighbor_centralize(torch.empty(3, 3, device="meta"))
    with pytest.raises(ValueError, match="generated lie on numpy, feats on cpu"):
        fuse_generated(feats, rows(60)[:, None])
    with pytest.raises(ValueError, match="mask lies on meta, feats on cpu"):
        fuse_generated(feats, feats[:, None], mask=torch.ones(60, 1, dtype=torch.bool, device="meta"))
    with pytest.raises(ValueError, match="gallery lies on numpy, query on cpu"):
        k_reciprocal_rerank(feats, rows())
