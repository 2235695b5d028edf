"""Exact nearest neighbours, block by block: the speed of float32, the answers of float64.

A block of rows is compared with all rows by one float32 matrix product. The k largest values decide,
except where the k-th and the next are closer than float32 can tell (the bound is the rounding analysis
of a dot product, so it holds whatever the order of summation): there the squared distances of what is in
doubt are summed from differences in float64, and exact ties go to the lower index. Thousands in doubt in
one row (copies, collapsed features) are thinned out by a float64 product first.

Memory: one float32 copy of the rows and one block, never (n, n).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.centralize.inputs import is_tensor, place_of, to_numpy

__all__ = [
    "Allowed",
    "Constraint",
    "Indices",
    "Rows",
    "block_rows",
    "first_nearest",
    "mutual",
    "nearest",
    "parts",
    "squared_distances",
]

Indices: TypeAlias = NDArray[np.int64]
Constraint: TypeAlias = Callable[[Indices], NDArray[np.bool_]]

BLOCK_BYTES = 80 * 2**20
FEWEST_ROWS, MOST_ROWS = 256, 4096
# So many rows in doubt are compared one by one; more are thinned out by a float64 product first.
FEW = 64
# From so many neighbours on, partitioning a row is faster than looking for its largest so many times.
MANY_NEIGHBOURS = 48
UNIT_ROUNDOFF_32, UNIT_ROUNDOFF_64 = 2.0**-24, 2.0**-53


class Rows:
    """Features made ready for comparison.

    quick: float32 (n, d) what blocks are multiplied from: unit rows, or centred and scaled ones
    bias:  float32 (n,) or None: half the squared norms, where they differ
    doubt: float32 (n,) how wrong a value of the block may be

    Args:
        feats: float32 or float64 (n, d), finite; kept, not changed.
        normalize: compare directions; a row of zeros stays as it is.
    """

    def __init__(self, feats: NDArray[np.floating], *, normalize: bool) -> None:
        self.feats = feats
        self.count, self.dimensions = feats.shape
        self.norms: NDArray[np.float64] | None = None
        self.bias: NDArray[np.float32] | None = None
        self.quick = np.empty(feats.shape, dtype=np.float32)
        self._classes: Indices | None = None
        self._rounding = float(self.dimensions + 8)
        if normalize:
            norms = np.empty(self.count)
            for part in parts(self.count):
                norms[part] = _norms(feats[part].astype(np.float64, copy=False))
            self.norms = norms
            self._centre, self._scale, self._size = np.zeros(self.dimensions), 1.0, np.ones(self.count)
            self._raw_size = 1.0
            for part in parts(self.count):
                self.quick[part] = self.exact(part)
        else:
            self._centre = feats.mean(axis=0, dtype=np.float64) if self.count else np.zeros(self.dimensions)
            sizes = np.empty(self.count)
            for part in parts(self.count):
                sizes[part] = np.linalg.norm(feats[part] - self._centre, axis=1)
            largest = float(sizes.max()) if self.count else 0.0
            self._scale = 1.0 / largest if largest > 0.0 else 1.0
            self._size = sizes * self._scale
            self._raw_size = (float(np.abs(self._centre).max(initial=0.0)) + largest) * self._scale
            for part in parts(self.count):
                self.quick[part] = self.placed(part)
            self.bias = (0.5 * self._size**2).astype(np.float32)
        self.doubt = self._doubt(UNIT_ROUNDOFF_32)

    def exact(self, which: slice | Indices) -> NDArray[np.float64]:
        """Rows in float64: unit rows where directions are compared, else as they came."""
        rows = self.feats[which].astype(np.float64)
        if self.norms is not None:
            rows /= np.maximum(self.norms[which], 1e-12)[:, None]
        return rows

    def placed(self, which: slice | Indices) -> NDArray[np.float64]:
        """Rows in float64, centred and scaled as in ``quick``."""
        rows = self.exact(which)
        if self.norms is None:
            rows -= self._centre
            rows *= self._scale
        return rows

    def forget_quick(self) -> None:
        """Give back the memory of ``quick``, which nothing needs once neighbours are known."""
        self.quick = np.empty((0, self.dimensions), dtype=np.float32)

    def doubt_64(self) -> NDArray[np.float64]:
        """As ``doubt``, for a product in float64."""
        return self._doubt(UNIT_ROUNDOFF_64).astype(np.float64)

    def classes(self) -> Indices:
        """A number for each row; copies of a row have the same number."""
        if self._classes is None:
            seen: dict[bytes, int] = {}
            self._classes = np.array(
                [seen.setdefault(row.tobytes(), len(seen)) for row in self.feats], np.int64
            )
        return self._classes

    def _doubt(self, roundoff: float) -> NDArray[np.float64]:
        """Bound of the error of ``x_i . x_j - |x_j|^2 / 2`` over all j, where no |x_j| exceeds 1.

        (d + 8) u |x_i| for the product and the rounding of both factors, 4 u for the bias and its
        subtraction, and what centring in float64 lost.
        """
        centring = 4.0 * UNIT_ROUNDOFF_64 * self._raw_size
        bias = 0.0 if self.norms is not None else 4.0
        error = roundoff * (self._rounding * self._size + bias * (1.0 + self._size))
        return np.asarray(1.01 * error + centring * (1.0 + self._size) + 1e-37)


class Allowed:
    """Who may be whose neighbour: never oneself, and only whom the caller allows.

    Args:
        count: number of rows n.
        allowed: bool (n, n), array or tensor; or a function that gets row numbers, int64 (b,), and
            gives bool (b, n); or None.
        codes: int64 (n,), rows with equal numbers are not neighbours; or None.
        place: where the features lie, see :func:`edge.centralize.inputs.place_of`.

    Raises:
        ValueError: a wrong shape, or a tensor on another device.
        TypeError: not boolean.
    """

    def __init__(self, count: int, allowed: object, codes: Indices | None, place: str = "numpy") -> None:
        self.codes = codes
        self._count = count
        self._ask: Constraint | None = None
        self._given: NDArray[np.bool_] | None = None
        if allowed is None:
            return
        if callable(allowed) and not is_tensor(allowed):
            self._ask = allowed
            return
        if is_tensor(allowed):
            where = place_of(allowed)
            if where != place and (where, place) != ("cpu", "numpy"):
                raise ValueError(f"allowed lies on {where}, feats on {place}; they must lie together")
            if where != "cpu":  # it stays on the device, where it is used
                self._check(allowed, count, "allowed must")
                return
        self._given = self._checked(allowed, count, "allowed must")

    def block(self, low: int, high: int) -> NDArray[np.bool_] | None:
        """What the rows low to high may have as neighbours: bool (high - low, n); None: everyone."""
        may = self.asked(low, high)
        if self.codes is not None:
            others = self.codes[low:high, None] != self.codes[None, :]
            may = others if may is None else others & may
        return may

    def asked(self, low: int, high: int) -> NDArray[np.bool_] | None:
        """As :meth:`block`, without the codes."""
        if self._given is not None:
            return self._given[low:high]
        if self._ask is None:
            return None
        answer = self._ask(np.arange(low, high, dtype=np.int64))
        return self._checked(answer, high - low, f"what allowed gives for rows {low} to {high - 1} must")

    def _checked(self, given: object, rows: int, who: str) -> NDArray[np.bool_]:
        array = given if is_tensor(given) else np.asarray(given)
        self._check(array, rows, who)
        return np.asarray(to_numpy(array), dtype=np.bool_)

    def _check(self, given: object, rows: int, who: str) -> None:
        shape, dtype = tuple(getattr(given, "shape", ())), str(getattr(given, "dtype", type(given)))
        if shape != (rows, self._count):
            raise ValueError(f"{who} have shape ({rows}, {self._count}), got {shape}")
        if dtype not in ("bool", "torch.bool"):
            raise TypeError(f"{who} be boolean, got dtype {dtype}")


def nearest(rows: Rows, borders: Sequence[int], allowed: Allowed, *, torch: bool = False) -> Indices:
    """The nearest allowed rows of each row.

    Args:
        rows: what is compared.
        borders: for each of these k the set of the first k columns is exact; their order within is
            that of float32.
        allowed: who may be whose neighbour.
        torch: multiply with torch, which is loaded already, and not with NumPy.

    Returns:
        int64 (n, k) with the largest k of ``borders``, nearest first; -1 where there are fewer.
    """
    count = rows.count
    borders = sorted({min(k, count) for k in borders})
    k = max(borders, default=0)
    near = np.full((count, k), -1, dtype=np.int64)
    step = block_rows(count)
    buffer = np.empty((min(step, count), count), dtype=np.float32)
    multiply = _product(rows.quick, torch)
    for low in range(0, count, step):
        high = min(low + step, count)
        block = buffer[: high - low]
        multiply(low, high, block)
        if rows.bias is not None:
            block -= rows.bias
        may = allowed.block(low, high)
        if may is not None:
            block[~may] = -np.inf
        block[np.arange(high - low), np.arange(low, high)] = -np.inf
        values, found = largest(block, min(k + 1, count))
        near[low:high] = np.where(np.isfinite(values[:, :k]), found[:, :k], -1)
        twice = 2.0 * rows.doubt[low:high]
        unsure = np.flatnonzero(in_doubt(values, borders, twice))
        if unsure.size:
            near[low + unsure] = _settle(rows, block, low, unsure, values[unsure, k - 1] - twice[unsure], k)
    return near


def _product(
    quick: NDArray[np.float32], with_torch: bool
) -> Callable[[int, int, NDArray[np.float32]], object]:
    """A function that writes the products of rows low to high with all rows into a block."""
    if with_torch:
        import torch

        if torch.get_float32_matmul_precision() == "highest":  # else it may round more than is accounted for
            rows = torch.from_numpy(quick)
            return lambda low, high, out: torch.mm(rows[low:high], rows.T, out=torch.from_numpy(out))
    return lambda low, high, out: np.matmul(quick[low:high], quick.T, out=out)


def in_doubt(
    values: NDArray[np.floating], borders: Sequence[int], twice: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Rows where some k-th value and the next are too close to tell.

    Args:
        values: (b, m) the largest, largest first.
        borders: the k.
        twice: (b,) twice the bound of the error.
    """
    unsure = np.zeros(len(values), dtype=bool)
    for k in borders:
        if k < values.shape[1]:
            # -inf is nobody, and nobody is never in doubt.
            unsure |= np.isfinite(values[:, k]) & (values[:, k] >= values[:, k - 1] - twice)
    return unsure


def largest(block: NDArray[np.floating], k: int) -> tuple[NDArray[np.floating], Indices]:
    """The k largest of each row, largest first: values and columns, (b, k) each."""
    every = np.arange(len(block))
    if k > MANY_NEIGHBOURS:
        columns = block.shape[1]
        some = np.argpartition(block, columns - k, axis=1)[:, columns - k :]
        order = np.argsort(-np.take_along_axis(block, some, axis=1), axis=1, kind="stable")
        found = np.take_along_axis(some, order, axis=1)
        return np.take_along_axis(block, found, axis=1), found
    found = np.empty((len(block), k), dtype=np.int64)
    values = np.empty((len(block), k), dtype=block.dtype)
    for place in range(k):
        column = block.argmax(axis=1)
        found[:, place] = column
        values[:, place] = block[every, column]
        block[every, column] = -np.inf
    for place in reversed(range(k)):  # where a row ran out, its column 0 was taken twice: first value last
        block[every, found[:, place]] = values[:, place]
    return values, found


def _settle(
    rows: Rows,
    block: NDArray[np.float32],
    low: int,
    unsure: Indices,
    least: NDArray[np.floating],
    k: int,
) -> Indices:
    """The k nearest of the rows in doubt: int64 (u, k).

    Args:
        rows: what is compared.
        block: the values, (b, n); -inf where not allowed.
        low: number of the block's first row.
        unsure: which rows of the block.
        least: (u,) what a column must have to be considered.
        k: how many.
    """
    out = np.full((len(unsure), k), -1, dtype=np.int64)
    crowded = []
    for place, (row, value) in enumerate(zip(unsure, least, strict=True)):
        seen = block[row] >= value if np.isfinite(value) else np.isfinite(block[row])
        candidates = np.flatnonzero(seen)
        if len(candidates) > max(FEW, 2 * k):
            crowded.append(place)
            continue
        best = first_nearest(rows, low + int(row), candidates, k)
        out[place, : len(best)] = best
    step = max(1, len(block) // 4)
    for start in range(0, len(crowded), step):
        some = np.array(crowded[start : start + step])
        for place, candidates in zip(some, _thinned(rows, block, low, unsure[some], k), strict=True):
            best = first_nearest(rows, low + int(unsure[place]), candidates, k)
            out[place, : len(best)] = best
    return out


def _thinned(
    rows: Rows, block: NDArray[np.float32], low: int, which: Indices, k: int
) -> list[NDArray[np.int64]]:
    """For each of some rows: who float64 cannot exclude from its k nearest."""
    values = np.empty((len(which), rows.count))
    asked = rows.placed(low + which)
    for part in parts(rows.count):
        others = rows.placed(part)
        values[:, part] = asked @ others.T
        if rows.norms is None:
            values[:, part] -= 0.5 * np.einsum("ij,ij->i", others, others)
    values[~np.isfinite(block[which])] = -np.inf
    kth = largest(values, min(k, rows.count))[0][:, -1]
    least = kth - 2.0 * rows.doubt_64()[low + which]
    return [
        np.flatnonzero(row >= value if np.isfinite(value) else np.isfinite(row))
        for row, value in zip(values, least, strict=True)
    ]


def first_nearest(rows: Rows, row: int, candidates: Indices, k: int) -> Indices:
    """The k nearest of the candidates, nearest first, exact ties by index (candidates ascend)."""
    chosen, back = candidates, None
    if len(candidates) > FEW:  # copies lie equally far: one of them is enough
        _, first, back = np.unique(rows.classes()[candidates], return_index=True, return_inverse=True)
        chosen = candidates[first]
    one = rows.exact(np.array([row]))[0]
    apart = np.concatenate(
        [squared_distances(rows.exact(chosen[part]), one) for part in parts(len(chosen), 4096)]
        or [np.zeros(0)]
    )
    if back is not None:
        apart = apart[back]
    return candidates[np.argsort(apart, kind="stable")[:k]]


def squared_distances(rows: NDArray[np.float64], one: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of squared differences, (m, d) and (d,) to (m,): equal for copies, zero only for equals."""
    apart = rows - one
    return np.asarray(np.einsum("ij,ij->i", apart, apart))


def mutual(near: Indices, k2: int) -> NDArray[np.bool_]:
    """Where the neighbour sees the row among its first ``k2``: bool (n, k1)."""
    own = np.arange(len(near))[:, None]
    out = np.zeros(near.shape, dtype=bool)
    for place in range(near.shape[1]):
        other = near[:, place]
        out[:, place] = (other >= 0) & (near[other, :k2] == own).any(axis=1)
    return out


def block_rows(count: int) -> int:
    """How many rows a block has, so that a float32 block is of about ``BLOCK_BYTES``."""
    return int(min(max(BLOCK_BYTES // (4 * max(count, 1)), FEWEST_ROWS), MOST_ROWS))


def parts(count: int, size: int = 256) -> list[slice]:
    """Slices that cover ``count`` rows; few enough for float64 copies of them to stay in the cache."""
    return [slice(low, min(low + size, count)) for low in range(0, count, size)]


def _norms(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(rows, axis=1))
