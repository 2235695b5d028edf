"""The folder of weights a generator is loaded from, in the layout of the published one.

::

    pretrained/
    ├── denoising_unet.pth  reference_unet.pth  IFR.pth  pose_guider.pth  transformer_20.pth
    ├── sd-vae-ft-mse/         config.json, diffusion_pytorch_model.safetensors or .bin
    ├── stable-diffusion-v1-5/ unet/config.json: sizes, where they are not the published ones
    └── ipg.json               sizes of everything, likewise; see edge.nets.sizes

Each ``.pth`` may be a ``.safetensors`` instead; or all networks together are one file, ``ipg.safetensors``,
in which each name begins with its network's. Everything is compared strictly, name by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from edge.errors import ConfigError, EdgeError, ModelError
from edge.nets.manifests import Manifests, manifests_of
from edge.nets.sizes import UNET_FOLDERS, VAE_FOLDERS, IpgSizes, read_sizes
from edge.nets.state_dicts import describe_difference, read_state, shapes_of

if TYPE_CHECKING:
    from edge.nets.ipg import IpgNets
    from edge.nets.transreid import TransReID

__all__ = [
    "NET_FILES",
    "PACKED_FILE",
    "PartReport",
    "load_nets",
    "load_transreid",
    "part_file",
    "read_part",
    "read_sd_unet",
    "sd_unet_file",
    "verify_folder",
]

# Name of a net -> the file's name without its suffix.
NET_FILES = {
    "denoising_unet": "denoising_unet",
    "reference_unet": "reference_unet",
    "ifr": "IFR",
    "pose_guider": "pose_guider",
    "reid": "transformer_20",
}
PACKED_FILE = "ipg.safetensors"
SUFFIXES = (".safetensors", ".pth")
DIFFUSERS_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
# A whole UNet has these; a reference UNet has no use for them.
OUTPUT_LAYERS = ("conv_norm_out.weight", "conv_norm_out.bias", "conv_out.weight", "conv_out.bias")


@dataclass(frozen=True, slots=True)
class PartReport:
    """What is known of one net's file.

    status: ``ok``, ``missing`` or ``failed``.
    path: the file; None where there is none.
    message: what is wrong and what to do; empty when ok.
    """

    name: str
    status: str
    path: Path | None
    message: str


def load_nets(
    folder: Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    vae_half: bool = False,
) -> IpgNets:
    """Load all networks of a generator, ready to run (evaluation mode, no gradients).

    Args:
        folder: see above.
        device: where they shall lie.
        dtype: in which precision. The ReID net, IFR and the VAE stay in float32 where ``dtype`` is
            float16: they run once per picture, and the VAE overflows.
        vae_half: round the VAE's weights to float16, as upstream does.

    Raises:
        ConfigError: no such folder, or its files of sizes are wrong.
        ModelError: a file is missing, broken, or another net's.
        MissingExtraError: diffusers or safetensors is not installed.
    """
    from edge.nets.ipg import build_nets

    sizes = _sizes_of(folder)
    states = {name: read_part(folder, name, sizes) for name in (*NET_FILES, "vae")}
    people = states["reid"]["classifier.weight"].shape[0]
    sizes = replace(sizes, reid=replace(sizes.reid, people=people))
    with torch.device("meta"):
        nets = build_nets(sizes)
    for name, state in states.items():
        net: torch.nn.Module = getattr(nets, name)
        if name == "vae" and vae_half:
            state = {key: tensor.half() for key, tensor in state.items()}
        once = name in ("reid", "ifr", "vae") and dtype == torch.float16
        own = torch.float32 if once else dtype
        placed = {
            key: tensor.to(device, own if tensor.is_floating_point() else tensor.dtype)
            for key, tensor in state.items()
        }
        net.load_state_dict(placed, strict=True, assign=True)
        net.requires_grad_(False).eval()
    return nets


def load_transreid(file: Path, *, device: str | torch.device = "cpu") -> TransReID:
    """Load the ReID network alone, ready to run (evaluation mode, no gradients).

    Args:
        file: ``transformer_20.pth`` or ``.safetensors``; a folder's ``ipg.json`` beside it says its sizes
            where they are not the published ones.
        device: where it shall lie.

    Raises:
        ConfigError: the file of sizes is wrong.
        ModelError: the file is missing, broken, or another net's.
    """
    from edge.nets.transreid import TransReID

    sizes = _sizes_of(file.parent)
    state = _checked(read_state(file), "reid", file, manifests_of(sizes))
    own = replace(sizes.reid, people=state["classifier.weight"].shape[0])
    with torch.device("meta"):
        net = TransReID(own)
    placed = {key: tensor.to(device) for key, tensor in state.items()}
    net.load_state_dict(placed, strict=True, assign=True)
    return net.requires_grad_(False).eval()


def read_part(folder: Path, name: str, sizes: IpgSizes, *, lazy: bool = False) -> dict[str, torch.Tensor]:
    """Read one net's file and compare it with what the net has.

    Args:
        folder: see above.
        name: a key of :data:`NET_FILES`, or ``vae``.
        sizes: of :func:`~edge.nets.sizes.read_sizes`.
        lazy: for a look at it only, see :func:`~edge.nets.state_dicts.read_state`.

    Raises:
        ModelError: the file is missing, broken, or another net's.
    """
    path = part_file(folder, name)
    if path is None:
        raise ModelError(_not_found(folder, name))
    if path.name == PACKED_FILE:
        state = _unpacked(read_state(path, lazy=True), name, path)
    else:
        state = read_state(path, lazy=lazy)
    if name == "vae":
        from edge.nets.vae import rename_old_keys

        state = rename_old_keys(state)
    return _checked(state, name, path, manifests_of(sizes))


def read_sd_unet(folder: Path, name: str, sizes: IpgSizes) -> dict[str, torch.Tensor]:
    """Read Stable Diffusion's own UNet, to begin a training from.

    Args:
        folder: holds ``stable-diffusion-v1-5/unet/`` or ``unet/``.
        name: ``denoising_unet`` or ``reference_unet``, which leaves the output layers out.
        sizes: as above.

    Raises:
        ModelError: as above.
    """
    path = sd_unet_file(folder)
    if path is None:
        raise ModelError(f"'{folder}' holds no {UNET_FOLDERS[1]}/{DIFFUSERS_FILES[0]} (or .bin)")
    return _checked(read_state(path), name, path, manifests_of(sizes))


def part_file(folder: Path, name: str) -> Path | None:
    """The file that one net's weights are in; None where there is none."""
    if name == "vae":
        own = _first_file([folder / place for place in VAE_FOLDERS], DIFFUSERS_FILES)
    else:
        own = _first_file([folder], [NET_FILES[name] + suffix for suffix in SUFFIXES])
    return own or _first_file([folder], [PACKED_FILE])


def sd_unet_file(folder: Path) -> Path | None:
    """The file of Stable Diffusion's own UNet; None where there is none."""
    return _first_file([folder / place for place in UNET_FOLDERS], DIFFUSERS_FILES)


def verify_folder(folder: Path) -> list[PartReport]:
    """Check every file of a folder; no network is built where the sizes are the published ones.

    Raises:
        ConfigError: no such folder, or its files of sizes are wrong.
    """
    sizes = _sizes_of(folder)
    reports = []
    for name in (*NET_FILES, "vae"):
        path = part_file(folder, name)
        if path is None:
            reports.append(PartReport(name, "missing", None, _not_found(folder, name)))
            continue
        try:
            read_part(folder, name, sizes, lazy=True)
        except EdgeError as error:
            reports.append(PartReport(name, "failed", path, str(error)))
        else:
            reports.append(PartReport(name, "ok", path, ""))
    return reports


def _checked(
    state: dict[str, torch.Tensor], name: str, path: Path, manifests: Manifests
) -> dict[str, torch.Tensor]:
    """The state dict, in the net's order; ModelError where it is not the net's."""
    expected = {key: shape for key, (shape, _) in manifests[name].items()}
    if name == "reference_unet":
        state = {key: tensor for key, tensor in state.items() if key not in OUTPUT_LAYERS}
    found = shapes_of(state)
    if name == "reid" and "classifier.weight" in found:  # how many people it was trained on is its own affair
        people = found["classifier.weight"][0]
        expected = {
            key: (people, *shape[1:]) if key.startswith("classifier") else shape
            for key, shape in expected.items()
        }
    difference = describe_difference(found, expected)
    if difference:
        likely = _recognise(found, manifests)
        hint = f"; it looks like the {likely} net's" if likely and likely != name else ""
        raise ModelError(f"'{path}' is not the {name} net's: {difference}{hint}")
    for key, (_, dtype) in manifests[name].items():
        if state[key].is_floating_point() != (dtype == "float32"):
            raise ModelError(f"'{path}': {key} is {state[key].dtype}, which is not what the {name} net has")
    return {key: state[key] for key in expected}


def _recognise(found: Mapping[str, tuple[int, ...]], manifests: Manifests) -> str:
    """The net whose names these are; empty: none's."""
    return next((name for name, entries in manifests.items() if set(entries) == set(found)), "")


def _sizes_of(folder: Path) -> IpgSizes:
    if not folder.is_dir():
        raise ConfigError("is not a folder; give the one with denoising_unet.pth", file=str(folder))
    return read_sizes(folder)


def _unpacked(together: dict[str, torch.Tensor], name: str, path: Path) -> dict[str, torch.Tensor]:
    """One net's part of a file that holds all, in memory of its own."""
    prefix = f"{name}."
    strangers = [key for key in together if key.partition(".")[0] not in (*NET_FILES, "vae")]
    if strangers:
        raise ModelError(f"'{path}' holds '{strangers[0]}', which belongs to none of the networks")
    return {
        key.removeprefix(prefix): tensor.clone() for key, tensor in together.items() if key.startswith(prefix)
    }


def _first_file(folders: list[Path], names: list[str] | tuple[str, ...]) -> Path | None:
    return next((path for place in folders for path in (place / n for n in names) if path.is_file()), None)


def _not_found(folder: Path, name: str) -> str:
    wanted = f"{VAE_FOLDERS[1]}/{DIFFUSERS_FILES[0]} (or .bin)" if name == "vae" else f"{NET_FILES[name]}.pth"
    return f"'{folder}' holds no {wanted}, the {name} net's weights; docs/ipg.md says where they come from"
