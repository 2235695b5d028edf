from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from onnx import TensorProto, helper, save

OPEN_AND_RUN = """
import sys
from pathlib import Path
import numpy as np
from edge.backends import open_session
session = open_session(Path(sys.argv[1]), backend="onnxruntime")
session.run({"x": np.zeros((1, 2), np.float32)})
session.close()
"""


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in ("x", "y")]
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    made = helper.make_model(
        helper.make_graph(nodes, "same", ports[:1], ports[1:]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    file = tmp_path / "same.onnx"
    save(made, str(file))
    return file


def test_opening_a_network_leaves_nothing_in_the_users_folders(graph: Path, tmp_path: Path) -> None:
    """ONNX Runtime's own reports to its maker begin with a device id in the cache folder."""
    home = tmp_path / "home"
    home.mkdir()
    unset = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME")
    variables = {name: value for name, value in os.environ.items() if name not in unset}
    variables["HOME"] = str(home)
    command = [sys.executable, "-B", "-c", OPEN_AND_RUN, str(graph)]
    subprocess.run(command, env=variables, check=True, timeout=60)
    assert [path.relative_to(home) for path in home.rglob("*")] == []
