"""An autoencoder that needs no training: latents that are the picture, for pictures of few pixels.

Of diffusers' class like any other, with one block that halves nothing. Its weights are written, not learnt:
each colour goes through as a pair of itself and its negative, since ``silu(x) - silu(-x)`` is ``x``; two
further channels of a great constant and its negative keep mean and deviation of the group norm as they are.
What comes back differs by a 2000th at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edge.errors import ConfigError
from edge.nets.vae import SCALE

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

__all__ = ["make_exact", "standardize_latents"]

COLOURS = 3
CHANNELS = 2 * COLOURS + 2
CONSTANT = 64.0
_CLEAR = -20.0  # logarithm of the variance around a latent


@torch.no_grad()
def make_exact(vae: AutoencoderKL) -> None:
    """Write the weights.

    Args:
        vae: of one block of 8 channels, 3 latent channels and one group; changed in place.

    Raises:
        ConfigError: it is of other sizes.
    """
    config = vae.config
    found = (list(config.block_out_channels), config.latent_channels, config.norm_num_groups)
    if found != ([CHANNELS], COLOURS, 1):
        raise ConfigError(
            f"an exact autoencoder has block_out_channels [{CHANNELS}], {COLOURS} latent_channels and "
            f"norm_num_groups 1 (got {found[0]}, {found[1]} and {found[2]})"
        )
    for name, module in vae.named_modules():
        if name.endswith((".conv2", ".to_out.0")):  # what is added to a block's input
            for weights in module.parameters():
                weights.zero_()
    for part in (vae.encoder, vae.decoder):
        _fill(part.conv_in, _apart())
        part.conv_in.bias[-2:] = torch.tensor([CONSTANT, -CONSTANT])
        part.conv_norm_out.weight.fill_(CONSTANT * (2 / CHANNELS) ** 0.5)
        part.conv_norm_out.bias.zero_()
        _fill(part.conv_out, _apart().T)
    vae.encoder.conv_out.bias[COLOURS:] = _CLEAR
    for layer in (vae.quant_conv, vae.post_quant_conv):
        _fill(layer, torch.eye(len(layer.weight)))


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


def _apart() -> Tensor:
    """(channels, colours): each colour and its negative; the last two channels take none."""
    matrix = torch.zeros(CHANNELS, COLOURS)
    for colour in range(COLOURS):
        matrix[2 * colour, colour], matrix[2 * colour + 1, colour] = 1, -1
    return matrix


def _fill(layer: nn.Conv2d, matrix: Tensor) -> None:
    """Let a convolution do in each pixel what the matrix (out, in) does; rows that are missing give zero."""
    layer.weight.zero_()
    if layer.bias is not None:
        layer.bias.zero_()
    middle = layer.weight.shape[2] // 2
    layer.weight[: len(matrix), :, middle, middle] = matrix
