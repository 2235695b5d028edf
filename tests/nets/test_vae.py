from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import arrays, check_rule, fill, manifest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")

from edge.nets.vae import SCALE, build_vae, decode, encode, rename_old_keys  # noqa: E402


@pytest.fixture(scope="module")
def vae(shared: Path) -> Any:
    parts = manifest(shared, "tinyB_manifest.json.gz")
    check_rule(parts["vae"])
    net = build_vae(parts["vae_config"])
    fill(net, parts["vae"])
    return net


@torch.inference_mode()
def test_both_directions_are_those_of_the_oracle(vae: Any, shared: Path) -> None:
    golden = arrays(shared, "tinyB_vae_golden.npz")
    mean = encode(vae, torch.from_numpy(golden["x"])) / SCALE
    np.testing.assert_allclose(mean, golden["mean"], atol=5e-5)
    decoded = decode(vae, torch.from_numpy(golden["z"]) * SCALE)
    expected = np.clip(golden["dec"] / 2 + 0.5, 0, 1)
    np.testing.assert_allclose(decoded, expected, atol=5e-5)
    assert 0.01 < (expected > 0).mean() < 1  # not everything is clamped away


@torch.inference_mode()
def test_decoding_in_slices_gives_the_same(vae: Any) -> None:
    latents = torch.randn(3, 4, 4, 2, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(decode(vae, latents, rows=1), decode(vae, latents, rows=2), atol=2e-5)


def test_older_names_of_the_attention_become_todays(vae: Any) -> None:
    state = vae.state_dict()
    older = {}
    for key, tensor in state.items():
        for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
            key = key.replace(f".{new}.", f".{old}.")
        older[key] = tensor
    assert set(older) != set(state)
    renamed = rename_old_keys(older)
    assert set(renamed) == set(state)
    assert all(renamed[key] is tensor for key, tensor in state.items())
    assert rename_old_keys(state) == dict(state)
