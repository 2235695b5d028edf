"""The fidelity gate: does a generated picture show the person it was drawn from?

A picture is kept if its ReID feature is near enough to its reference's, and nearer to it than to any
reference of somebody else in the same batch.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Verdict", "judge"]


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What the gate says; row i of every array is picture i.

    kept: bool (n,)
    similarity: float32 (n,), cosine to the picture's own reference
    too_far: how many were rejected because that was below the threshold.
    like_another: how many others were rejected because they are nearer to somebody else.
    """

    kept: NDArray[np.bool_]
    similarity: NDArray[np.float32]
    too_far: int
    like_another: int


def judge(
    pictures: ArrayLike,
    owners: Sequence[int],
    references: ArrayLike,
    people: Sequence[Hashable],
    *,
    similarity_min: float,
) -> Verdict:
    """Decide which generated pictures are kept.

    Args:
        pictures: float (n, d), ReID features of the pictures; any length.
        owners: for each picture the row of its reference.
        references: float (m, d), ReID features of the references.
        people: for each reference who it shows; references of one person do not compete.
        similarity_min: least cosine to the own reference.

    Raises:
        ValueError: shapes that do not fit, or an owner that is no row of ``references``.
    """
    drawn, real = _unit_rows(pictures), _unit_rows(references)
    if drawn.shape[1] != real.shape[1] and len(drawn):
        raise ValueError(f"pictures have {drawn.shape[1]} numbers each, references {real.shape[1]}")
    if len(owners) != len(drawn) or len(people) != len(real):
        raise ValueError(
            f"{len(drawn)} pictures, {len(owners)} owners; {len(real)} references, {len(people)} people"
        )
    if any(not 0 <= owner < len(real) for owner in owners):
        raise ValueError(f"an owner must be within 0 and {len(real) - 1}")
    if not len(drawn):
        return Verdict(np.zeros(0, bool), np.zeros(0, np.float32), 0, 0)
    own = np.asarray(owners, dtype=np.int64)
    numbers: dict[Hashable, int] = {}
    person = np.array([numbers.setdefault(one, len(numbers)) for one in people])
    cosines = drawn @ real.T
    similarity = cosines[np.arange(len(drawn)), own]
    others = np.where(person[None, :] == person[own][:, None], -np.inf, cosines).max(axis=1)
    near = similarity >= similarity_min  # False for NaN
    nearest = similarity >= others
    return Verdict(
        kept=near & nearest,
        similarity=similarity.astype(np.float32),
        too_far=int((~near).sum()),
        like_another=int((near & ~nearest).sum()),
    )


def _unit_rows(rows: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"features must have two dimensions, got shape {array.shape}")
    unit: NDArray[np.float64] = array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-12)
    return unit
