"""One call of the denoising net with a reference, against upstream's; nets of a small size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import arrays, check_rule, fill, manifest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")

from edge.nets.reference_attention import Bank, ReferenceReader, ReferenceWriter, write_bank  # noqa: E402
from edge.nets.unets import build_denoising_unet, build_reference_unet  # noqa: E402


@pytest.fixture(scope="module")
def nets(shared: Path) -> tuple[Any, Any]:
    parts = manifest(shared, "tinyA_manifest.json")
    built = build_reference_unet(parts["config"]), build_denoising_unet(parts["config"])
    for net, part in zip(built, (parts["reference"], parts["denoising"]), strict=True):
        check_rule(part)
        fill(net, part)
    return built


@pytest.fixture(scope="module")
def hooked(nets: tuple[Any, Any]) -> tuple[ReferenceWriter, ReferenceReader]:
    return ReferenceWriter(nets[0]), ReferenceReader(nets[1])


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    recorded = arrays(shared, "tinyA_step_golden.npz")
    return {key: torch.from_numpy(recorded[key]) for key in recorded.files}


def twice(tensor: Any) -> Any:
    return torch.cat([tensor, tensor])


def denoised(nets: Any, golden: dict[str, Any], time: int, *, pose: bool = True) -> Any:
    with torch.inference_mode():
        return nets[1].denoise(
            twice(golden["latents"][:, :, 0]),
            torch.tensor(time),
            golden["embeds"],
            twice(golden["pose_fea"][:, :, 0]) if pose else None,
        )


def test_plain_passes_are_those_of_the_oracle(nets: Any, hooked: Any, golden: dict[str, Any]) -> None:
    for name, pose in (("plain_denoise_nopose", False), ("plain_denoise_pose", True)):
        out = denoised(nets, golden, 499, pose=pose)
        np.testing.assert_allclose(out, golden[name][:, :, 0], atol=2e-5)
    with torch.inference_mode():
        out = nets[0](twice(golden["ref_latents"]), 0, encoder_hidden_states=golden["embeds"]).sample
    for name in ("plain_reference_out", "cfg.reference_out", "nocfg.reference_out"):
        np.testing.assert_allclose(out, golden[name], atol=2e-5)
    hooked[0].take()


@torch.inference_mode()
def banks(nets: Any, hooked: Any, golden: dict[str, Any]) -> dict[str, Any]:
    return write_bank(hooked[0], nets[0], twice(golden["ref_latents"]), golden["embeds"])


def test_the_bank_is_that_of_the_oracle(nets: Any, hooked: Any, golden: dict[str, Any], shared: Path) -> None:
    written = banks(nets, hooked, golden)
    recorded = arrays(shared, "tinyA_banks.npz")
    assert {name.removesuffix(".attn1.processor") for name in written} == set(recorded.files)
    for name, tokens in written.items():
        np.testing.assert_allclose(tokens, recorded[name.removesuffix(".attn1.processor")], atol=2e-5)


@pytest.mark.parametrize(("half", "atol"), [(False, 2e-5), (True, 2e-4)])
@pytest.mark.parametrize("time", [499, 999])
def test_guided_rows_are_those_of_the_oracle(
    nets: Any, hooked: Any, golden: dict[str, Any], half: bool, atol: float, time: int
) -> None:
    conditional = {name: tokens[2:] for name, tokens in banks(nets, hooked, golden).items()}
    bank = hooked[1].project(conditional, half=half)
    with hooked[1].reading(bank, unconditional=2):
        out = denoised(nets, golden, time)
    expected = golden[f"cfg.bank{16 if half else 32}.t{time}"][:, :, 0]
    np.testing.assert_allclose(out, expected, atol=atol)
    changed = (out[2:] - denoised(nets, golden, time)[2:]).abs().max()
    assert changed > 0.1  # the reference matters, so the comparison above can fail


@pytest.mark.parametrize(("half", "atol"), [(False, 2e-5), (True, 2e-4)])
def test_rows_that_all_read_are_those_of_the_oracle(
    nets: Any, hooked: Any, golden: dict[str, Any], half: bool, atol: float
) -> None:
    bank = hooked[1].project(banks(nets, hooked, golden), half=half)
    with hooked[1].reading(bank):
        out = denoised(nets, golden, 499)
    np.testing.assert_allclose(out, golden[f"nocfg.bank{16 if half else 32}.t499"][:, :, 0], atol=atol)


def test_rows_choose_their_reference(nets: Any, hooked: Any, golden: dict[str, Any]) -> None:
    tokens = banks(nets, hooked, golden)
    conditional = {name: rows[2:] for name, rows in tokens.items()}
    both = hooked[1].project(conditional)
    singles = [
        hooked[1].project({name: rows[i : i + 1] for name, rows in conditional.items()}) for i in (0, 1)
    ]
    with hooked[1].reading(both, unconditional=2, references=torch.tensor([1, 0])):
        swapped = denoised(nets, golden, 499)
    with hooked[1].reading(Bank.joined(singles[::-1]), unconditional=2):
        joined = denoised(nets, golden, 499)
    np.testing.assert_allclose(swapped, joined, atol=1e-5)
    with hooked[1].reading(singles[1], unconditional=2):  # one reference for all rows
        one = denoised(nets, golden, 499)
    np.testing.assert_allclose(one[2], swapped[2], atol=1e-5)
    assert both.nbytes == sum(bank.nbytes for bank in singles) > 0


def test_a_bank_of_another_net_is_refused(hooked: Any) -> None:
    with pytest.raises(ValueError, match="the reference net has 1 self-attentions, the denoising net 16"):
        hooked[1].project({"mid": torch.zeros(1, 2, 3)})
