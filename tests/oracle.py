"""What upstream gave: recorded arrays, and the synthetic weights they were recorded with."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch

FOLDER = "oracle"


def oracle_file(shared: Path, name: str) -> Path:
    """A recorded file; skips the test where it is missing."""
    path = shared / FOLDER / name
    if not path.is_file():
        pytest.skip(f"no recording at {path}")
    return path


def arrays(shared: Path, name: str) -> Any:
    return np.load(oracle_file(shared, name))


def manifest(shared: Path, name: str) -> dict[str, Any]:
    path = oracle_file(shared, name)
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)  # type: ignore[no-any-return]


def shapes_of(part: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value["shape"]) for key, value in part["params"].items()}


def weight(prefix: str, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The value of one entry of a state dict, which follows from its name and shape alone."""
    leaf = key.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    draw = np.random.RandomState(zlib.crc32(f"{prefix}/{key}".encode())).standard_normal(shape)
    if leaf == "running_var":
        value = 1 + 0.2 * np.abs(draw)
    elif leaf == "running_mean":
        value = 0.1 * draw
    elif len(shape) < 2:
        value = 1 + 0.1 * draw if leaf == "weight" else 0.05 * draw
    elif leaf == "weight":
        value = draw / math.sqrt(math.prod(shape[1:]))
    else:
        value = 0.2 * draw
    return np.asarray(value, np.float32)


def fill(module: torch.nn.Module, part: dict[str, Any]) -> None:
    """Give a net the weights of the rule; keys and shapes are the manifest's, strictly."""
    import torch

    shapes = shapes_of(part)
    own = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    assert own == shapes
    state = {
        key: torch.from_numpy(np.asarray(weight(part["prefix"], key, shape))) for key, shape in shapes.items()
    }
    module.load_state_dict(state, strict=True, assign=True)
    module.requires_grad_(False).eval()


def check_rule(part: dict[str, Any]) -> None:
    """That this file's copy of the rule gives the recorded samples."""
    for key, sample in part["rule_samples"].items():
        value = weight(part["prefix"], key, tuple(part["params"][key]["shape"])).ravel()
        np.testing.assert_allclose([*value[:3], value[-1]], sample, rtol=1e-6)
