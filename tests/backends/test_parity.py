"""Every backend computes what plain numpy computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.backends import BACKENDS, Port, Session, open_session
from edge.backends.session import DeviceArray, device_session
from edge.errors import MissingExtraError, RunError

# Compiling takes half a minute for each size: tests/backends/test_torch.py does it once, as a slow test.
NAMES = sorted(set(BACKENDS) - {"torch-compile"})

SmallNet = tuple[Path, NDArray[np.float32], NDArray[np.float32]]


def open_or_skip(path: Path, backend: str) -> Session:
    try:
        return open_session(path, backend=backend)
    except MissingExtraError as error:
        pytest.skip(f"not on this machine: {error}")


def reference(
    images: NDArray[np.float32], weights: NDArray[np.float32], biases: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The slow and obvious way: each output pixel is a sum over its 3x3 neighbourhood."""
    batch, _, height, width = images.shape
    conv = np.zeros((batch, len(weights), height - 2, width - 2))
    for top in range(height - 2):
        for left in range(width - 2):
            patch = images[:, None, :, top : top + 3, left : left + 3]
            conv[:, :, top, left] = (patch * weights[None]).sum(axis=(2, 3, 4)) + biases
    return np.maximum(conv, 0).mean(axis=(2, 3))


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_a_backend_agrees_with_numpy(backend: str, batch: int, small_net: SmallNet) -> None:
    path, weights, biases = small_net
    images = np.random.default_rng(batch).normal(size=(batch, 3, 8, 6)).astype(np.float32)
    session = open_or_skip(path, backend)
    outputs = session.run({"images": images})
    session.close()
    assert list(outputs) == ["features"]
    np.testing.assert_allclose(outputs["features"], reference(images, weights, biases), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", NAMES)
def test_a_backend_tells_its_ports(backend: str, small_net: SmallNet) -> None:
    session = open_or_skip(small_net[0], backend)
    assert session.inputs == (Port("images", (None, 3, 8, 6), "float32"),)
    assert session.outputs == (Port("features", (None, 5), "float32"),)
    session.close()


@pytest.mark.parametrize("backend", NAMES)
def test_rows_of_a_batch_do_not_influence_each_other(backend: str, small_net: SmallNet) -> None:
    images = np.random.default_rng(0).normal(size=(4, 3, 8, 6)).astype(np.float32)
    session = open_or_skip(small_net[0], backend)
    together = session.run({"images": images})["features"].copy()
    for row in range(4):
        alone = session.run({"images": images[row : row + 1]})["features"]
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-4, atol=1e-5)
    session.close()


@pytest.mark.parametrize("backend", NAMES)
def test_a_copied_output_survives_later_runs_and_close(backend: str, small_net: SmallNet) -> None:
    """The contract: views may be overwritten by the next run, copies never."""
    rng = np.random.default_rng(1)
    images = rng.normal(size=(4, 3, 8, 6)).astype(np.float32)
    session = open_or_skip(small_net[0], backend)
    kept = session.run({"images": images})["features"].copy()
    expected = kept.tolist()
    for _ in range(20):
        session.run({"images": rng.normal(size=(4, 3, 8, 6)).astype(np.float32)})
    session.close()
    assert kept.flags.owndata
    assert kept.tolist() == expected


@pytest.mark.parametrize("backend", NAMES)
def test_the_input_array_may_be_filled_again_at_once(backend: str, small_net: SmallNet) -> None:
    """Stages reuse one input array; so no output may share its memory, and no run may change it."""
    images = np.random.default_rng(2).normal(size=(2, 3, 8, 6)).astype(np.float32)
    before = images.copy()
    session = open_or_skip(small_net[0], backend)
    features = session.run({"images": images})["features"]
    expected = features.copy()
    np.testing.assert_array_equal(images, before)
    assert not np.shares_memory(features, images)
    images[:] = 0
    np.testing.assert_array_equal(features, expected)
    session.close()


def on_device(images: NDArray[np.float32], kind: str) -> tuple[DeviceArray, list[str]]:
    """The images in a device's memory; and what was done with them."""
    import torch

    done: list[str] = []
    tensor = torch.from_numpy(images).to(kind)
    return DeviceArray(
        tensor.data_ptr(), images.shape, "float32", tensor, lambda: done.append("waited")
    ), done


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("kind", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_backend_that_reads_a_devices_memory_finds_the_same_there(
    backend: str, kind: str, small_net: SmallNet
) -> None:
    path, weights, biases = small_net
    session = open_or_skip(path, backend)
    direct = device_session(session, kind)
    if direct is None:
        session.close()
        pytest.skip(f"{backend} does not read the memory of {kind}")
    images = np.random.default_rng(3).normal(size=(5, 3, 8, 6)).astype(np.float32)
    given, done = on_device(images, kind)
    features = direct.run_from_device({"images": given})["features"]
    np.testing.assert_allclose(features, reference(images, weights, biases), rtol=1e-4, atol=1e-5)
    assert done == ([] if backend == "torch" else ["waited"])  # torch itself computes in the same stream
    wrong, _ = on_device(images[:, :, :4], kind)
    with pytest.raises(RunError, match="input 'images' is float32"):
        direct.run_from_device({"images": wrong})
    with pytest.raises(RunError, match="'images'"):
        direct.run_from_device({})
    session.close()
    with pytest.raises(ValueError, match="closed session"):
        direct.run_from_device({"images": given})
