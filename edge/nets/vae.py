"""The autoencoder between pictures and latents: diffusers' ``AutoencoderKL``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderKL

from edge.nets.sizes import SD_VAE

__all__ = ["build_vae", "decode", "encode", "rename_old_keys"]

# What latents are multiplied with, so that they have about unit variance; upstream's constant.
SCALE = 0.18215

_OLD_ATTENTION = re.compile(
    r"(.*\.mid_block\.attentions\.\d+\.)(query|key|value|proj_attn)(\.(?:weight|bias))"
)
_NEW_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def build_vae(config: Mapping[str, Any] | None = None) -> AutoencoderKL:
    """An autoencoder with random weights; sd-vae-ft-mse's unless given another config."""
    relevant = {key: value for key, value in (config or SD_VAE).items() if not key.startswith("_")}
    return AutoencoderKL(**relevant)


def rename_old_keys(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict with the attention's names of today, whatever they were when it was published."""
    renamed = {}
    for key, tensor in state.items():
        found = _OLD_ATTENTION.fullmatch(key)
        name = f"{found[1]}{_NEW_NAMES[found[2]]}{found[3]}" if found else key
        renamed[name] = tensor.flatten(1) if found and tensor.ndim == 4 else tensor
    return renamed


def encode(vae: AutoencoderKL, pictures: torch.Tensor) -> torch.Tensor:
    """Pictures (n, 3, height, width) of -1 to 1 to scaled latents (n, 4, height / 8, width / 8), undrawn."""
    mean: torch.Tensor = vae.encode(pictures).latent_dist.mean
    return mean * SCALE


def decode(vae: AutoencoderKL, latents: torch.Tensor, *, rows: int = 1) -> torch.Tensor:
    """Scaled latents to pictures (n, 3, height, width) of 0 to 1, ``rows`` at a time to bound the memory."""
    parts = [vae.decode(part / SCALE).sample for part in latents.split(rows)]
    return (torch.cat(parts) / 2 + 0.5).clamp(0, 1)
