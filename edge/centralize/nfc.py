"""Neighbor feature centralization (NFC): add the features of mutual nearest neighbours.

Source: Pose2ID (CVPR 2025), section 3.3, "Neighbor Feature Centralization".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.centralize.inputs import Features, Labels, as_codes, as_rows, check_count, is_tensor, like, place_of
from edge.centralize.neighbors import Allowed, Constraint, Rows, mutual, nearest, parts

if TYPE_CHECKING:
    import torch

__all__ = ["NFC", "neighbor_centralize"]

Mask: TypeAlias = "NDArray[np.bool_] | torch.Tensor | Constraint"


@overload
def neighbor_centralize(
    feats: ArrayLike,
    k1: int = 2,
    k2: int = 2,
    *,
    normalize: bool = True,
    allowed: Mask | None = None,
    groups: Labels | None = None,
    rounds: int = 1,
) -> NDArray[np.float32]: ...
@overload
def neighbor_centralize(
    feats: torch.Tensor,
    k1: int = 2,
    k2: int = 2,
    *,
    normalize: bool = True,
    allowed: Mask | None = None,
    groups: Labels | None = None,
    rounds: int = 1,
) -> torch.Tensor: ...
def neighbor_centralize(
    feats: Features,
    k1: int = 2,
    k2: int = 2,
    *,
    normalize: bool = True,
    allowed: Mask | None = None,
    groups: Labels | None = None,
    rounds: int = 1,
) -> object:
    """Add to each feature those of its mutual nearest neighbours.

    Row j is a neighbour of row i when j is among the ``k1`` nearest of i, and i among the first
    ``k2`` of the ``k1`` nearest of j (so ``k2 > k1`` acts as ``k2 = k1``, as upstream). Distances
    are squared Euclidean, and exact: sums of squared differences in float64, ties to the lower index.
    On a CUDA device too, since what its float32 cannot tell apart is compared in float64.

    Unlike upstream, a row is never its own neighbour: upstream's root variant marks the diagonal
    with 1000, which a feature further away than that undercuts, and is then doubled; and with
    ``k1 = k2 = n`` its own row comes last in its list and is added once more.

    Cost: one float32 matrix product (n, d) x (d, n), a block at a time. Memory: two copies of the
    features and one block (80 MiB), never (n, n). No gradients.

    Args:
        feats: real numbers (n, d), one feature per row: an array, or a torch tensor on any device;
            not changed.
        k1: how many nearest rows are looked at; where fewer are allowed, all of those.
        k2: how many of them must see the row in return.
        normalize: L2-normalize before and after (upstream's demo variant); False is its root
            variant, whose norms grow with the number of neighbours. Neighbours that cancel a row out
            exactly leave zeros, as upstream.
        allowed: True where row j may be a neighbour of row i: bool (n, n); or a function that is given
            row numbers, int64 (b,), and gives bool (b, n) for them; None allows all others. A pair adds
            up only where it is allowed in both directions.
        groups: n labels, e.g. cameras: neighbours come from other groups only. None among the labels
            is a group of its own.
        rounds: so many times over, each with the features of the one before.

    Returns:
        float32 (n, d), of the kind and on the device of ``feats``: each row plus its neighbours' rows
        (weight 1 each, no averaging). No rows give no rows, and a lone row has no neighbours.

    Raises:
        ValueError: wrong shapes; k1, k2 or rounds below 1; k1 larger than n (of two rows or more); a row
            that is not finite, or is all zeros where rows are normalized; a mask on another device.
        TypeError: no real numbers, or a mask that is not boolean.
    """
    k1, k2, rounds = check_count(k1, "k1"), check_count(k2, "k2"), check_count(rounds, "rounds")
    place = place_of(feats)
    rows = as_rows(feats, nonzero=normalize)
    count = len(rows)
    if 1 < count < k1:
        raise ValueError(f"k1 must be at most the number of features, got k1 = {k1} for {count} features")
    codes = None if groups is None else as_codes(groups, count, "groups")
    may = Allowed(count, allowed, codes, place)
    if place not in ("numpy", "cpu") and count > 0:
        return _on_device(feats, k1, k2, normalize, may, allowed, rounds)
    for _ in range(rounds):
        rows = _round(rows, k1, k2, normalize, may, torch=place == "cpu")
    return like(np.asarray(rows, dtype=np.float32), feats)


@overload
def NFC(feats: ArrayLike, k1: int = 2, k2: int = 2, *, normalize: bool = True) -> NDArray[np.float32]: ...
@overload
def NFC(feats: torch.Tensor, k1: int = 2, k2: int = 2, *, normalize: bool = True) -> torch.Tensor: ...
def NFC(feats: Features, k1: int = 2, k2: int = 2, *, normalize: bool = True) -> object:  # noqa: N802
    """Upstream's function under upstream's name: :func:`neighbor_centralize` without constraints.

    What differs from upstream: arrays are accepted as well as tensors, and the result is on the
    features' device; exact ties go to the lower index (upstream's order is its platform's); no row is
    its own neighbour, neither far from all others nor with k1 = n; memory does not grow with n squared;
    a row that is not finite, or zero where rows are normalized, is an error; a lone row with k1 = 2 is
    not. The default is upstream's demo variant (rows normalized before and after); ``normalize=False``
    is the one in its root folder.

    Args:
        feats: real numbers (n, d): an array or a tensor.
        k1: how many nearest rows are looked at.
        k2: how many of them must see the row in return.
        normalize: which variant.

    Returns:
        float32 (n, d), of the kind and on the device of ``feats``.

    Raises:
        ValueError: see :func:`neighbor_centralize`.
        TypeError: see :func:`neighbor_centralize`.
    """
    given: Any = feats
    centralized: object = neighbor_centralize(given, k1, k2, normalize=normalize)
    return centralized


def _round(
    feats: NDArray[np.floating], k1: int, k2: int, normalize: bool, allowed: Allowed, *, torch: bool
) -> NDArray[np.float32]:
    rows = Rows(feats, normalize=normalize)
    near = nearest(rows, (min(k1, k2), k1), allowed, torch=torch)
    rows.forget_quick()
    seen = mutual(near, k2)
    out = np.empty(feats.shape, dtype=np.float32)
    for part in parts(len(feats)):
        total = rows.exact(part)
        for place in range(near.shape[1]):
            some = np.flatnonzero(seen[part, place])
            total[some] += rows.exact(near[part, place][some])
        if normalize:
            total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
        out[part] = total
    return out


def _on_device(
    feats: Any,
    k1: int,
    k2: int,
    normalize: bool,
    may: Allowed,
    allowed: object,
    rounds: int,
) -> torch.Tensor:
    from edge.centralize.device import centralize_on_device

    rows: torch.Tensor = feats.detach()
    rows = rows if str(rows.dtype) in ("torch.float32", "torch.float64") else rows.float()
    mask: torch.Tensor | None = allowed if is_tensor(allowed) else None
    for _ in range(rounds):
        rows = centralize_on_device(rows, k1, k2, normalize=normalize, allowed=may, mask=mask)
    return rows
