"""Whole exports of the networks that ship, and of yolox-nano, whose batch is fixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge.backends import Batch, check_ports, open_session
from edge.backends.pictures import InputBatch
from edge.config.catalog import load_card
from edge.config.weights import find_weights, locate_weights
from edge.errors import ConfigError, ExportError
from edge.export.graphs import read_graph
from edge.export.job import Order, Result, export


def quiet(line: str) -> None:
    pass


def run(name: str, order: Order) -> Result:
    card = load_card(name)
    if not locate_weights(card):
        pytest.skip(f"no weights of {name} here")
    return export(card, find_weights(card), order, quiet)


def outputs_of(
    card_or_path: str | Path, file: Path, image: np.ndarray, rows: int = 1
) -> dict[str, np.ndarray]:
    card = load_card(card_or_path)
    inputs = InputBatch(card.input, rows)
    for slot in range(rows):
        inputs.write(slot, image)
    session = open_session(file, backend="onnxruntime")
    check_ports(session, card)
    found = {key: value.copy() for key, value in session.run({card.input.name: inputs.view(rows)}).items()}
    session.close()
    return found


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (90, 50, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["demo-reid", "demo-detector"])
def test_in_half_precision_it_is_nearly_the_same_and_half_the_size(name: str, tmp_path: Path) -> None:
    result = run(name, Order(tmp_path / "half.onnx", "fp16"))
    assert result.rewritten is not None
    assert 0 < result.rewritten.max_rel <= 2e-2
    assert result.size_ratio < 0.56
    assert read_graph(result.file).graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_half_inputs_and_outputs_work_in_the_pipeline(tmp_path: Path, picture: np.ndarray) -> None:
    result = run("demo-reid", Order(tmp_path / "half.onnx", "fp16", half_io=True))
    found = outputs_of(result.card, result.file, picture)["embedding"]
    wanted = outputs_of("demo-reid", find_weights(load_card("demo-reid")), picture)["embedding"]
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, wanted, atol=2e-2 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["demo-reid", "osnet-x0-25", "demo-detector"])
def test_folded_preprocessing_takes_bytes_and_gives_the_same(
    name: str, tmp_path: Path, picture: np.ndarray
) -> None:
    result = run(name, Order(tmp_path / "folded.onnx", fold=True))
    found = outputs_of(result.card, result.file, picture)
    wanted = outputs_of(name, find_weights(load_card(name)), picture)
    assert load_card(result.card).input.dtype == "uint8"
    for key, array in wanted.items():
        np.testing.assert_allclose(found[key], array, atol=1e-4 * np.abs(array).max())


def test_a_folded_resize_gives_nearly_the_same(tmp_path: Path) -> None:
    result = run("demo-reid", Order(tmp_path / "sized.onnx", fold_resize_px=(96, 200)))
    card = load_card(result.card)
    assert (card.input.width, card.input.height) == (96, 200)
    assert 0 < result.rewritten.max_rel < 0.1


def test_a_resize_that_boxes_depend_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keeps the aspect ratio"):
        run("demo-detector", Order(tmp_path / "sized.onnx", fold_resize_px=(640, 360)))


def test_a_fixed_batch_becomes_free_and_each_row_is_as_before(tmp_path: Path) -> None:
    result = run("yolox-nano", Order(tmp_path / "free.onnx"))
    assert result.parity is not None
    assert result.parity.max_rel <= 1e-4
    assert load_card(result.card).batch is None


def test_a_free_batch_becomes_fixed(tmp_path: Path, picture: np.ndarray) -> None:
    result = run("demo-reid", Order(tmp_path / "four.onnx", batch=Batch(4, 4, 4)))
    card = load_card(result.card)
    assert (card.batch, card.name) == (4, "demo-reid-fp32-b4")
    found = outputs_of(result.card, result.file, picture, rows=4)["embedding"]
    wanted = outputs_of("demo-reid", find_weights(load_card("demo-reid")), picture)["embedding"]
    np.testing.assert_allclose(found, np.repeat(wanted, 4, axis=0), atol=1e-4)


def test_int8_reid_loses_at_most_a_point_and_is_a_third_of_the_size(
    tmp_path: Path, calibration: Path, market: Path
) -> None:
    result = run("demo-reid", Order(tmp_path / "int8.onnx", "int8", calibration=calibration, check=market))
    assert result.cost is not None
    assert result.cost.before > 0.3, "the set must be one on which something can be lost"
    assert result.cost.loss_points <= 1.0
    assert result.size_ratio <= 0.3
    assert result.operators["QuantizeLinear"] > 10
    fingerprint = load_card(result.card).fingerprint
    assert fingerprint.startswith("demo-reid-int8@")


def test_biases_stay_float_and_activations_have_no_zero_point(
    tmp_path: Path, calibration: Path, market: Path
) -> None:
    """What TensorRT can read."""
    result = run(
        "demo-reid",
        Order(tmp_path / "i.onnx", "int8", calibration=calibration, check=market, max_loss_points=99),
    )
    graph = read_graph(result.file).graph
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = constants[node.input[2]]
            assert zero.dtype == np.int8
            assert not zero.any()


def test_more_loss_than_allowed_writes_nothing(tmp_path: Path, calibration: Path, market: Path) -> None:
    order = Order(tmp_path / "int8.onnx", "int8", calibration=calibration, check=market, max_loss_points=-50)
    with pytest.raises(
        ExportError, match=r"loses .* points of map .*more than --max-loss -50; nothing was written"
    ):
        run("demo-reid", order)
    assert list(tmp_path.iterdir()) == []


def test_a_detector_in_int8_finds_what_it_found(tmp_path: Path, calibration: Path) -> None:
    order = Order(tmp_path / "int8.onnx", "int8", calibration=calibration, max_loss_points=10)
    result = run("demo-detector", order)
    assert result.cost.metric == "ap50_of_source"
    assert result.cost.after > 0.9


def test_int8_without_pictures_says_how_to_make_them(tmp_path: Path) -> None:
    order = Order(tmp_path / "int8.onnx", "int8", calibration=tmp_path / "none")
    with pytest.raises(ConfigError, match=r"draw some with 'edge site calibration'"):
        run("demo-reid", order)
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match="holds 0 pictures; INT8 needs 16 or more crops of people"):
        run("demo-reid", replace(order))
