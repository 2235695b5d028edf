"""Training an autoencoder between pictures and latents, and giving its latents the scale diffusion wants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from edge.nets.vae import SCALE

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

__all__ = ["codec_loss", "standardize_latents"]

EDGE_WEIGHT = 0.5
KL_WEIGHT = 1e-5


def codec_loss(vae: AutoencoderKL, pictures: torch.Tensor) -> torch.Tensor:
    """How badly pictures come back: their levels, their edges, and a little for latents far from normal.

    Args:
        vae: latents are drawn from what its encoder says, so that the decoder bears small errors.
        pictures: float (n, 3, height, width) of -1 to 1.
    """
    posterior = vae.encode(pictures).latent_dist
    back = vae.decode(posterior.sample()).sample
    levels = functional.l1_loss(back, pictures)
    across = functional.l1_loss(back.diff(dim=3), pictures.diff(dim=3))
    down = functional.l1_loss(back.diff(dim=2), pictures.diff(dim=2))
    total: torch.Tensor = levels + EDGE_WEIGHT * (across + down) + KL_WEIGHT * posterior.kl().mean()
    return total


@torch.no_grad()
def standardize_latents(vae: AutoencoderKL, pictures: Iterable[torch.Tensor]) -> None:
    """Let each channel of the scaled latents have mean 0 and deviation 1, without changing what is decoded.

    The change goes into the two 1x1 convolutions on either side of the latents.

    Args:
        vae: changed in place.
        pictures: batches (n, 3, height, width) of -1 to 1, of what will be generated.
    """
    means = torch.cat([vae.encode(batch).latent_dist.mean for batch in pictures])
    mean = means.mean(dim=(0, 2, 3))
    factor = means.std(dim=(0, 2, 3)).clamp_min(1e-6) * SCALE
    channels = len(mean)
    before, after = vae.quant_conv, vae.post_quant_conv
    before.weight[:channels] /= factor[:, None, None, None]
    before.bias[:channels] = (before.bias[:channels] - mean) / factor
    before.bias[channels:] -= 2 * factor.log()
    after.bias += torch.einsum("oiyx,i->o", after.weight, mean)
    after.weight *= factor[None, :, None, None]
