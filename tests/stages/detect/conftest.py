"""Networks with known answers, for the tests of the detect stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.backends import Session, open_session
from edge.config.card import ModelCard
from edge.records import Frame

ConstantNetwork = Callable[..., Session]


@pytest.fixture
def constant_network(tmp_path: Path) -> ConstantNetwork:
    """Writes a real ONNX file that answers every picture with the same arrays, and opens it.

    Called with the outputs by name, each of shape (batch, …), and the card's input name and shape.
    """

    def build(outputs: Mapping[str, np.ndarray], input_name: str, input_shape: tuple[Any, ...]) -> Session:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        element = TensorProto.FLOAT
        graph = helper.make_graph(
            [
                helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
                for name, array in outputs.items()
            ],
            "constant",
            [helper.make_tensor_value_info(input_name, element, list(input_shape))],
            [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
                for name, array in outputs.items()
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        path = tmp_path / "constant.onnx"
        path.write_bytes(model.SerializeToString())
        return open_session(path, backend="onnxruntime")

    return build


@pytest.fixture
def make_card() -> Callable[..., ModelCard]:
    """A detector's card; keywords replace parts of it, ``input`` and ``options`` parts of those."""

    def make(
        decoder: str,
        outputs: Mapping[str, tuple[int | None, ...]],
        *,
        input: Mapping[str, object] | None = None,
        options: Mapping[str, object] | None = None,
        **others: object,
    ) -> ModelCard:
        return ModelCard.model_validate(
            {
                "name": "test-net",
                "task": "detect",
                "file": "constant.onnx",
                "bytes": 1,
                "sha256": "0" * 64,
                "licence": "none",
                "origin": "a test",
                "input": {
                    "name": "images",
                    "width": 640,
                    "height": 640,
                    "resize": "letterbox",
                    "colour": "rgb",
                    **(input or {}),
                },
                "outputs": dict(outputs),
                "decoder": decoder,
                "decoder_options": dict(options or {}),
                "score_min": 0.25,
                "nms_iou": 0.5,
                **others,
            }
        )

    return make


@pytest.fixture
def make_frame() -> Callable[..., Frame]:
    """A frame with the given picture, or a grey one of the given size."""

    def make(image: np.ndarray | None = None, *, width: int = 64, height: int = 48, number: int = 1) -> Frame:
        if image is None:
            image = np.full((height, width, 3), 127, dtype=np.uint8)
        return Frame("door", number, 0, number / 10, number * 100_000_000, image)

    return make
