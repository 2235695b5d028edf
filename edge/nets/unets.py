"""The two UNets of the generator: diffusers' own ``UNet2DConditionModel``, with a pose and a reference.

* The denoising UNet takes pose features, added after its first layer.
* The reference UNet ends with its last block: it has no output layers, since only what its self-attentions
  see is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import nn

from edge.nets.sizes import SD15_UNET

__all__ = ["DenoisingUNet", "build_denoising_unet", "build_reference_unet"]


class DenoisingUNet(UNet2DConditionModel):
    """A UNet whose first layer's output has pose features added; without them it is diffusers' own."""

    def denoise(
        self,
        latents: torch.Tensor,
        time: torch.Tensor,
        embeds: torch.Tensor,
        pose: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """What the net predicts.

        Args:
            latents: (rows, 4, height, width).
            time: int64, one step number for all rows, or one for each.
            embeds: (rows, tokens, width) of the cross-attention.
            pose: (rows, block_out_channels[0], height, width), added after the first layer.

        Returns:
            (rows, 4, height, width)
        """
        self.conv_in.pose = pose
        try:
            out: torch.Tensor = self(latents, time, encoder_hidden_states=embeds, return_dict=False)[0]
        finally:
            self.conv_in.pose = None
        return out


class _PosedConv(nn.Conv2d):
    """The first layer: its output has ``pose`` added (an attribute: a compiled net would miss a new hook)."""

    pose: torch.Tensor | None = None

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        out = super().forward(latents)
        return out if self.pose is None else out + self.pose


def build_denoising_unet(config: Mapping[str, Any] | None = None) -> DenoisingUNet:
    """A denoising UNet with random weights; SD-1.5's unless given another config."""
    unet = DenoisingUNet(**_relevant(config or SD15_UNET))
    plain = unet.conv_in
    unet.conv_in = _PosedConv(plain.in_channels, plain.out_channels, plain.kernel_size, padding=plain.padding)
    unet.conv_in.load_state_dict(plain.state_dict(), assign=True)
    return unet


def build_reference_unet(config: Mapping[str, Any] | None = None) -> UNet2DConditionModel:
    """A reference UNet with random weights: the same, without its output layers."""
    unet = UNet2DConditionModel(**_relevant(config or SD15_UNET))
    unet.conv_norm_out = nn.Identity()
    unet.conv_act = nn.Identity()
    unet.conv_out = nn.Identity()
    return unet


def _relevant(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without diffusers' own notes (``_class_name``, ``_diffusers_version``)."""
    return {key: value for key, value in config.items() if not key.startswith("_")}
