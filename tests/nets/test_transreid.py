from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle import arrays, check_rule, fill, manifest, shapes_of

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.nets.sizes import TransReIDSizes  # noqa: E402
from edge.nets.transreid import TransReID  # noqa: E402

SMALL = TransReIDSizes(picture_px=(64, 32), stride_px=8, width=16, depth=3, heads=2, people=5)


@pytest.fixture(scope="module")
def published(shared: Path) -> TransReID:
    part = manifest(shared, "transreid_manifest.json")
    check_rule(part)
    with torch.device("meta"):
        net = TransReID()
    fill(net, part)
    return net


@torch.inference_mode()
def test_features_are_those_of_the_oracle(published: TransReID, shared: Path) -> None:
    golden = arrays(shared, "transreid_golden.npz")
    pictures = torch.from_numpy(golden["x"].astype(np.float32))
    pictures = torch.cat([pictures, torch.zeros_like(pictures[:1])])
    np.testing.assert_allclose(published(pictures), golden["features"], atol=2e-4, rtol=1e-4)
    np.testing.assert_allclose(
        published(pictures, after_neck=True), golden["features_neck_after"], atol=2e-4, rtol=1e-4
    )
    tokens = published.base(pictures)
    np.testing.assert_allclose(tokens[:, :3], golden["tokens_after_block11_first3"], atol=2e-4, rtol=1e-4)
    np.testing.assert_allclose(tokens[:, -1], golden["tokens_after_block11_last"], atol=2e-4, rtol=1e-4)


def test_the_oracle_manifest_is_accepted_strictly(shared: Path) -> None:
    with torch.device("meta"):
        net = TransReID()
    own = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
    assert own == shapes_of(manifest(shared, "transreid_manifest.json"))


def test_small_sizes_give_features_of_their_own_length() -> None:
    net = TransReID(SMALL).eval()
    features = net(torch.zeros(2, 3, 64, 32))
    assert features.shape == (2, SMALL.dim) == (2, 80)
    assert [scores.shape for scores in net.logits(torch.zeros(2, 3, 64, 32))] == [(2, 5)] * 5


def test_an_odd_number_of_patches_is_dealt_as_well() -> None:
    sizes = TransReIDSizes(picture_px=(64, 32), stride_px=16, width=16, depth=2, heads=2, groups=3)
    assert sizes.patches == 8
    assert TransReID(sizes).eval()(torch.zeros(1, 3, 64, 32)).shape == (1, 80)
