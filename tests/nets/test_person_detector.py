from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.backends import check_ports, open_session  # noqa: E402
from edge.config.catalog import load_card  # noqa: E402
from edge.nets.export import export_onnx  # noqa: E402
from edge.nets.person_detector import (  # noqa: E402
    HEIGHT_PX,
    WIDTH_PX,
    DecodedDetector,
    PersonDetector,
    decode_boxes,
    grid_cells,
)

CELLS = 52 * 32 + 26 * 16 + 13 * 8


@pytest.fixture(scope="module")
def net() -> DecodedDetector:
    """An untrained network whose scores and boxes differ from cell to cell."""
    torch.manual_seed(0)
    inner = PersonDetector()
    with torch.no_grad():
        for head in inner.heads:
            head[-1].weight.normal_(std=0.3)
        for module in inner.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 2.0)
    return DecodedDetector(inner).eval()


def pictures(count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, 3, HEIGHT_PX, WIDTH_PX)).astype(np.float32)


def test_each_cell_gives_one_box_and_a_score_between_0_and_1(net: DecodedDetector) -> None:
    with torch.no_grad():
        out = net(torch.from_numpy(pictures(2)))
    assert out.shape == (2, CELLS, 5)
    assert ((out[..., 4] > 0) & (out[..., 4] < 1)).all()
    assert (out[..., 2:4] > out[..., :2]).all()


def test_cells_are_listed_row_by_row_from_the_finest_grid() -> None:
    middles, strides = grid_cells(64, 32)
    assert len(middles) == 8 * 4 + 4 * 2 + 2 * 1
    assert middles[:2].tolist() == [[4.0, 4.0], [12.0, 4.0]]
    assert middles[8].tolist() == [4.0, 12.0]
    assert strides[:, 0].tolist() == [8.0] * 32 + [16.0] * 8 + [32.0] * 2


def test_a_raw_box_is_a_shift_and_a_logarithm_in_cells() -> None:
    middles, strides = torch.tensor([[24.0, 40.0]]), torch.tensor([[16.0]])
    raw = torch.tensor([[[0.5, -1.0, math.log(2.0), math.log(3.0)]]])
    # centre 24 + 8, 40 - 16; size 32 x 48
    assert torch.allclose(decode_boxes(raw, middles, strides)[0, 0], torch.tensor([16.0, 0.0, 48.0, 48.0]))


def test_a_raw_box_never_becomes_infinite() -> None:
    raw = torch.full((1, 1, 4), 1e4)
    assert torch.isfinite(decode_boxes(raw, torch.zeros(1, 2), torch.ones(1, 1))).all()


def test_the_exported_file_computes_the_same_as_torch_in_any_batch(
    net: DecodedDetector, tmp_path: Path
) -> None:
    file = tmp_path / "net.onnx"
    export_onnx(net, file, input_name="images", output_name="dets", height_px=HEIGHT_PX, width_px=WIDTH_PX)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]  # weights are inside
    session = open_session(file, backend="onnxruntime")
    check_ports(session, load_card("demo-detector"))
    for count in (1, 3):
        images = pictures(count)
        with torch.no_grad():
            wanted = net(torch.from_numpy(images)).numpy()
        found = session.run({"images": images})["dets"]
        np.testing.assert_allclose(found[..., :4], wanted[..., :4], atol=0.05)  # pixels
        np.testing.assert_allclose(found[..., 4], wanted[..., 4], atol=1e-4)
    session.close()
