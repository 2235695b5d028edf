"""Neighbor feature centralization (NFC): add the features of mutual nearest neighbours.

Source: Pose2ID (CVPR 2025), section "Neighbor Feature Centralization".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["neighbor_centralize"]

Floats = NDArray[np.floating]


def neighbor_centralize(
    feats: Floats,
    k1: int = 2,
    k2: int = 2,
    *,
    normalize: bool = True,
    allowed: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Add to each feature those of its mutual nearest neighbours.

    Row j is a neighbour of row i when j is among the ``k1`` nearest of i, and i among the first
    ``k2`` of the ``k1`` nearest of j (so ``k2 > k1`` acts as ``k2 = k1``, as upstream). Distances
    are squared Euclidean. Exact ties go to the lower index; copies of a row may differ by rounding.

    Unlike upstream, a row is never its own neighbour: upstream's root variant marks the diagonal
    with 1000, which a feature further away than that undercuts, and is then doubled.

    Args:
        feats: float (n, d), one feature per row; not changed.
        k1: how many nearest rows are looked at; may exceed what is allowed, then all of those.
        k2: how many of them must see the row in return.
        normalize: L2-normalize before and after (upstream's demo variant); False is its root
            variant, whose norms grow with the number of neighbours.
        allowed: bool (n, n), True where row j may be a neighbour of row i; None allows all others.

    Returns:
        float32 (n, d): each row plus its neighbours' rows (weight 1 each, no averaging).

    Raises:
        ValueError: wrong shapes, k below 1, or features that are not finite.
    """
    rows = np.asarray(feats, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"feats must have two dimensions (n, d), got shape {rows.shape}")
    if k1 < 1 or k2 < 1:
        raise ValueError(f"k1 and k2 must be 1 or more, got {k1} and {k2}")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(f"feats must be finite; row {bad} is not")
    if normalize:
        rows = _unit(rows)
    count = len(rows)
    near = _nearest(rows, _may_be_neighbours(count, allowed), k1)
    places = np.full((count, count), k1)
    for place in range(near.shape[1]):
        seen = near[:, place]
        some = seen >= 0
        places[np.flatnonzero(some), seen[some]] = place
    first_k2 = places < min(k1, k2)
    mutual = (places < k1) & first_k2.T
    out = rows + mutual.astype(np.float64) @ rows
    return (_unit(out) if normalize else out).astype(np.float32)


def _may_be_neighbours(count: int, allowed: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    if allowed is None:
        may = np.ones((count, count), dtype=bool)
    else:
        may = np.array(allowed, dtype=bool)
        if may.shape != (count, count):
            raise ValueError(f"allowed must have shape ({count}, {count}), got {may.shape}")
    np.fill_diagonal(may, False)
    return may


def _nearest(rows: NDArray[np.float64], may: NDArray[np.bool_], k: int) -> NDArray[np.intp]:
    """The k nearest allowed rows of each row, nearest first; -1 where there are fewer."""
    norms = np.einsum("ij,ij->i", rows, rows)
    distances = norms[:, None] + norms[None, :] - 2.0 * (rows @ rows.T)
    distances[~may] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    reachable = np.isfinite(np.take_along_axis(distances, order, axis=1))
    return np.where(reachable, order, -1)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12))
