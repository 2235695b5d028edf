"""Fusing a feature with those of generated pictures of the same person (IPG).

Source: Pose2ID (CVPR 2025), section 3.2, "Identity-Guided Pedestrian Generation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.centralize.inputs import Features, as_rows, is_tensor, like, place_of, to_numpy

if TYPE_CHECKING:
    import torch

__all__ = ["fuse_generated"]


@overload
def fuse_generated(
    feats: ArrayLike, generated: ArrayLike, eta: float = 1.0, mask: ArrayLike | None = None
) -> NDArray[np.float32]: ...
@overload
def fuse_generated(
    feats: torch.Tensor,
    generated: torch.Tensor,
    eta: float = 1.0,
    mask: ArrayLike | torch.Tensor | None = None,
) -> torch.Tensor: ...
def fuse_generated(
    feats: Features, generated: Features, eta: float = 1.0, mask: Features | None = None
) -> object:
    """``normalize(f + eta * sum_m g_m)``: a person's feature pulled towards those of its generated pictures.

    Nothing is normalized before the sum: give features of both kinds in the scale they shall count in.
    Upstream's demo adds twice the *mean* of the pictures, i.e. ``eta = 2 / m``.

    Args:
        feats: real numbers (n, d): an array or a tensor; not changed.
        generated: (n, m, d), the features of m generated pictures of each person, of the same kind,
            dtype and device.
        eta: weight of each generated picture.
        mask: bool (n, m), False where there is no such picture; whatever is there then is not looked at.

    Returns:
        float32 (n, d), unit rows, of the kind and on the device of ``feats``.

    Raises:
        ValueError: wrong or different shapes, kinds, dtypes or devices; a number that is not finite; a
            row (named) that comes out as zero.
        TypeError: no real numbers, or a mask that is not boolean.
    """
    _same_kind(feats, generated)
    rows = as_rows(feats)
    count, dimensions = rows.shape
    pictures = to_numpy(generated)
    if pictures.ndim != 3:
        raise ValueError(f"generated must have three dimensions (n, m, d), got shape {pictures.shape}")
    if (pictures.shape[0], pictures.shape[2]) != (count, dimensions):
        raise ValueError(
            f"generated must have shape ({count}, m, {dimensions}) as feats have ({count}, {dimensions}),"
            f" got {pictures.shape}"
        )
    if mask is not None:
        if is_tensor(mask) and place_of(mask) not in (place_of(feats), "cpu"):
            raise ValueError(
                f"mask lies on {place_of(mask)}, feats on {place_of(feats)}; they must lie together"
            )
        shown = to_numpy(mask)
        if shown.shape != pictures.shape[:2]:
            raise ValueError(f"mask must have shape {pictures.shape[:2]}, got {shown.shape}")
        if shown.dtype != np.bool_:
            raise TypeError(f"mask must be boolean, got dtype {shown.dtype}")
        pictures = np.where(shown[:, :, None], pictures, np.zeros((), pictures.dtype))
    pictures = as_rows(pictures, "generated", dimensions=3)
    if isinstance(eta, bool) or not np.isfinite(eta):
        raise ValueError(f"eta must be a finite number, got {eta!r}")
    fused = rows.astype(np.float64) + float(eta) * pictures.sum(axis=1, dtype=np.float64)
    norms = np.linalg.norm(fused, axis=1, keepdims=True)
    if (norms < 1e-12).any():
        row = int(np.flatnonzero(norms[:, 0] < 1e-12)[0])
        raise ValueError(f"row {row} of feats and its generated features add up to zero")
    return like((fused / norms).astype(np.float32), feats)


def _same_kind(feats: Features, generated: Features) -> None:
    if place_of(feats) != place_of(generated):
        raise ValueError(
            f"generated lie on {place_of(generated)}, feats on {place_of(feats)}; they must lie together"
        )
    one, other = (str(getattr(given, "dtype", "")) for given in (feats, generated))
    if one and other and one != other:
        raise ValueError(f"generated have dtype {other}, feats {one}; they must have the same")
