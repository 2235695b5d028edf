from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle import arrays, check_rule, fill, manifest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.nets.pose_guider import PoseGuider  # noqa: E402


@torch.inference_mode()
def test_features_are_those_of_the_oracle(shared: Path) -> None:
    part = manifest(shared, "pose_guider_manifest.json")
    check_rule(part)
    net = PoseGuider()
    fill(net, part)
    golden = arrays(shared, "pose_guider_golden.npz")
    poses = torch.from_numpy(golden["x"].astype(np.float32))[:, :, 0]
    np.testing.assert_allclose(net(poses), golden["y"][:, :, 0], atol=1e-5)


def test_an_untrained_guider_changes_nothing() -> None:
    assert not PoseGuider(8)(torch.rand(2, 3, 32, 16)).any()
