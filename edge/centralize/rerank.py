"""k-reciprocal re-ranking, the field's usual comparator.

Source: Zhong, Zheng, Cao, Li, "Re-ranking Person Re-identification with k-reciprocal Encoding",
CVPR 2017; equation numbers below are that paper's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.centralize.inputs import Features, as_rows, check_count, like, place_of
from edge.centralize.neighbors import Allowed, Indices, Rows, block_rows, nearest, parts

if TYPE_CHECKING:
    import torch
    from scipy.sparse import csr_array

__all__ = ["k_reciprocal_rerank"]


@overload
def k_reciprocal_rerank(
    query: ArrayLike,
    gallery: ArrayLike,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    *,
    normalize: bool = True,
) -> NDArray[np.float32]: ...
@overload
def k_reciprocal_rerank(
    query: torch.Tensor,
    gallery: torch.Tensor,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    *,
    normalize: bool = True,
) -> torch.Tensor: ...
def k_reciprocal_rerank(
    query: Features,
    gallery: Features,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    *,
    normalize: bool = True,
) -> object:
    """Distances between queries and gallery: Jaccard distance of neighbourhoods, mixed with the plain one.

    Query and gallery are one set of n rows. Of each row p: N(p, k) is p and its k nearest (eq. 2), R(p, k)
    those of them that have p in their own N (eq. 3); R*(p, k1) adds R(q, k1/2) of each q in R(p, k1) of
    which at least two thirds are in R(p, k1) (eq. 5). V_p holds exp(-d(p, g)) for g in R* and sums to 1
    (eq. 7), d being the squared Euclidean distance over the largest of its row. V is averaged over p and its
    k2 - 1 nearest (eq. 11); the Jaccard distance is 1 - sum min(V_p, V_g) / sum max(V_p, V_g) (eq. 10), and
    what comes back is (1 - lambda) Jaccard + lambda d (eq. 12).

    Works on the CPU: V is sparse, distances are made block by block. What grows with n squared is only the
    result, (queries, gallery).

    Args:
        query: real numbers (q, d): an array or a tensor.
        gallery: (g, d), of the same kind, dtype and device.
        k1: size of the neighbourhoods.
        k2: how many rows are averaged; 1 averages nothing.
        lambda_value: weight of the plain distance, 0 to 1.
        normalize: L2-normalize before.

    Returns:
        float32 (q, g), smaller is more alike, of the kind and on the device of ``query``.

    Raises:
        ValueError: wrong or different shapes, kinds, dtypes or devices; k1 or k2 below 1, or not below
            q + g; lambda outside 0 to 1; a row (named) that is not finite, or zero where it is normalized.
        TypeError: no real numbers.
    """
    k1, k2 = check_count(k1, "k1"), check_count(k2, "k2")
    if not 0.0 <= lambda_value <= 1.0:
        raise ValueError(f"lambda_value must be 0 to 1, got {lambda_value}")
    if place_of(query) != place_of(gallery):
        raise ValueError(
            f"gallery lies on {place_of(gallery)}, query on {place_of(query)}; they must lie together"
        )
    asked, known = (
        as_rows(query, "query", nonzero=normalize),
        as_rows(gallery, "gallery", nonzero=normalize),
    )
    if asked.shape[1] != known.shape[1]:
        raise ValueError(f"gallery must have {asked.shape[1]} columns as query, got {known.shape[1]}")
    if asked.dtype != known.dtype:
        raise ValueError(f"gallery has dtype {known.dtype}, query {asked.dtype}; they must have the same")
    if len(asked) == 0 or len(known) == 0:
        return like(np.zeros((len(asked), len(known)), dtype=np.float32), query)
    count = len(asked) + len(known)
    for name, k in (("k1", k1), ("k2", k2)):
        if k >= count:
            raise ValueError(f"{name} must be below the number of features, got {k} for {count} features")
    rows = Rows(np.concatenate([asked, known]), normalize=normalize)
    half = max(1, round(k1 / 2))
    near = nearest(rows, sorted({k1, half, k2 - 1} - {0}), Allowed(count, None, None))
    farthest = _farthest(rows)
    weights = _encoded(rows, near, k1, half, farthest)
    if k2 > 1:
        weights = (_neighbourhood(near, k2 - 1) @ weights) / np.float64(k2)
    out = _jaccard(weights.tocsr(), len(asked)).astype(np.float32)
    out *= np.float32(1.0 - lambda_value)
    for part in parts(len(asked), block_rows(count)):
        plain = _squared(rows, part, slice(len(asked), count)) / farthest[part, None]
        out[part] += np.float32(lambda_value) * plain.astype(np.float32)
    return like(out, query)


def _neighbourhood(near: Indices, k: int) -> csr_array:
    """N(p, k): each row and its k nearest, float64 (n, n) of ones."""
    from scipy.sparse import csr_array

    count = len(near)
    columns = np.concatenate([np.arange(count)[:, None], near[:, :k]], axis=1)
    starts = np.arange(count + 1) * (k + 1)
    return csr_array((np.ones(columns.size), columns.ravel(), starts), shape=(count, count))


def _encoded(rows: Rows, near: Indices, k1: int, half: int, farthest: NDArray[np.float64]) -> csr_array:
    """V: Gaussian weights of the expanded reciprocal neighbours, rows sum to 1."""
    wide, narrow = _neighbourhood(near, k1), _neighbourhood(near, half)
    wide = (wide * wide.T).tocsr()
    narrow = (narrow * narrow.T).tocsr()
    sizes = np.asarray(narrow.sum(axis=1))
    expanded = []
    for part in parts(rows.count, 2048):
        here = wide[part]
        common = (here @ narrow.T).multiply(here).tocoo()
        taken = 3.0 * common.data >= 2.0 * sizes[common.col]
        common.data = taken.astype(np.float64)
        joined = (here + common.tocsr() @ narrow).tocsr()
        joined.eliminate_zeros()
        joined.sort_indices()
        centres = np.repeat(np.arange(part.start, part.stop), np.diff(joined.indptr))
        for some in parts(len(centres), 8192):
            apart = rows.exact(centres[some]) - rows.exact(joined.indices[some].astype(np.int64))
            squared = np.einsum("ij,ij->i", apart, apart)
            joined.data[some] = np.exp(-squared / farthest[centres[some]])
        joined.data /= np.repeat(np.asarray(joined.sum(axis=1)), np.diff(joined.indptr))
        expanded.append(joined)
    from scipy.sparse import csr_array, vstack

    return csr_array(vstack(expanded, format="csr"))


def _jaccard(weights: csr_array, queries: int) -> NDArray[np.float64]:
    """1 - sum min / sum max of the first rows with the others: float64 (queries, n - queries).

    The sum of the larger is the sum of both less that of the smaller.
    """
    gallery = weights[queries:].tocsc()
    sums = np.asarray(weights.sum(axis=1))
    out = np.empty((queries, weights.shape[0] - queries))
    for row in range(queries):
        one = slice(weights.indptr[row], weights.indptr[row + 1])
        columns, own = weights.indices[one], weights.data[one]
        spans = [slice(gallery.indptr[column], gallery.indptr[column + 1]) for column in columns]
        others = np.concatenate([gallery.indices[span] for span in spans])
        shared = np.concatenate(
            [np.minimum(gallery.data[span], value) for span, value in zip(spans, own, strict=True)]
        )
        smaller = np.bincount(others, weights=shared, minlength=out.shape[1])
        out[row] = 1.0 - smaller / (sums[row] + sums[queries:] - smaller)
    return out


def _squared(rows: Rows, these: slice, those: slice) -> NDArray[np.float64]:
    """Squared distances, by the expansion in float64."""
    one, other = rows.exact(these), rows.exact(those)
    squared = np.einsum("ij,ij->i", one, one)[:, None] + np.einsum("ij,ij->i", other, other)[None, :]
    return np.asarray(np.maximum(squared - 2.0 * (one @ other.T), 0.0))


def _farthest(rows: Rows) -> NDArray[np.float64]:
    """The largest squared distance of each row, over all rows: float64 (n,), 1 where all are equal."""
    out = np.zeros(rows.count)
    for part in parts(rows.count, 1024):
        for other in parts(rows.count, 4096):
            out[part] = np.maximum(out[part], _squared(rows, part, other).max(axis=1))
    return np.where(out > 0.0, out, 1.0)
