from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="openvino is not installed")

from edge.backends.openvino import OpenVinoSession
from edge.errors import ConfigError, MissingExtraError, ModelError, RunError

SmallNet = tuple[Path, np.ndarray, np.ndarray]


def test_it_computes_in_float32_unless_told_otherwise(
    small_net: SmallNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = OpenVinoSession(small_net[0])
    assert session.precision == "f32"
    assert session.label.endswith("CPU, f32")
    session.close()
    monkeypatch.setenv("EDGE_OPENVINO_PRECISION", "half")
    with pytest.raises(ConfigError, match=r"one of f32, f16, bf16 \(got 'half'\)"):
        OpenVinoSession(small_net[0])


def test_the_label_says_what_openvino_really_took(
    small_net: SmallNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A processor without bfloat16 falls back to float32, whatever was asked for."""
    monkeypatch.setenv("EDGE_OPENVINO_PRECISION", "bf16")
    session = OpenVinoSession(small_net[0])
    assert session.label.endswith(session.precision)
    assert session.precision in ("bf16", "f32", "f16")
    session.close()


def test_a_device_that_is_not_there_is_named(small_net: SmallNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_OPENVINO_DEVICE", "ABACUS")
    with pytest.raises(MissingExtraError, match=r"no device 'ABACUS'; it finds: .*CPU"):
        OpenVinoSession(small_net[0])


def test_garbage_is_a_model_error_of_one_line(tmp_path: Path) -> None:
    file = tmp_path / "garbage.onnx"
    file.write_bytes(np.random.default_rng(0).bytes(4000))
    with pytest.raises(ModelError, match="model 'my-net': OpenVINO cannot open") as caught:
        OpenVinoSession(file, card_name="my-net")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "feeds",
    [{}, {"images": np.zeros((1, 3, 9, 6), np.float32)}, {"images": np.zeros((1, 3, 8, 6))}],
    ids=["nothing", "shape", "dtype"],
)
def test_a_wrong_feed_is_a_run_error(small_net: SmallNet, feeds: dict[str, np.ndarray]) -> None:
    session = OpenVinoSession(small_net[0], card_name="my-net")
    with pytest.raises(RunError, match="model 'my-net'"):
        session.run(feeds)


def test_a_closed_session_does_not_run(small_net: SmallNet) -> None:
    session = OpenVinoSession(small_net[0])
    session.close()
    session.close()
    with pytest.raises(ValueError, match="closed"):
        session.run({"images": np.zeros((1, 3, 8, 6), np.float32)})


def test_signals_are_survived_after_sessions_that_closed_in_the_order_they_came(small_net: SmallNet) -> None:
    """A handler runs on a stack of its own, which every core of OpenVINO sets and takes back."""
    program = """
import faulthandler, gc, os, pathlib, signal, sys
from edge.backends.openvino import OpenVinoSession
faulthandler.enable()
signal.signal(signal.SIGINT, lambda number, frame: print("stop", flush=True))
sessions = [OpenVinoSession(pathlib.Path(sys.argv[1])) for _ in range(3)]
while sessions:
    sessions.pop(0).close()
    gc.collect()
    os.kill(os.getpid(), signal.SIGINT)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(small_net[0])], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.split()) == (0, ["stop"] * 3), done.stderr
