from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from edge.backends import open_session
from edge.cli.main import app
from edge.config.catalog import load_card
from edge.errors import ModelError
from edge.ipg.keypoints import PoseFinder, write_keypoints
from edge.ipg.skeleton import KEYPOINTS, read_keypoints, standard_skeletons

WIDE, HIGH, CELL = 48, 64, 4
ROWS, COLUMNS = HIGH // CELL, WIDE // CELL
# Where the network below sees each of COCO's keypoints, as (column, row) of its heatmaps.
CELLS = [(1 + (3 * k) % (COLUMNS - 2), 1 + (5 * k) % (ROWS - 2)) for k in range(17)]


def card_text(name: str, weights: bytes, decoder: str, outputs: str, resize: str = "stretch") -> str:
    return (
        f"name: {name}\ntask: pose\nfile: {name}.onnx\nbytes: {len(weights)}\n"
        f'sha256: "{hashlib.sha256(weights).hexdigest()}"\nlicence: Apache-2.0\norigin: made by this test\n'
        f"input:\n  name: image\n  width: {WIDE}\n  height: {HIGH}\n  resize: {resize}\n  colour: rgb\n"
        f"outputs:\n{outputs}batch: null\ndecoder: {decoder}\n"
    )


def write_model(folder: Path, name: str, decoder: str, outputs: dict[str, np.ndarray], **more: str) -> Path:
    """A network that finds the same keypoints in every picture, by its brightness: none in black."""
    nodes = [helper.make_node("ReduceMax", ["image"], ["bright"], axes=[1, 2, 3], keepdims=1)]
    constants = [numpy_helper.from_array(np.array(255.0, np.float32), "white")]
    nodes.append(helper.make_node("Div", ["bright", "white"], ["light"]))
    ports = []
    for key, array in outputs.items():
        constants.append(numpy_helper.from_array(array.astype(np.float32), f"{key}_is"))
        rank = array.ndim
        constants.append(numpy_helper.from_array(np.array([-1, *[1] * (rank - 1)], np.int64), f"{key}_shape"))
        nodes.append(helper.make_node("Reshape", ["light", f"{key}_shape"], [f"{key}_light"]))
        nodes.append(helper.make_node("Mul", [f"{key}_light", f"{key}_is"], [key]))
        ports.append(helper.make_tensor_value_info(key, TensorProto.FLOAT, ["n", *array.shape[1:]]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, HIGH, WIDE])
    graph = helper.make_graph(nodes, name, [image], ports, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    weights = model.SerializeToString()
    onnx.checker.check_model(model)
    (folder / f"{name}.onnx").write_bytes(weights)
    shapes = "".join(
        f"  {key}: [null, {', '.join(map(str, array.shape[1:]))}]\n" for key, array in outputs.items()
    )
    (folder / name).mkdir()
    (folder / name / "card.yaml").write_text(
        card_text(name, weights, decoder, shapes.replace("None", "null"), **more)
    )
    return folder / name


def heatmaps() -> np.ndarray:
    maps = np.zeros((1, 17, ROWS, COLUMNS))
    for k, (x, y) in enumerate(CELLS):
        maps[0, k, y, x] = 0.9 if k != 9 else 0.1  # the left wrist is hardly seen
        maps[0, k, y, x + 1] = 0.05
    return maps


def bins() -> dict[str, np.ndarray]:
    x, y = np.zeros((1, 17, 2 * WIDE)), np.zeros((1, 17, 2 * HIGH))
    for k, (column, row) in enumerate(CELLS):
        x[0, k, column * CELL * 2] = 0.9
        y[0, k, row * CELL * 2] = 0.8 if k != 9 else 0.1
    return {"x": x, "y": y}


def find(folder: Path, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    card = load_card(folder)
    session = open_session(folder.parent / card.file, backend="onnxruntime")
    try:
        return PoseFinder(card, session).find(image)
    finally:
        session.close()


def test_heatmaps_are_read_as_points_of_the_picture(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "maps", "heatmaps", {"maps": heatmaps()})
    points, scores = find(folder, np.full((200, 100, 3), 255, np.uint8))
    assert points.shape == (KEYPOINTS, 2)
    nose, right_wrist, left_wrist = points[0], points[4], points[7]
    for found, k in ((nose, 0), (right_wrist, 10), (left_wrist, 9)):
        column, row = CELLS[k]
        assert found == pytest.approx(((column + 0.75) / COLUMNS, (row + 0.5) / ROWS), abs=1e-5)
    assert scores[0] == pytest.approx(0.9)
    assert scores[7] == pytest.approx(0.1)
    shoulders = (points[2] + points[5]) / 2
    assert points[1] == pytest.approx(shoulders, abs=1e-6), "the neck lies between them"


def test_a_letterboxed_picture_is_mapped_back(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "maps", "heatmaps", {"maps": heatmaps()}, resize="letterbox")
    points, _ = find(folder, np.full((HIGH, WIDE // 2, 3), 255, np.uint8))
    column, row = CELLS[0]
    x_px = (column + 0.75) * CELL - WIDE / 4  # a quarter of the input is padding on either side
    assert points[0] == pytest.approx((x_px / (WIDE / 2), (row + 0.5) / ROWS), abs=1e-5)


def test_bins_of_both_axes_are_read(tmp_path: Path) -> None:
    points, scores = find(write_model(tmp_path, "bins", "simcc", bins()), np.full((60, 40, 3), 255, np.uint8))
    column, row = CELLS[0]
    half = 0.5 / (2 * WIDE), 0.5 / (2 * HIGH)
    assert points[0] == pytest.approx((column / COLUMNS + half[0], row / ROWS + half[1]), abs=1e-5)
    assert scores[0] == pytest.approx(0.8), "as sure as the less sure axis"


def test_another_number_of_keypoints_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "hands", "heatmaps", {"maps": np.zeros((1, 21, ROWS, COLUMNS))})
    text = (folder / "card.yaml").read_text()
    with pytest.raises(Exception, match="17 keypoints in COCO's order or 18 in OpenPose's"):
        load_card(folder)
    (folder / "card.yaml").write_text(text.replace("[null, 21,", "[null, null,"))
    with pytest.raises(ModelError, match="model 'hands' gives 21 keypoints, not COCO's 17 or OpenPose's 18"):
        find(folder, np.zeros((60, 40, 3), np.uint8))


def test_a_network_for_something_else_finds_no_poses() -> None:
    card = load_card("demo-reid")
    with pytest.raises(ModelError, match=r"model 'demo-reid' \(task 'embed'\) finds no keypoints"):
        PoseFinder(card, None)  # type: ignore[arg-type]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    skeletons = standard_skeletons()
    write_keypoints(skeletons, tmp_path / "new" / "poses.json")
    again = read_keypoints(tmp_path / "new" / "poses.json")
    assert [one.name for one in again] == [one.name for one in skeletons]
    for one, other in zip(skeletons, again, strict=True):
        np.testing.assert_allclose(one.points, other.points, atol=1e-4)


def test_the_command_finds_poses_and_names_what_it_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path))
    folder = write_model(tmp_path, "maps", "heatmaps", {"maps": heatmaps()})
    pictures = tmp_path / "people"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "anna.png"), np.full((128, 64, 3), 255, np.uint8))
    cv2.imwrite(str(pictures / "dark.png"), np.zeros((128, 64, 3), np.uint8))
    (pictures / "text.jpg").write_text("no picture")
    out = tmp_path / "poses.json"
    command = [
        "poses",
        "find",
        "--model",
        str(folder),
        "--pictures",
        str(pictures),
        "--out",
        str(out),
        "--json",
    ]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {"poses": 1, "skipped": 2, "out": str(out)}
    assert "dark.png: shows no keypoint with a score of 0.3 or more" in result.stderr
    assert "text.jpg: " in result.stderr
    (anna,) = read_keypoints(out)
    assert anna.name == "anna"
    assert np.isnan(anna.points[7]).all(), "the wrist is not seen surely"
    assert np.isfinite(anna.points).all(axis=1).sum() == KEYPOINTS - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--model": "demo-reid"}, "model 'demo-reid' is made to embed, not to find poses"),
        ({"--pictures": "nowhere"}, "nowhere: cannot be read"),
    ],
)
def test_a_wrong_command_is_one_line(tmp_path: Path, change: dict[str, str], message: str) -> None:
    folder = write_model(tmp_path, "maps", "heatmaps", {"maps": heatmaps()})
    options = {
        "--model": str(folder),
        "--pictures": str(tmp_path),
        "--out": str(tmp_path / "o.json"),
    } | change
    result = CliRunner().invoke(app, ["poses", "find", *(part for pair in options.items() for part in pair)])
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import edge.cli.generate as module

    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "PIL" else object())
    options = ["--model", "demo-reid", "--pictures", str(tmp_path), "--out", str(tmp_path / "o.json")]
    result = CliRunner().invoke(app, ["poses", "find", *options])
    assert result.exit_code == 3
    assert "needs the package 'pillow'; pip install 'edge-reid[ipg]'" in result.stderr
