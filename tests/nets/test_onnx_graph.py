"""Every network of the model cards computes the same in torch as in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.backends import open_session  # noqa: E402
from edge.config.catalog import list_cards  # noqa: E402
from edge.config.weights import locate_weights  # noqa: E402
from edge.errors import ModelError  # noqa: E402
from edge.nets.onnx_graph import read_onnx_net  # noqa: E402

CARDS = [card for card in list_cards() if card.file.endswith(".onnx")]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_torch_computes_what_onnx_runtime_computes(card) -> None:
    places = locate_weights(card)
    if not places:
        pytest.skip(f"no weights of {card.name} here")
    rows = card.batch or 2
    images = np.random.default_rng(1).integers(0, 256, (rows, *card.input_shape[1:])).astype(np.float32)
    images = (images * card.input.scale).astype(np.float32)
    outputs = []
    for backend in ("onnxruntime", "torch"):
        session = open_session(places[0], backend=backend, card_name=card.name)
        found = session.run({card.input.name: images})
        outputs.append({name: found[name].copy() for name in card.outputs})
        session.close()
    for name, wanted in outputs[0].items():
        off = np.abs(wanted - outputs[1][name]).max()
        assert off <= 1e-4 * np.abs(wanted).max(), name


def test_operators_that_are_not_known_are_named(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Erf", ["x"], ["e"]), onnx.helper.make_node("Tan", ["e"], ["y"])],
        "odd",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match="model 'my-net': the torch backend has no operator Erf, Tan;"):
        read_onnx_net(tmp_path / "odd.onnx", "my-net")


def test_half_a_file_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "half.onnx").write_bytes(b"\x08\x07\x12\x05onn")
    with pytest.raises(ModelError, match="no whole ONNX file"):
        read_onnx_net(tmp_path / "half.onnx", "my-net")
