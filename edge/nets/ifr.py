"""IFR: from a ReID feature to the tokens that steer the generator's cross-attention.

Source: Pose2ID (CVPR 2025), section 3.2, "Identity Feature Redistribution".
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

__all__ = ["IFR"]


class IFR(nn.Module):
    """One linear layer and a layer norm.

    The attributes' names are those of the published file.

    Args:
        feature_dim: length of the ReID feature.
        tokens: how many tokens it becomes.
        width: length of a token: the UNets' ``cross_attention_dim``.
    """

    def __init__(self, feature_dim: int = 3840, tokens: int = 20, width: int = 768) -> None:
        super().__init__()
        self.tokens = tokens
        self.proj_motion = nn.Linear(feature_dim, tokens * width)
        self.norm_motion = nn.LayerNorm(width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(n, feature_dim) to (n, tokens, width)."""
        tokens = self.proj_motion(features).unflatten(1, (self.tokens, -1))
        return cast(torch.Tensor, self.norm_motion(tokens))
