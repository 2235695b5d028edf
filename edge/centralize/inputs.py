"""What the functions of this package accept: arrays and tensors, checked before anything is computed.

Torch is never imported here: a tensor can only come from somebody who has imported it already.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import torch

__all__ = [
    "Features",
    "Labels",
    "as_codes",
    "as_rows",
    "check_count",
    "is_tensor",
    "like",
    "place_of",
    "to_numpy",
]

Features: TypeAlias = "ArrayLike | torch.Tensor"
Labels: TypeAlias = "Sequence[object] | NDArray[np.generic] | torch.Tensor"

# Above this one number's share of a squared distance may overflow float64.
LARGEST = 1e150
# A row with nothing larger is noise around zero (upstream's epsilon).
SMALLEST = 1e-12


def is_tensor(value: object) -> TypeGuard[torch.Tensor]:
    """True for a torch tensor; without torch nothing is one."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def place_of(value: object) -> str:
    """Where it lies: ``numpy``, or the device of a tensor (``cpu``, ``cuda:0``)."""
    return str(value.device) if is_tensor(value) else "numpy"


def to_numpy(value: object) -> NDArray[np.generic]:
    """An array of the same numbers; shares memory where it can (half precision becomes float32)."""
    if not is_tensor(value):
        return np.asarray(value)
    tensor = value.detach()
    if str(tensor.device) == "meta":
        raise ValueError("a tensor on the device 'meta' has no values")
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()
    return np.asarray(tensor.cpu().numpy())


def like(result: NDArray[np.float32], given: Features) -> object:
    """The result as what was given: an array, or a tensor on the same device."""
    if not is_tensor(given):
        return result
    import torch

    return torch.from_numpy(result).to(given.device)


def as_rows(
    feats: Features, name: str = "feats", *, dimensions: int = 2, nonzero: bool = False
) -> NDArray[np.floating]:
    """Check features and give them as floating point, not copied where they are already.

    Args:
        feats: real numbers, (n, d) or what ``dimensions`` says; the last axis is the feature.
        name: how messages call it.
        dimensions: how many axes it must have.
        nonzero: refuse rows of zeros, which have no direction.

    Returns:
        float32 or float64, of the same shape.

    Raises:
        ValueError: the shape is wrong, or a row (named) is not finite, zero, or too large to square.
        TypeError: it holds no real numbers.
    """
    rows = to_numpy(feats)
    if rows.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {rows.dtype}")
    if rows.ndim != dimensions:
        words = {1: "one dimension (d)", 2: "two dimensions (n, d)", 3: "three dimensions (n, m, d)"}
        raise ValueError(f"{name} must have {words[dimensions]}, got shape {rows.shape}")
    if rows.shape[-1] == 0:
        raise ValueError(f"{name} must have at least one column, got shape {rows.shape}")
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float32 if rows.dtype == np.float16 else np.float64)
    finite = np.isfinite(rows).all(axis=-1)
    if not finite.all():
        raise ValueError(f"{name} must be finite; {_first(~finite)} is not")
    if rows.dtype == np.float64 and rows.size and float(np.abs(rows).max()) > LARGEST:
        large = (np.abs(rows) > LARGEST).any(axis=-1)
        raise ValueError(f"{name} must be below {LARGEST:g}; {_first(large)} is not")
    if nonzero:
        zero = (np.abs(rows) < SMALLEST).all(axis=-1)
        if zero.any():
            raise ValueError(f"{name} must have a direction; {_first(zero)} is all zeros")
    return np.asarray(rows)


def as_codes(labels: object, count: int, name: str) -> NDArray[np.int64]:
    """Number the labels; equal labels get equal numbers, and each None a number of its own.

    Args:
        labels: ``count`` hashable labels: a list, array or tensor.
        count: how many there must be.
        name: how messages call them.

    Returns:
        int64 (count,)

    Raises:
        ValueError: another number of labels, more than one axis, or a label that is not equal to itself.
    """
    if is_tensor(labels):
        labels = to_numpy(labels)
    if isinstance(labels, np.ndarray):
        if labels.ndim != 1:
            raise ValueError(f"{name} must have one dimension, got shape {labels.shape}")
        labels = labels.tolist()
    if not isinstance(labels, Iterable) or isinstance(labels, (str, bytes)):
        raise TypeError(f"{name} must be a sequence of labels, got {type(labels).__name__}")
    listed = list(labels)
    if len(listed) != count:
        raise ValueError(f"{name} must have one label for each of {count} rows, got {len(listed)}")
    numbers: dict[object, int] = {}
    codes = np.empty(count, dtype=np.int64)
    for place, label in enumerate(listed):
        if label is None:
            codes[place] = -1 - place
            continue
        if label != label:
            raise ValueError(f"{name} must be equal to themselves; label {place} is {label!r}")
        codes[place] = numbers.setdefault(label, len(numbers))
    return codes


def check_count(value: int, name: str, *, least: int = 1) -> int:
    """A whole number of at least ``least``, or an error that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be {least} or more, got {value}")
    return int(value)


def _first(bad: NDArray[np.bool_]) -> str:
    """The first place that is bad, in words."""
    if bad.ndim == 0:
        return "it"
    place = [int(axis[0]) for axis in np.nonzero(bad)]
    return f"row {place[0]}" if len(place) == 1 else f"row {tuple(place)}"
