from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from edge.backends.onnxruntime import OnnxRuntimeCudaSession, OnnxRuntimeSession
from edge.errors import MissingExtraError, ModelError, RunError

MakeGraph = Callable[..., Path]


def test_identity_gives_back_its_input_for_any_batch(make_identity: MakeGraph) -> None:
    session = OnnxRuntimeSession(make_identity())
    for batch in (1, 2, 7):
        images = np.random.default_rng(batch).random((batch, 3, 4, 2), np.float32)
        np.testing.assert_array_equal(session.run({"images": images})["output"], images)


def test_outputs_are_views_of_the_runtimes_memory(make_identity: MakeGraph) -> None:
    """Why the protocol demands copies: ONNX Runtime hands out arrays that do not own their memory.

    Should this fail one day, the runtime has become kinder; the protocol stays as it is for the others.
    """
    session = OnnxRuntimeSession(make_identity())
    images = np.ones((2, 3, 4, 2), np.float32)
    output = session.run({"images": images})["output"]
    assert not output.flags.owndata
    assert output.copy().flags.owndata


def test_even_an_identity_graph_does_not_hand_out_its_input(make_identity: MakeGraph) -> None:
    session = OnnxRuntimeSession(make_identity())
    images = np.ones((2, 3, 4, 2), np.float32)
    output = session.run({"images": images})["output"]
    images[:] = 5
    assert not np.shares_memory(output, images)
    assert output.max() == 1


@pytest.mark.parametrize(
    ("element", "dtype"),
    [
        (onnx.TensorProto.FLOAT, "float32"),
        (onnx.TensorProto.FLOAT16, "float16"),
        (onnx.TensorProto.UINT8, "uint8"),
        (onnx.TensorProto.DOUBLE, "float64"),
        (onnx.TensorProto.INT64, "int64"),
    ],
)
def test_ports_carry_numpy_names_of_types(make_identity: MakeGraph, element: int, dtype: str) -> None:
    session = OnnxRuntimeSession(make_identity(element=element))
    assert session.inputs[0].dtype == dtype
    output = session.run({"images": np.zeros((1, 3, 4, 2), dtype)})["output"]
    assert output.dtype == np.dtype(dtype)


def test_free_and_fixed_dimensions_are_told_apart(make_identity: MakeGraph) -> None:
    session = OnnxRuntimeSession(make_identity(shape=("n", 3, "h", 2)))
    assert session.inputs[0].shape == (None, 3, None, 2)
    assert session.outputs[0].shape == (None, 3, None, 2)


def test_garbage_is_a_model_error_of_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "garbage.onnx"
    file.write_bytes(np.random.default_rng(0).bytes(4000))
    with pytest.raises(ModelError, match="cannot open") as caught:
        OnnxRuntimeSession(file, card_name="my-net")
    assert "model 'my-net'" in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == "", "the runtime must not write to the terminal on its own"


def test_a_truncated_graph_is_a_model_error(make_identity: MakeGraph) -> None:
    whole = make_identity()
    whole.write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(ModelError, match="cannot open"):
        OnnxRuntimeSession(whole)


def test_a_graph_of_an_unknown_operator_is_a_model_error(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("NoSuchOperator", ["x"], ["y"])],
        "odd",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match="NoSuchOperator"):
        OnnxRuntimeSession(tmp_path / "odd.onnx")


def test_missing_external_weights_are_named(external_net: Path) -> None:
    OnnxRuntimeSession(external_net).close()
    (external_net.parent / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"weights\.bin") as caught:
        OnnxRuntimeSession(external_net)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "feeds",
    [
        {"images": np.zeros((1, 3, 9, 2), np.float32)},
        {"images": np.zeros((1, 3, 4, 2), np.float64)},
        {"pictures": np.zeros((1, 3, 4, 2), np.float32)},
        {},
    ],
    ids=["shape", "dtype", "name", "nothing"],
)
def test_a_wrong_feed_is_a_run_error_that_names_the_model(
    make_identity: MakeGraph, feeds: dict[str, np.ndarray]
) -> None:
    session = OnnxRuntimeSession(make_identity(), card_name="my-net")
    with pytest.raises(RunError, match="model 'my-net'") as caught:
        session.run(feeds)
    assert "\n" not in str(caught.value)


def test_outputs_stay_readable_after_close_and_run_does_not(make_identity: MakeGraph) -> None:
    session = OnnxRuntimeSession(make_identity())
    images = np.arange(24, dtype=np.float32).reshape(1, 3, 4, 2)
    output = session.run({"images": images})["output"]
    session.close()
    session.close()
    np.testing.assert_array_equal(output, images)
    with pytest.raises(ValueError, match="closed"):
        session.run({"images": images})


def test_threads_are_what_was_asked_for_and_do_not_spin(
    make_identity: MakeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[onnxruntime.SessionOptions] = []
    real = onnxruntime.InferenceSession

    def spy(path: str, options: onnxruntime.SessionOptions, **rest: object) -> onnxruntime.InferenceSession:
        seen.append(options)
        return real(path, options, **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    OnnxRuntimeSession(make_identity(), threads=2)
    assert seen[0].intra_op_num_threads == 2
    assert seen[0].inter_op_num_threads == 1
    assert seen[0].get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_cuda_without_a_cuda_build_says_what_to_install(
    make_identity: MakeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(MissingExtraError, match=r"edge-reid\[gpu\]"):
        OnnxRuntimeCudaSession(make_identity())


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_cuda_that_does_not_start_is_not_silently_the_cpu(
    make_identity: MakeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA")
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    with pytest.raises(MissingExtraError, match="does not start"):
        OnnxRuntimeCudaSession(make_identity())
