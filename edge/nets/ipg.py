"""All networks of the pedestrian generator together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from edge.nets.ifr import IFR
from edge.nets.pose_guider import PoseGuider
from edge.nets.sizes import IpgSizes
from edge.nets.transreid import TransReID
from edge.nets.unets import DenoisingUNet, build_denoising_unet, build_reference_unet
from edge.nets.vae import build_vae

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel

__all__ = ["IpgNets", "build_nets"]


@dataclass(frozen=True, slots=True, eq=False)
class IpgNets:
    """The networks; each is in the state it was built or loaded in.

    sizes: what they were built from.
    reid: what a person looks like, as a feature.
    ifr: that feature as tokens of the cross-attention.
    pose_guider: a drawn skeleton as features.
    reference_unet, denoising_unet: see :mod:`edge.nets.unets`.
    vae: between pictures and latents.
    """

    sizes: IpgSizes
    reid: TransReID
    ifr: IFR
    pose_guider: PoseGuider
    reference_unet: UNet2DConditionModel
    denoising_unet: DenoisingUNet
    vae: AutoencoderKL

    def __iter__(self) -> Iterator[torch.nn.Module]:
        """The networks, in no particular order."""
        yield from (self.reid, self.ifr, self.pose_guider, self.reference_unet, self.denoising_unet, self.vae)


def build_nets(sizes: IpgSizes) -> IpgNets:
    """Build all networks with random weights, or with none inside ``with torch.device("meta")``."""
    channels = sizes.unet["block_out_channels"][0]
    return IpgNets(
        sizes=sizes,
        reid=TransReID(sizes.reid),
        ifr=IFR(sizes.reid.dim, sizes.tokens, sizes.unet["cross_attention_dim"]),
        pose_guider=PoseGuider(channels, sizes.pose_widths),
        reference_unet=build_reference_unet(sizes.unet),
        denoising_unet=build_denoising_unet(sizes.unet),
        vae=build_vae(sizes.vae),
    )
