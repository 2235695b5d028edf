"""What a training begins with: the frozen networks, and whatever is known of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from edge.errors import ModelError
from edge.nets.checkpoints import part_file, read_part, read_sd_unet, sd_unet_file
from edge.nets.ipg import IpgNets, build_nets
from edge.nets.sizes import read_sizes

__all__ = ["LEARNING", "Start", "open_start"]

FROZEN = ("reid", "vae")
LEARNING = ("ifr", "pose_guider", "reference_unet", "denoising_unet")


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """What a training begins with.

    nets: on their device; the frozen ones in evaluation mode.
    origins: where each one that learns comes from: ``file``, ``stable-diffusion`` or ``random``.
    """

    nets: IpgNets
    origins: dict[str, str]


def open_start(folder: Path, stage: int, device: str, seed: int) -> Start:
    """Load what a training begins with.

    Args:
        folder: as :mod:`edge.nets.checkpoints` has it. The ReID network and the VAE must be there. A first
            stage takes the others from there too; where they are missing it begins with Stable Diffusion's
            UNet, ``stable-diffusion-v1-5/unet/``, or where that is missing with random weights.
        stage: the second one needs all networks.
        device: where they shall lie.
        seed: of random weights.

    Raises:
        ConfigError: the folder's files of sizes are wrong.
        ModelError: a file is missing, broken, or another net's.
    """
    sizes = read_sizes(folder)
    states = {name: read_part(folder, name, sizes) for name in FROZEN}
    people = states["reid"]["classifier.weight"].shape[0]
    sizes = replace(sizes, reid=replace(sizes.reid, people=people))
    origins = {}
    for name in LEARNING:
        if part_file(folder, name) is not None:
            states[name], origins[name] = read_part(folder, name, sizes), "file"
        elif stage > 1:
            raise ModelError(
                f"stage {stage} goes on with what stage 1 has learnt, but '{folder}' holds no {name}; "
                "give the weights/ of that run as --ckpt_dir"
            )
        elif name.endswith("unet") and sd_unet_file(folder) is not None:
            states[name], origins[name] = read_sd_unet(folder, name, sizes), "stable-diffusion"
        else:
            origins[name] = "random"
    torch.manual_seed(seed)
    nets = build_nets(sizes)
    for name, state in states.items():
        net: torch.nn.Module = getattr(nets, name)
        net.load_state_dict({key: _full(tensor) for key, tensor in state.items()}, strict=True)
    for net in nets:
        net.to(device)
    for name in FROZEN:
        getattr(nets, name).requires_grad_(False).eval()
    return Start(nets, origins)


def _full(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
