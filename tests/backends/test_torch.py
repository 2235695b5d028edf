from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.backends.torch import TorchCompiledSession, TorchSession  # noqa: E402
from edge.errors import ModelError, RunError  # noqa: E402

SmallNet = tuple[Path, np.ndarray, np.ndarray]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_compiled_it_computes_the_same_in_several_batches(small_net: SmallNet) -> None:
    eager, compiled = TorchSession(small_net[0]), TorchCompiledSession(small_net[0])
    for rows in (1, 2, 1):
        images = np.random.default_rng(rows).normal(size=(rows, 3, 8, 6)).astype(np.float32)
        outputs = [session.run({"images": images})["features"] for session in (eager, compiled)]
        np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-5)


def test_a_file_of_another_kind_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"opens \.onnx, \.pth and \.safetensors"):
        TorchSession(tmp_path / "net.tflite")


@pytest.mark.parametrize(
    "feeds",
    [{}, {"images": np.zeros((1, 3, 9, 6), np.float32)}, {"images": np.zeros((1, 3, 8, 6))}],
    ids=["nothing", "shape", "dtype"],
)
def test_a_wrong_feed_is_a_run_error(small_net: SmallNet, feeds: dict[str, np.ndarray]) -> None:
    with pytest.raises(RunError, match="model 'net'"):
        TorchSession(small_net[0], card_name="net").run(feeds)


def test_a_closed_session_does_not_run(small_net: SmallNet) -> None:
    session = TorchSession(small_net[0])
    session.close()
    session.close()
    with pytest.raises(ValueError, match="closed"):
        session.run({"images": np.zeros((1, 3, 8, 6), np.float32)})
