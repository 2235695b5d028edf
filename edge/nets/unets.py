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

__all__ = ["SD15_UNET", "DenoisingUNet", "build_denoising_unet", "build_reference_unet"]

# Stable Diffusion 1.5, as in its unet/config.json. attention_head_dim is the number of heads there.
SD15_UNET: dict[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "center_input_sample": False,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "downsample_padding": 1,
    "mid_block_scale_factor": 1,
    "act_fn": "silu",
    "norm_num_groups": 32,
    "norm_eps": 1e-05,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}


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
    """A denoising UNet with random weights; :data:`SD15_UNET` unless given another config."""
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
