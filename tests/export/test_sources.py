"""Torch networks become graphs that compute the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")

import small_ipg  # noqa: E402
from small_ipg import SIZES, write_small_folder  # noqa: E402

from edge.backends import Session, check_ports, open_session  # noqa: E402
from edge.config.catalog import load_card  # noqa: E402
from edge.config.weights import identified, verify  # noqa: E402
from edge.errors import ConfigError, ExportError, ModelError  # noqa: E402
from edge.export import job  # noqa: E402
from edge.export.graphs import free_batch, read_graph  # noqa: E402
from edge.export.job import Order, export, export_unet  # noqa: E402
from edge.export.sources import Source, from_onnx  # noqa: E402
from edge.nets.export import trace_onnx  # noqa: E402

pytestmark = pytest.mark.timeout(400)  # tracing a UNet takes long on a busy machine

TWO_BLOCKS = {
    "block_out_channels": [8, 16],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(small_ipg.SIZES, "unet", SIZES["unet"] | TWO_BLOCKS)
        return write_small_folder(tmp_path_factory.mktemp("ipg"))


@pytest.fixture(scope="module")
def unet(weights: Path, tmp_path_factory: pytest.TempPathFactory):
    return export_unet(weights, Order(tmp_path_factory.mktemp("unet") / "unet.onnx"))


def test_the_unet_with_its_bank_as_inputs_computes_what_torch_computes(unet) -> None:
    assert unet.parity.max_rel <= 1e-4
    names = [port.name for port in read_graph(unet.file).graph.input]
    assert names[:5] == ["latents", "time", "embeds", "pose", "reference"]
    layers = len(names[5:]) // 2
    assert names[5:] == [f"{kind}_{k}" for k in range(layers) for kind in ("key", "value")]


def feeds_of(session: Session, rows: int, references: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {}
    for port in session.inputs:
        free = references if port.name.startswith(("key_", "value_")) else rows
        shape = tuple(free if size is None else size for size in port.shape)
        made[port.name] = rng.normal(size=shape).astype(port.dtype)
    return made | {"time": np.array(300)}


def test_rows_of_the_unet_may_be_any_number_and_look_at_any_reference(unet) -> None:
    """Each row alone is what it is in a batch, and a row without a reference does not see the bank."""
    session = open_session(unet.file, backend="onnxruntime")
    given = feeds_of(session, 3, 2) | {"reference": np.array([1, -1, 0])}
    together = session.run(given)["prediction"].copy()
    for row in range(3):
        per_row = ("latents", "embeds", "pose", "reference")
        alone = {name: array[row : row + 1] if name in per_row else array for name, array in given.items()}
        np.testing.assert_allclose(session.run(alone)["prediction"][0], together[row], atol=1e-4)
    bank = {name: array + 1 for name, array in given.items() if name.startswith(("key_", "value_"))}
    changed = session.run(given | bank)["prediction"]
    np.testing.assert_allclose(changed[1], together[1], atol=1e-5)
    assert np.abs(changed[0] - together[0]).max() > 1e-4
    session.close()


def test_the_unet_in_half_precision_is_nearly_the_same(
    unet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(unet.file, backend="onnxruntime")
    feeds = feeds_of(session, 2, 1) | {"reference": np.array([-1, 0])}
    session.close()
    traced = Source(read_graph(unet.file), unet.parity, feeds, "")  # tracing takes longest, once is enough
    monkeypatch.setattr(job, "from_unet", lambda folder, scratch: traced)
    result = export_unet(tmp_path, Order(tmp_path / "half.onnx", "fp16"))
    assert 0 < result.rewritten.max_rel <= 2e-2
    halves = [
        one for one in read_graph(result.file).graph.initializer if one.data_type == onnx.TensorProto.FLOAT16
    ]
    assert len(halves) > 20


def test_the_unet_in_int8_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fp32 or fp16"):
        export_unet(weights, Order(tmp_path / "int8.onnx", "int8"))


def test_transreid_becomes_a_graph_with_a_card_of_its_sizes(weights: Path, tmp_path: Path) -> None:
    card = load_card("transreid")
    result = export(card, verify(card, weights / card.file), Order(tmp_path / "t.onnx"), lambda line: None)
    assert result.parity.max_rel <= 1e-4
    exported = load_card(result.card)
    high, wide = SIZES["reid"]["picture_px"]
    assert (exported.input.height, exported.input.width) == (high, wide)
    session = open_session(result.file, backend="onnxruntime")
    check_ports(session, exported)
    session.close()


def test_transreid_runs_from_its_own_weights_as_its_export_does(weights: Path, tmp_path: Path) -> None:
    card = load_card("transreid")
    result = export(card, weights / card.file, Order(tmp_path / "t.onnx"), lambda line: None)
    images = np.random.default_rng(1).normal(size=(3, 3, *SIZES["reid"]["picture_px"])).astype(np.float32)
    found = []
    for path in (weights / card.file, result.file):
        session = open_session(path)
        found.append(session.run({"pictures": images})["embedding"].copy())
        session.close()
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


def test_embeddings_of_other_transreid_weights_have_another_fingerprint(
    weights: Path, tmp_path: Path
) -> None:
    card = load_card("transreid")
    assert card.fingerprint == "transreid@unknown"
    own = identified(card, weights / card.file).fingerprint
    other = write_small_folder(tmp_path / "other", seed=1)
    assert own != identified(card, other / card.file).fingerprint
    assert own != card.fingerprint


def test_another_networks_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    wrong = replace_file(weights, tmp_path, "IFR.pth")
    with pytest.raises(ModelError, match="is not the reid net's"):
        export(load_card("transreid"), wrong, Order(tmp_path / "t.onnx"), lambda line: None)


def replace_file(weights: Path, folder: Path, name: str) -> Path:
    """A folder whose TransReID is another network's file."""
    (folder / "ipg.json").write_bytes((weights / "ipg.json").read_bytes())
    target = folder / "transformer_20.pth"
    target.write_bytes((weights / name).read_bytes())
    return target


def test_an_operator_without_a_counterpart_in_onnx_is_named(tmp_path: Path) -> None:
    class Odd(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.i0(x)

    with pytest.raises(ExportError, match="Odd cannot be exported: operator 'aten::i0"):
        trace_onnx(Odd(), tmp_path / "odd.onnx", (torch.ones(1),), inputs=["x"], outputs=["y"], free={})
    assert list(tmp_path.iterdir()) == []


def test_a_batch_that_cannot_be_free_is_found_out(tmp_path: Path) -> None:
    """The graph mixes rows: freed, it computes something else, and that is refused."""
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("ReduceMean", ["images"], ["mean"], axes=[0], keepdims=1),
            onnx.helper.make_node("Sub", ["images", "mean"], ["apart"]),
            onnx.helper.make_node("ReduceSum", ["apart", "axes"], ["output"], keepdims=0),
        ],
        "mixing",
        [onnx.helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, [1, 3, 96, 48])],
        [onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, 3])],
        [onnx.numpy_helper.from_array(np.array([2, 3]), "axes")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "mixing.onnx")
    assert free_batch(model).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    card = load_card("reid-retail-0031")
    card = card.model_copy(update={"batch": 1, "input": card.input.model_copy(update={"name": "images"})})
    with pytest.raises(ExportError, match="with a free batch: output 'output' is off by"):
        from_onnx(card, tmp_path / "mixing.onnx", tmp_path)
