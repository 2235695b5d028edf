from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.backends import check_ports, open_session  # noqa: E402
from edge.config.catalog import load_card  # noqa: E402
from edge.nets.export import export_onnx  # noqa: E402
from edge.nets.person_embedder import DIM, HEIGHT_PX, WIDTH_PX, PersonEmbedder  # noqa: E402


def test_the_exported_file_computes_the_same_as_torch_in_any_batch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = PersonEmbedder().eval()
    file = tmp_path / "net.onnx"
    export_onnx(
        net, file, input_name="images", output_name="embedding", height_px=HEIGHT_PX, width_px=WIDTH_PX
    )
    session = open_session(file, backend="onnxruntime")
    check_ports(session, load_card("demo-reid"))
    rng = np.random.default_rng(3)
    for count in (1, 5):
        images = rng.integers(0, 256, (count, 3, HEIGHT_PX, WIDTH_PX)).astype(np.float32)
        with torch.no_grad():
            wanted = net(torch.from_numpy(images)).numpy()
        assert wanted.shape == (count, DIM)
        np.testing.assert_allclose(session.run({"images": images})["embedding"], wanted, atol=1e-4)
    session.close()


def test_what_the_legs_wear_changes_the_vector_less_than_everything() -> None:
    torch.manual_seed(0)
    net = PersonEmbedder().eval()
    image = torch.rand(1, 3, HEIGHT_PX, WIDTH_PX) * 255
    legs, all_over = image.clone(), torch.rand_like(image) * 255
    legs[:, :, 96:] = all_over[:, :, 96:]
    with torch.no_grad():
        base, other_legs, other = (net(one) for one in (image, legs, all_over))
    assert 0 < (base - other_legs).norm() < (base - other).norm()
