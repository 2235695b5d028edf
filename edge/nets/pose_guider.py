"""PoseGuider: a drawn skeleton to features of the latents' size, added after the UNet's first layer.

The net is the conditioning embedding of ControlNet (Zhang et al., ICCV 2023, section 3.2), as in Pose2ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import nn
from torch.nn import functional

__all__ = ["PoseGuider"]


class PoseGuider(nn.Module):
    """Eight convolutions; three of them halve the size.

    The last one begins at zero, so that an untrained guider changes nothing.

    Args:
        width: channels that come out: the UNet's ``block_out_channels[0]``.
        widths: channels of the layers before it.
    """

    def __init__(self, width: int = 320, widths: Sequence[int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, widths[0], kernel_size=3, padding=1)
        self.blocks = nn.ModuleList()
        for narrow, wide in pairwise(widths):
            self.blocks.append(nn.Conv2d(narrow, narrow, kernel_size=3, padding=1))
            self.blocks.append(nn.Conv2d(narrow, wide, kernel_size=3, padding=1, stride=2))
        self.conv_out = nn.Conv2d(widths[-1], width, kernel_size=3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        if self.conv_out.bias is not None:
            nn.init.zeros_(self.conv_out.bias)

    def forward(self, poses: torch.Tensor) -> torch.Tensor:
        """Pictures of poses to features.

        Args:
            poses: float (n, 3, height, width), 0 to 1, in the colours of :mod:`edge.ipg.sticks`.

        Returns:
            (n, width, height / 8, width / 8)
        """
        out = functional.silu(self.conv_in(poses))
        for block in self.blocks:
            out = functional.silu(block(out))
        return cast(torch.Tensor, self.conv_out(out))
