from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from edge.backends import AUTO, BACKENDS, open_session
from edge.backends.onnxruntime import OnnxRuntimeSession
from edge.backends.table import Backend
from edge.errors import ConfigError, MissingExtraError, ModelError

MakeGraph = Callable[..., Path]


def test_auto_opens_on_the_cpu_where_there_is_no_gpu(
    make_identity: MakeGraph, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with caplog.at_level(logging.DEBUG, logger="edge.backends.table"):
        session = open_session(make_identity())
    assert type(session) is OnnxRuntimeSession
    assert "passes over 'onnxruntime-cuda'" in caplog.text


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_auto_opens_on_the_cpu_where_the_gpu_does_not_start(
    make_identity: MakeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA")
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    assert type(open_session(make_identity())) is OnnxRuntimeSession


def test_auto_tries_only_backends_of_the_table() -> None:
    assert set(AUTO) <= set(BACKENDS)
    assert AUTO[-1] == "onnxruntime", "the last one must work everywhere"


def test_an_unknown_backend_is_a_config_error_that_lists_the_known(make_identity: MakeGraph) -> None:
    with pytest.raises(ConfigError, match="'abacus'; there are: auto, onnxruntime"):
        open_session(make_identity(), backend="abacus")


@pytest.mark.parametrize("threads", [0, -1])
def test_less_than_one_thread_is_a_config_error(make_identity: MakeGraph, threads: int) -> None:
    with pytest.raises(ConfigError, match="threads must be 1 or more"):
        open_session(make_identity(), threads=threads)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model 'my-net': there is no file .*none\.onnx"):
        open_session(tmp_path / "none.onnx", card_name="my-net")


def test_an_empty_file_says_that_it_is_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ModelError, match=r"empty\.onnx is empty"):
        open_session(tmp_path / "empty.onnx")


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a file"):
        open_session(tmp_path)


def test_auto_does_not_hide_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="cannot open"):
        open_session(tmp_path / "broken.onnx")


def test_a_missing_package_says_how_to_install_it(
    make_identity: MakeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "abacus", Backend("beads_and_wires.session:Session", "edge-reid[abacus]"))
    with pytest.raises(MissingExtraError, match=r"'beads_and_wires'; pip install 'edge-reid\[abacus\]'"):
        open_session(make_identity(), backend="abacus")


def test_a_missing_module_of_ours_is_not_blamed_on_the_user(
    make_identity: MakeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "abacus", Backend("edge.backends.abacus:Session", "edge-reid[abacus]"))
    with pytest.raises(ModuleNotFoundError):
        open_session(make_identity(), backend="abacus")


def test_importing_backends_does_not_import_a_runtime() -> None:
    code = "import sys, edge.backends; print({'onnxruntime', 'torch', 'tensorrt', 'cv2'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"


def test_what_speaks_against_a_backend_is_known_without_opening_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge.backends import table

    monkeypatch.setattr(table, "has_gpu", lambda: False)
    monkeypatch.setattr(table, "find_spec", lambda name: None if name == "openvino" else object())
    assert table.why_not("onnxruntime") == ""
    assert table.why_not("openvino").endswith("the package 'openvino'; pip install 'edge-reid[openvino]'")
    assert "needs an NVIDIA GPU" in table.why_not("tensorrt")
