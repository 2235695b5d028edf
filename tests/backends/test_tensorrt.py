"""The TensorRT session against a stand-in for TensorRT and for the GPU; see tests/fake_tensorrt.py."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fake_tensorrt import UNSUPPORTED, FakeGpu, fake_tensorrt

from edge.backends import AUTO, BACKENDS, Batch, Session, open_session, table
from edge.backends.engine_cache import EngineCache
from edge.backends.session import DeviceArray, device_session
from edge.errors import MissingExtraError, ModelError, RunError

SmallNet = tuple[Path, np.ndarray, np.ndarray]
Open = Callable[..., Session]
MODULES = ("edge.backends.tensorrt", "edge.backends.tensorrt_build")


@pytest.fixture
def gpu() -> FakeGpu:
    return FakeGpu()


@pytest.fixture
def open_net(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gpu: FakeGpu) -> Open:
    """Opens a file; keyword arguments beyond the session's are the stand-in's."""

    def opened(path: Path, *, batch: Batch | None = None, on: FakeGpu | None = None, **fake: Any) -> Session:
        device = on or gpu
        built = tmp_path / "built"
        monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt(device, built=built, **fake))
        for name in MODULES:
            monkeypatch.delitem(sys.modules, name, raising=False)
        module = importlib.import_module("edge.backends.tensorrt")
        cache = EngineCache(tmp_path / "engines")
        return module.TensorRtSession(path, card_name="net", batch=batch, gpu=device, cache=cache)

    return opened


def builds(tmp_path: Path) -> list[str]:
    file = tmp_path / "built"
    return file.read_text().splitlines() if file.exists() else []


def wanted(path: Path, images: np.ndarray) -> np.ndarray:
    session = open_session(path, backend="onnxruntime")
    return session.run({"images": images})["features"].copy()


def pictures(rows: int) -> np.ndarray:
    return np.random.default_rng(rows).normal(size=(rows, 3, 8, 6)).astype(np.float32)


@pytest.mark.parametrize("version", ["8.6.1", "10.3.0", "11.4.0"])
def test_it_computes_batches_below_at_and_beyond_the_profile(
    small_net: SmallNet, open_net: Open, version: str
) -> None:
    session = open_net(small_net[0], batch=Batch(2, 3, 4), version=version)
    for rows in (1, 2, 4, 5, 11):
        found = session.run({"images": pictures(rows)})["features"]
        np.testing.assert_allclose(found, wanted(small_net[0], pictures(rows)), atol=1e-6)
    session.close()


def test_it_reads_what_lies_on_the_gpu_already(small_net: SmallNet, open_net: Open, gpu: FakeGpu) -> None:
    session = open_net(small_net[0], batch=Batch(2, 3, 4))
    direct = device_session(session, "cuda")
    assert direct is not None
    assert device_session(session, "cpu") is None
    waited: list[bool] = []
    for rows in (1, 2, 4, 5, 11):
        images = pictures(rows)
        address = gpu.allocate(images.nbytes)
        gpu.memory[address][:] = images.tobytes()
        given = DeviceArray(address, images.shape, "float32", None, lambda: waited.append(True))
        found = direct.run_from_device({"images": given})["features"]
        np.testing.assert_allclose(found, wanted(small_net[0], images), atol=1e-6)
        gpu.release(address)
    assert len(waited) == 5
    session.close()


def test_what_lies_on_the_gpu_goes_through_a_cuda_graph_too(
    small_net: SmallNet, open_net: Open, gpu: FakeGpu
) -> None:
    session = open_net(small_net[0], batch=Batch(4, 4, 4))
    direct = device_session(session, "cuda")
    assert direct is not None
    for seed in range(3):
        images = np.random.default_rng(seed).normal(size=(4, 3, 8, 6)).astype(np.float32)
        address = gpu.allocate(images.nbytes)
        gpu.memory[address][:] = images.tobytes()
        found = direct.run_from_device(
            {"images": DeviceArray(address, images.shape, "float32", None, lambda: None)}
        )
        np.testing.assert_allclose(found["features"], wanted(small_net[0], images), atol=1e-6)
        gpu.release(address)
    assert gpu.launches > 0
    session.close()


def test_everything_on_the_gpu_is_given_back(small_net: SmallNet, open_net: Open, gpu: FakeGpu) -> None:
    session = open_net(small_net[0], batch=Batch(4, 4, 4))
    for _ in range(3):
        session.run({"images": pictures(4)})
    session.close()
    session.close()
    assert (gpu.memory, gpu.pins, gpu.streams, gpu.graphs) == ({}, [], {}, {})


def test_a_fixed_batch_runs_as_a_cuda_graph_with_the_same_result(
    small_net: SmallNet, open_net: Open, gpu: FakeGpu
) -> None:
    session = open_net(small_net[0], batch=Batch(4, 4, 4))
    for rows in (4, 3, 4, 9):
        found = session.run({"images": pictures(rows)})["features"]
        np.testing.assert_allclose(found, wanted(small_net[0], pictures(rows)), atol=1e-6)
    assert gpu.launches == 5, "every run but the first"
    session.close()


def test_a_free_batch_is_no_cuda_graph(small_net: SmallNet, open_net: Open, gpu: FakeGpu) -> None:
    session = open_net(small_net[0], batch=Batch(1, 2, 4))
    for _ in range(3):
        session.run({"images": pictures(4)})
    assert not gpu.graphs
    session.close()


def test_types_are_the_graphs_where_the_version_has_that(
    small_net: SmallNet, open_net: Open, tmp_path: Path
) -> None:
    open_net(small_net[0], version="10.3.0").close()
    open_net(small_net[0], version="8.6.1").close()
    assert [line.split(" ", 1)[1] for line in builds(tmp_path)] == ["[] strong=True", "[] strong=False"]


def test_before_version_10_half_precision_is_allowed_only_where_the_graph_has_it(
    small_net: SmallNet, open_net: Open, tmp_path: Path
) -> None:
    from edge.export.half import to_half

    half = tmp_path / "half.onnx"
    onnx.save(to_half(onnx.load(small_net[0])), half)
    open_net(half, version="8.6.1").close()
    assert builds(tmp_path)[0].endswith("[0] strong=False")


def test_a_kept_engine_is_not_built_again(small_net: SmallNet, open_net: Open, tmp_path: Path) -> None:
    for _ in range(3):
        open_net(small_net[0]).close()
    assert len(builds(tmp_path)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"version": "10.4.0"},
        {"on": FakeGpu("Fake 2")},
        {"on": FakeGpu(capability="9.0")},
        {"batch": Batch(1, 4, 8)},
    ],
    ids=["version", "gpu", "capability", "profile"],
)
def test_another_version_gpu_or_profile_is_another_engine(
    small_net: SmallNet, open_net: Open, tmp_path: Path, change: dict[str, Any]
) -> None:
    open_net(small_net[0]).close()
    open_net(small_net[0], **change).close()
    open_net(small_net[0]).close()
    assert len(builds(tmp_path)) == 2


def test_an_engine_that_tensorrt_refuses_is_built_again(
    small_net: SmallNet, open_net: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The driver was changed, say: the key is the same, and the engine does not open."""
    session = open_net(small_net[0])
    key, cache = session._key, session._cache
    session.close()
    blob = cache.load(key, "net").replace(b"10.3.0", b"10.2.0")
    cache._store(cache.file_of(key), key, blob, "net")
    open_net(small_net[0]).close()
    assert len(builds(tmp_path)) == 2
    assert "does not open (The engine plan file is not compatible" in caplog.text


def test_too_little_memory_halves_the_batch_with_a_line_each_time(
    small_net: SmallNet, open_net: Open, caplog: pytest.LogCaptureFixture
) -> None:
    session = open_net(small_net[0], batch=Batch(1, 8, 16), room_for=4)
    assert session.batch == Batch(1, 4, 4)
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [line.split("; ")[1] for line in lines] == ["trying 8", "trying 4"]
    found = session.run({"images": pictures(11)})["features"]
    np.testing.assert_allclose(found, wanted(small_net[0], pictures(11)), atol=1e-6)
    session.close()


def test_buffers_that_do_not_fit_halve_the_batch_too(small_net: SmallNet, open_net: Open) -> None:
    device = FakeGpu(memory_bytes=3 * 8 * 6 * 4 * 5)
    session = open_net(small_net[0], batch=Batch(1, 8, 16), on=device)
    assert session.batch.max == 4
    session.close()
    assert device.memory == {}


def test_not_even_the_least_batch_fits(small_net: SmallNet, open_net: Open) -> None:
    with pytest.raises(ModelError, match=r"too little memory for a batch of 1 .*OutOfMemory"):
        open_net(small_net[0], batch=Batch(1, 2, 4), room_for=0)


@pytest.mark.parametrize("version", ["8.6.1", "10.3.0", "11.4.0"])
def test_an_operator_that_is_not_supported_is_named(tmp_path: Path, open_net: Open, version: str) -> None:
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(UNSUPPORTED, ["x"], ["y"])],
        "odd",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match=f"TensorRT {version} does not support operator {UNSUPPORTED} of"):
        open_net(tmp_path / "odd.onnx", version=version)


def test_without_a_gpu_tensorrt_says_so(small_net: SmallNet, open_net: Open) -> None:
    with pytest.raises(MissingExtraError, match="finds no GPU"):
        open_net(small_net[0], no_gpu=True)


def test_a_tensorrt_without_named_tensors_is_refused(small_net: SmallNet, open_net: Open) -> None:
    with pytest.raises(MissingExtraError, match=r"this is TensorRT 8\.4\.3; 8\.5 or newer is needed"):
        open_net(small_net[0], version="8.4.3")


def test_what_tensorrt_logs_is_in_the_error(small_net: SmallNet, open_net: Open) -> None:
    session = open_net(small_net[0])
    session._context._shapes.clear()
    session._context.set_input_shape = lambda name, shape: False
    with pytest.raises(RunError, match="input shape is not set"):
        session.run({"images": pictures(1)})


@pytest.mark.parametrize(
    "feeds",
    [{}, {"images": np.zeros((1, 3, 9, 6), np.float32)}, {"images": np.zeros((1, 3, 8, 6))}],
    ids=["nothing", "shape", "dtype"],
)
def test_a_wrong_feed_is_a_run_error(
    small_net: SmallNet, open_net: Open, feeds: dict[str, np.ndarray]
) -> None:
    session = open_net(small_net[0])
    with pytest.raises(RunError, match="model 'net': TensorRT"):
        session.run(feeds)
    session.close()


def test_timings_of_one_build_serve_the_next(small_net: SmallNet, open_net: Open, tmp_path: Path) -> None:
    for batch in (Batch(1, 1, 1), Batch(2, 2, 2)):
        open_net(small_net[0], batch=batch).close()
    (file,) = (tmp_path / "engines").glob("timing-*.cache")
    assert file.read_bytes() == b"measured;measured;"


def test_two_processes_build_once(small_net: SmallNet, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from fake_tensorrt import FakeGpu, fake_tensorrt
gpu = FakeGpu()
sys.modules["tensorrt"] = fake_tensorrt(gpu, built=Path(sys.argv[2]) / "built", build_s=0.5)
from edge.backends.engine_cache import EngineCache
from edge.backends.session import DeviceArray, device_session
from edge.backends.tensorrt import TensorRtSession
TensorRtSession(Path(sys.argv[1]), gpu=gpu, cache=EngineCache(Path(sys.argv[2]) / "engines")).close()
"""
    tests = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", code, str(small_net[0]), str(tmp_path), str(tests)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, said = process.communicate(timeout=90)
        assert process.returncode == 0, said
    assert len(builds(tmp_path)) == 1


def test_auto_falls_back_with_one_line_when_tensorrt_cannot(
    small_net: SmallNet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The last step down: no memory even for the smallest engine."""

    def refuse(*_: object, **__: object) -> Session:
        raise ModelError("model 'net': the GPU has too little memory for a batch of 1")

    real = table._opener
    monkeypatch.setattr(table, "has_gpu", lambda: True)
    monkeypatch.setattr(table, "_opener", lambda name: refuse if name == "tensorrt" else real(name))
    with caplog.at_level(logging.INFO, logger="edge.backends.table"):
        session = open_session(small_net[0], card_name="net")
    lines = [record.getMessage() for record in caplog.records]
    assert "auto' passes over 'tensorrt': model 'net': the GPU has too little memory" in lines[0]
    assert lines[-1].startswith("model 'net': backend 'auto' is ONNX Runtime")
    session.close()


def test_auto_does_not_import_gpu_backends_without_a_driver(
    small_net: SmallNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "has_gpu", lambda: False)
    opened: list[str] = []
    real = table._opener

    def spy(name: str) -> Any:
        opened.append(name)
        return real(name)

    monkeypatch.setattr(table, "_opener", spy)
    open_session(small_net[0]).close()
    assert opened == ["onnxruntime"]
    assert [BACKENDS[name].needs_gpu for name in AUTO] == [True, True, False]
