"""Identity density (ID²): how tightly the features of each identity lie together.

Source: Pose2ID (CVPR 2025), section 4, "ID² metric".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.centralize.inputs import Features, Labels, as_codes, as_rows, like
from edge.centralize.neighbors import parts

if TYPE_CHECKING:
    import torch

__all__ = ["identity_density"]


@overload
def identity_density(feats: ArrayLike, person_ids: Labels) -> NDArray[np.float32]: ...
@overload
def identity_density(feats: torch.Tensor, person_ids: Labels) -> torch.Tensor: ...
def identity_density(feats: Features, person_ids: Labels) -> object:
    """The squared distance of each feature to the centre of its identity.

    Features are L2-normalized; the centre is their mean, not normalized again. The set's ID² is the
    mean of what comes back. Summed from differences, so never negative (upstream's expansion gives
    -2e-7 where it should be 0). A row of zeros stays a row of zeros, as upstream.

    Args:
        feats: real numbers (n, d): an array or a tensor.
        person_ids: n labels; every value counts as an identity, -1 too.

    Returns:
        float32 (n,), 0 or more, of the kind and on the device of ``feats``.

    Raises:
        ValueError: wrong shapes, another number of labels, or a row (named) that is not finite.
        TypeError: no real numbers.
    """
    rows = as_rows(feats)
    codes = as_codes(person_ids, len(rows), "person_ids")
    _, identity, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    norms = np.maximum(np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True), 1e-12)
    order = np.argsort(identity, kind="stable")
    centres = np.empty((len(sizes), rows.shape[1]))
    for number, members in enumerate(np.split(order, np.cumsum(sizes)[:-1]) if len(rows) else []):
        centres[number] = (rows[members] / norms[members]).mean(axis=0)
    out = np.empty(len(rows), dtype=np.float32)
    for part in parts(len(rows)):
        apart = rows[part] / norms[part] - centres[identity[part]]
        out[part] = np.einsum("ij,ij->i", apart, apart)
    return like(out, feats)
