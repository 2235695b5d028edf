"""Files of weights: read without running anything they hold, and compared key by key.

A ``.pth`` or ``.bin`` file is a pickle, which could hold any code; only tensors are taken from it
(``weights_only=True``). A ``.safetensors`` file cannot hold code.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from edge.errors import MissingExtraError, ModelError

__all__ = ["describe_difference", "read_state", "shapes_of"]

Shapes = Mapping[str, tuple[int, ...]]

LISTED = 5  # keys that a message names; of the others it gives the number
WRAPPERS = ("state_dict", "model", "module")
PREFIX = "module."  # what data-parallel training puts before every key


def read_state(path: Path, *, lazy: bool = False) -> dict[str, torch.Tensor]:
    """Read a file of weights.

    Args:
        path: the file.
        lazy: leave the numbers on disk, where the format allows it: for a look at names and shapes. A
            process that uses such tensors dies when somebody changes the file.

    Raises:
        ModelError: the file is missing, empty, cut off, no file of weights, or holds code.
        MissingExtraError: it is a ``.safetensors`` file, and that package is not installed.
    """
    try:
        if path.stat().st_size == 0:
            raise ModelError(f"'{path}' is empty (0 bytes); copy it again")
    except FileNotFoundError:
        raise ModelError(f"there is no file '{path}'") from None
    except OSError as error:
        raise ModelError(f"'{path}' cannot be read: {error.strerror or error}") from None
    found = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path, lazy)
    for wrapper in WRAPPERS:
        if isinstance(found, dict) and len(found) <= 8 and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    if not isinstance(found, dict) or not found:
        raise ModelError(f"'{path}' holds no state dict (a mapping from names to tensors)")
    strangers = [key for key, value in found.items() if not isinstance(value, torch.Tensor)]
    if strangers:
        kind = type(found[strangers[0]]).__name__
        raise ModelError(f"'{path}' is no state dict: '{strangers[0]}' is no tensor but of type {kind}")
    named = all(key.startswith(PREFIX) for key in found)
    state = {key.removeprefix(PREFIX) if named else key: tensor for key, tensor in found.items()}
    if not lazy and path.suffix == ".safetensors":
        return {key: tensor.clone() for key, tensor in state.items()}
    return state


def shapes_of(state: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Name -> shape."""
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def describe_difference(found: Shapes, expected: Shapes) -> str:
    """What is missing, what is too many and what has another shape, in one line; empty: nothing."""
    missing = [key for key in expected if key not in found]
    unexpected = [key for key in found if key not in expected]
    other = [
        f"{key} is {list(found[key])}, not {list(shape)}"
        for key, shape in expected.items()
        if key in found and found[key] != shape
    ]
    parts = [
        f"{len(keys)} {what}: {_listed(keys)}"
        for keys, what in ((missing, "missing"), (unexpected, "unexpected"), (other, "of another shape"))
        if keys
    ]
    return "; ".join(parts)


def _listed(keys: Iterable[str]) -> str:
    every = sorted(keys)
    more = len(every) - LISTED
    return ", ".join(every[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _read_safetensors(path: Path) -> object:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"'{path}' needs the package 'safetensors'; pip install 'edge-reid[ipg]'"
        ) from None
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"'{path}' is cut off or no safetensors file ({_first_line(error)})") from None


def _read_pickle(path: Path, lazy: bool) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own remarks about formats
            try:
                return torch.load(path, map_location="cpu", weights_only=True, mmap=lazy)
            except RuntimeError as error:
                if "mmap" not in str(error):
                    raise
                return torch.load(path, map_location="cpu", weights_only=True)  # the format before 2020
    except pickle.UnpicklingError as error:
        if "weights_only" in str(error).lower() or "unsupported" in str(error).lower():
            raise ModelError(
                f"'{path}' is refused: it holds more than weights, and loading that could run code"
            ) from None
        raise ModelError(f"'{path}' is cut off or no file of weights ({_first_line(error)})") from None
    except (
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        OSError,
        AttributeError,
        UnicodeDecodeError,
    ) as error:
        raise ModelError(f"'{path}' is cut off or no file of weights ({_first_line(error)})") from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
