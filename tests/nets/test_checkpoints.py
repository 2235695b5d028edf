from __future__ import annotations

import gzip
import json
import pickle
import shutil
from pathlib import Path
from typing import Any, ClassVar

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")

from small_ipg import SIZES, write_small_folder  # noqa: E402

from edge.errors import ConfigError, ModelError  # noqa: E402
from edge.nets.checkpoints import load_nets, read_part, read_sd_unet, verify_folder  # noqa: E402
from edge.nets.manifests import FILE, manifests_of, published_manifests, write_manifests  # noqa: E402
from edge.nets.sizes import IpgSizes, read_sizes  # noqa: E402


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_folder(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "weights"))


def status_of(folder: Path, name: str) -> tuple[str, str]:
    (report,) = [report for report in verify_folder(folder) if report.name == name]
    return report.status, report.message


def test_a_complete_folder_is_verified_and_loaded(made: Path) -> None:
    assert {report.status for report in verify_folder(made)} == {"ok"}
    nets = load_nets(made)
    assert nets.sizes.latent_px == (16, 8)
    for net in nets:
        assert not net.training
        assert not any(parameter.requires_grad for parameter in net.parameters())
        assert {str(tensor.device) for tensor in net.state_dict().values()} == {"cpu"}
    saved = torch.load(made / "IFR.pth", weights_only=True)
    assert torch.equal(nets.ifr.proj_motion.weight, saved["proj_motion.weight"])


def test_half_precision_leaves_what_would_overflow_in_float32(made: Path) -> None:
    nets = load_nets(made, dtype=torch.float16, vae_half=True)
    assert nets.denoising_unet.dtype == torch.float16
    assert nets.vae.dtype == nets.ifr.proj_motion.weight.dtype == torch.float32
    weight = nets.vae.decoder.conv_in.weight
    assert torch.equal(weight, weight.half().float())


def test_safetensors_and_wrapped_files_are_read_as_well(folder: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    sizes = read_sizes(folder)
    state = read_part(folder, "ifr", sizes)
    (folder / "IFR.pth").unlink()
    safetensors.save_file(dict(state), folder / "IFR.safetensors")
    assert torch.equal(read_part(folder, "ifr", sizes)["norm_motion.bias"], state["norm_motion.bias"])
    state = read_part(folder, "reid", sizes)
    wrapped = {"state_dict": {f"module.{key}": tensor for key, tensor in state.items()}, "epoch": 20}
    torch.save(wrapped, folder / "transformer_20.pth", _use_new_zipfile_serialization=False)
    assert set(read_part(folder, "reid", sizes)) == set(state)


def test_an_older_vae_and_a_reid_net_of_other_people_are_accepted(folder: Path) -> None:
    path = folder / "sd-vae-ft-mse" / "diffusion_pytorch_model.bin"
    names = (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn"))
    older = {}
    for key, tensor in torch.load(path, weights_only=True).items():
        for new, old in names:
            key = key.replace(f".{new}.", f".{old}.")
        older[key] = tensor
    torch.save(older, path)
    reid = torch.load(folder / "transformer_20.pth", weights_only=True)
    torch.save(
        {key: tensor[:2] if key.startswith("classifier") else tensor for key, tensor in reid.items()},
        folder / "transformer_20.pth",
    )
    assert load_nets(folder).sizes.reid.people == 2


def test_stable_diffusions_own_unet_can_be_begun_from(folder: Path) -> None:
    whole = torch.load(folder / "denoising_unet.pth", weights_only=True)
    place = folder / "stable-diffusion-v1-5" / "unet"
    place.mkdir(parents=True)
    torch.save(whole, place / "diffusion_pytorch_model.bin")
    sizes = read_sizes(folder)
    assert set(read_sd_unet(folder, "denoising_unet", sizes)) == set(whole)
    assert set(whole) - set(read_sd_unet(folder, "reference_unet", sizes)) == {
        "conv_norm_out.weight",
        "conv_norm_out.bias",
        "conv_out.weight",
        "conv_out.bias",
    }


def test_another_nets_file_is_named_with_what_is_missing_and_unexpected(folder: Path) -> None:
    shutil.copy(folder / "pose_guider.pth", folder / "IFR.pth")
    status, message = status_of(folder, "ifr")
    assert status == "failed"
    assert "4 missing: norm_motion.bias, norm_motion.weight, proj_motion.bias, proj_motion.weight" in message
    assert "16 unexpected: blocks.0.bias" in message
    assert "and 11 more" in message
    assert message.endswith("it looks like the pose_guider net's")
    with pytest.raises(ModelError, match=r"IFR\.pth"):
        load_nets(folder)


def test_a_tensor_of_another_shape_is_named(folder: Path) -> None:
    state = torch.load(folder / "IFR.pth", weights_only=True)
    state["norm_motion.bias"] = torch.zeros(3)
    torch.save(state, folder / "IFR.pth")
    assert "1 of another shape: norm_motion.bias is [3], not [16]" in status_of(folder, "ifr")[1]


class Spy:
    """Runs code when it is unpickled."""

    ran: ClassVar[list[str]] = []

    def __reduce__(self) -> Any:
        return Spy.ran.append, ("ran",)


def test_a_file_that_holds_code_is_refused_and_the_code_does_not_run(folder: Path) -> None:
    torch.save({"proj_motion.weight": Spy()}, folder / "IFR.pth")
    assert "could run code" in status_of(folder, "ifr")[1]
    with (folder / "IFR.pth").open("wb") as file:
        pickle.dump({"a": Spy()}, file)
    assert status_of(folder, "ifr")[0] == "failed"
    assert Spy.ran == []


@pytest.mark.parametrize("keep", [0, 10, 1000, -10])
def test_a_file_that_is_cut_off_is_refused(folder: Path, keep: int) -> None:
    for name, path in (("ifr", folder / "IFR.pth"), ("pose_guider", folder / "pose_guider.pth")):
        path.write_bytes(path.read_bytes()[:keep])
        status, message = status_of(folder, name)
        assert status == "failed"
        assert ("is empty" if keep == 0 else "is cut off") in message
        assert "\n" not in message


def test_what_is_no_file_of_weights_is_refused(folder: Path) -> None:
    (folder / "IFR.pth").write_text("hello", encoding="utf-8")
    assert "no file of weights" in status_of(folder, "ifr")[1]
    torch.save([1, 2], folder / "IFR.pth")
    assert "holds no state dict" in status_of(folder, "ifr")[1]
    torch.save({"a": 1}, folder / "IFR.pth")
    assert "'a' is no tensor but of type int" in status_of(folder, "ifr")[1]
    (folder / "IFR.pth").rename(folder / "IFR.safetensors")
    assert "no safetensors file" in status_of(folder, "ifr")[1]


def test_a_missing_file_and_folder_are_said(folder: Path) -> None:
    (folder / "IFR.pth").unlink()
    assert status_of(folder, "ifr") == (
        "missing",
        f"'{folder}' holds no IFR.pth, the ifr net's weights; docs/ipg.md says where they come from",
    )
    with pytest.raises(ConfigError, match="is not a folder"):
        verify_folder(folder / "nowhere")


def test_the_shipped_manifests_are_those_of_the_nets(tmp_path: Path) -> None:
    write_manifests(tmp_path / "new.gz")
    old, new = (gzip.decompress(file.read_bytes()) for file in (FILE, tmp_path / "new.gz"))
    assert new == old
    assert manifests_of(IpgSizes()) is published_manifests()
    assert {name: len(entries) for name, entries in published_manifests().items()} == {
        "reid": 210,
        "ifr": 4,
        "pose_guider": 16,
        "reference_unet": 682,
        "denoising_unet": 686,
        "vae": 248,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[]", "must be a JSON object"),
        ("{", "is no JSON"),
        ('{"colour": 1}', "unknown key 'colour'"),
        ('{"unet": {"depth": 1}}', "unet: unknown key 'depth'"),
        ('{"reid": {"width": 0}}', "width: must be a whole number of 1 or more"),
        ('{"picture_px": [100, 64]}', "multiples of 64"),
        ('{"picture_px": 3}', "wrong kind"),
        ('{"vae": 3}', "must be an object"),
    ],
)
def test_a_wrong_file_of_sizes_is_explained(tmp_path: Path, given: str, said: str) -> None:
    (tmp_path / "ipg.json").write_text(given, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_sizes(tmp_path)


def test_sizes_come_from_diffusers_files_too(tmp_path: Path) -> None:
    for place, config in (("stable-diffusion-v1-5/unet", "unet"), ("vae", "vae")):
        (tmp_path / place).mkdir(parents=True)
        text = json.dumps({"_class_name": "X", "unknown_to_us": 1, **SIZES[config]})
        (tmp_path / place / "config.json").write_text(text, encoding="utf-8")
    sizes = read_sizes(tmp_path)
    assert sizes.unet["block_out_channels"] == [8, 16, 16, 16]
    assert sizes.vae["block_out_channels"] == [8, 8, 8, 8]
    assert sizes.unet["cross_attention_dim"] == 16
    assert read_sizes(tmp_path / "unet").is_published
