from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle import arrays, check_rule, fill, manifest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.nets.ifr import IFR  # noqa: E402


@torch.inference_mode()
def test_tokens_are_those_of_the_oracle(shared: Path) -> None:
    part = manifest(shared, "ifr_manifest.json")
    check_rule(part)
    with torch.device("meta"):
        net = IFR()
    fill(net, part)
    golden = arrays(shared, "ifr_golden.npz")
    np.testing.assert_allclose(net(torch.from_numpy(golden["x"])), golden["y"], atol=2e-5)


def test_sizes_are_free() -> None:
    assert IFR(12, 3, 8)(torch.zeros(5, 12)).shape == (5, 3, 8)
