"""Tiny ONNX graphs, made here so that tests of the backends need no files from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MakeGraph = Callable[..., Path]


@pytest.fixture
def make_identity(tmp_path: Path) -> MakeGraph:
    """Factory of graphs whose output equals their input.

    Arguments: shape (strings are free dimensions), input name, output name, element type, file name.
    """

    def make(
        shape: tuple[str | int, ...] = ("batch", 3, 4, 2),
        source: str = "images",
        result: str = "output",
        element: int = TensorProto.FLOAT,
        file: str = "identity.onnx",
    ) -> Path:
        graph = helper.make_graph(
            [helper.make_node("Identity", [source], [result])],
            "identity",
            [helper.make_tensor_value_info(source, element, shape)],
            [helper.make_tensor_value_info(result, element, shape)],
        )
        return save(graph, tmp_path / file)

    return make


@pytest.fixture
def small_net(tmp_path: Path) -> tuple[Path, NDArray[np.float32], NDArray[np.float32]]:
    """A file with Conv(3x3, no padding) -> Relu -> mean over the picture; and its weights and biases.

    The batch is free. Input ``images`` (batch, 3, 8, 6), output ``features`` (batch, 5).
    """
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(5, 3, 3, 3)).astype(np.float32)
    biases = rng.normal(size=5).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["images", "weights", "biases"], ["conv"], kernel_shape=[3, 3]),
            helper.make_node("Relu", ["conv"], ["relu"]),
            helper.make_node("ReduceMean", ["relu"], ["features"], axes=[2, 3], keepdims=0),
        ],
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 8, 6])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 5])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(biases, "biases")],
    )
    return save(graph, tmp_path / "small.onnx"), weights, biases


@pytest.fixture
def external_net(tmp_path: Path) -> Path:
    """A graph whose weights are in ``weights.bin`` beside it."""
    matrix = numpy_helper.from_array(np.ones((3, 2000), np.float32), "matrix")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "matrix"], ["y"])],
        "external",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2000])],
        [matrix],
    )
    return save(
        graph,
        tmp_path / "external.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )


def save(graph: onnx.GraphProto, file: Path, **options: object) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, file, **options)
    return file
