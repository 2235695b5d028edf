"""The training scripts, on very few pictures."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import edge
from edge.resources import models_dir

torch = pytest.importorskip("torch", reason="torch is not installed")

PACKAGE_FOLDER = str(Path(edge.__file__).resolve().parent.parent)
SMALL = ["--workers", "0", "--threads", "1", "--device", "cpu", "--batch", "4"]
FEW_PEOPLE = ["--people", "4", "--views", "4", "--held-out", "2"]


def arguments(name: str, folder: Path, *options: str) -> list[str]:
    script = str(models_dir() / name / "train.py")
    return [script, "--out", str(folder / "run"), "--cache", str(folder / "drawn"), *SMALL, *options]


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run a script in this process, as ``python train.py`` would; its exit code."""

    def run(name: str, *options: str) -> int:
        monkeypatch.setattr(sys, "argv", arguments(name, tmp_path, *options))
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run


def test_the_detector_trains_exports_and_scores(train, tmp_path: Path, capsys) -> None:
    assert train("demo-detector", "--scenes", "3", "--views", "2", "--held-out", "2", "--steps", "2") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["steps"], result["bytes"]) == (2, (tmp_path / "run/demo_detector.onnx").stat().st_size)
    assert 0.0 <= result["ap50"] <= 1.0


def test_a_killed_training_goes_on_where_it_was(train, tmp_path: Path, capsys) -> None:
    environment = {**os.environ, "PYTHONPATH": PACKAGE_FOLDER, "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(
        [sys.executable, *arguments("demo-reid", tmp_path, *FEW_PEOPLE, "--minutes", "5")],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with first:
        assert first.stderr is not None
        for line in first.stderr:
            if line.startswith("step 1 "):
                break
        first.send_signal(signal.SIGTERM)
        assert "run the same command again to go on" in first.stderr.read()
    assert first.returncode == 130
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    reached = torch.load(checkpoint, weights_only=True)["step"]
    assert reached >= 1

    assert train("demo-reid", *FEW_PEOPLE, "--steps", str(reached + 2)) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == reached + 2
    state = torch.load(checkpoint, weights_only=True)
    assert {int(one["step"]) for one in state["optimizer"]["state"].values()} == {reached + 2}


def test_what_begins_a_generator_trains_and_is_packed(train, tmp_path: Path, capsys) -> None:
    for package in ("diffusers", "PIL", "safetensors"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    from edge.ipg.training_start import open_start
    from edge.nets.checkpoint_files import write_folder

    options = ("--people", "4", "--views", "3", "--batch", "8", "--steps", "2")
    assert train("demo-ipg", *options) == 0
    start = open_start(tmp_path / "run" / "start", stage=1, device="cpu", seed=1)
    assert start.nets.reid.sizes.picture_px == (64, 32)
    assert set(start.origins.values()) == {"random"}
    write_folder(start.nets, tmp_path / "weights")
    assert train("demo-ipg", "--pack", str(tmp_path / "weights")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == Path(told["file"]).stat().st_size < 8_000_000


def test_a_device_that_is_not_there_is_one_line(train, capsys) -> None:
    assert train("demo-reid", "--device", "abacus") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "device 'abacus' cannot be used" in error
