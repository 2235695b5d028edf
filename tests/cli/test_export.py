from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from edge.backends import table
from edge.cli.export import Request, draw_calibration, export
from edge.config.catalog import load_card
from edge.config.weights import find_weights
from edge.errors import ConfigError, MissingExtraError, ModelError

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def request_of(tmp_path: Path) -> Request:
    return Request("demo-reid", "onnx", out=tmp_path / "out.onnx")


def test_json_tells_what_was_made_and_how_far_it_is_from_its_source(
    request_of: Request, capsys: Capture
) -> None:
    assert export(replace(request_of, precision="fp16", json=True)) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["file"]).stat().st_size == told["bytes"]
    assert 0 < told["rewritten"]["max_rel"] <= told["rewritten"]["tolerance"] == 0.02
    assert told["ms_source"] > 0
    assert told["operators"]["Conv"] == 14
    assert load_card(told["card"]).name == "demo-reid-fp16"


def test_without_out_it_lies_where_weights_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "pretrained").mkdir()
    monkeypatch.chdir(tmp_path)
    assert export(Request("demo-reid", "onnx", fold=True)) == 0
    card = load_card(tmp_path / "pretrained/demo-reid-fp32-folded")
    assert find_weights(card).parent == tmp_path / "pretrained/demo-reid-fp32-folded"
    assert "use it as model:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"to": "tflite"}, r"--to: must be onnx or tensorrt \(got 'tflite'\)"),
        ({"precision": "fp8"}, r"--precision: must be one of fp32, fp16, int8"),
        ({"batch": "1,8"}, r"--batch: must be MIN,OPT,MAX like 1,8,32"),
        ({"batch": "8,4,16"}, r"--batch: batch must be three numbers .* \(got 8,4,16\)"),
        ({"batch": "0,1,2"}, r"--batch: batch must be three numbers"),
        ({"fold_resize": "64"}, r"--fold-resize: must be a width and a height"),
        ({"half_io": True}, r"--half-io: is for --precision fp16"),
        ({"max_loss": -1.0}, r"--max-loss: must be 0 to 100"),
        ({"calibration": Path("x")}, r"--calibration: is for --precision int8"),
        ({"ckpt_dir": Path("x")}, r"--ckpt-dir: is for torch networks"),
        ({"out": Path("x.engine")}, r"--out: must end in \.onnx"),
        ({"name": "nobody"}, r"no model card 'nobody'"),
    ],
)
def test_a_wrong_option_is_named(request_of: Request, change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        export(replace(request_of, **change))
    assert not list(request_of.out.parent.iterdir())


def test_tensorrt_without_a_gpu_is_refused_before_anything_is_done(
    request_of: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "has_gpu", lambda: False)
    with pytest.raises(MissingExtraError, match="needs an NVIDIA GPU"):
        export(replace(request_of, to="tensorrt"))
    assert not list(request_of.out.parent.iterdir())


def test_transreid_without_weights_says_where_they_come_from(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no transformer_20\.pth"):
        export(Request("transreid", "onnx", out=tmp_path / "t.onnx", ckpt_dir=tmp_path))


def test_calibration_pictures_are_drawn_and_are_the_same_every_time(tmp_path: Path, capsys: Capture) -> None:
    for name in ("one", "two"):
        assert draw_calibration(tmp_path / name, crops=2, scenes=1, json=True) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["crops"] == 2
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.png"))
    assert [str(file) for file in files] == ["crops/00000.png", "crops/00001.png", "scenes/00000.png"]
    for file in files:
        pictures = [cv2.imread(str(tmp_path / name / file)) for name in ("one", "two")]
        assert (pictures[0] == pictures[1]).all()
