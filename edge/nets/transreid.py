"""TransReID: a vision transformer for re-identification, with a global and four local features.

The same network, key for key, as the published ``transformer_20.pth``. A picture becomes overlapping
patches; eleven blocks look at all of them; a last block gives the global feature, and another one, shared,
looks at four groups of shuffled patches (the "jigsaw" branch) for the local ones.

Source: He et al., "TransReID: Transformer-based Object Re-Identification", ICCV 2021, sections 3.1 and 3.2.
Camera and view embeddings (section 3.3) are not used here.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional

from edge.nets.sizes import TransReIDSizes

__all__ = ["TransReID"]

EPS = 1e-6  # of every layer norm


class TransReID(nn.Module):
    """Pictures to ReID features.

    Args:
        sizes: the published network's, unless given.
    """

    def __init__(self, sizes: TransReIDSizes | None = None) -> None:
        super().__init__()
        sizes = sizes or TransReIDSizes()
        self.sizes = sizes
        self.base = _Backbone(sizes)
        self.b1 = nn.Sequential(_Block(sizes.width, sizes.heads), nn.LayerNorm(sizes.width, eps=EPS))
        self.b2 = nn.Sequential(_Block(sizes.width, sizes.heads), nn.LayerNorm(sizes.width, eps=EPS))
        for suffix in self._suffixes():
            self.add_module(f"classifier{suffix}", nn.Linear(sizes.width, sizes.people, bias=False))
        for suffix in self._suffixes():
            self.add_module(f"bottleneck{suffix}", nn.BatchNorm1d(sizes.width))

    def forward(self, pictures: torch.Tensor, *, after_neck: bool = False) -> torch.Tensor:
        """Describe pictures.

        Args:
            pictures: float (n, 3, height, width), red first, each value ``(x / 255 - 0.5) / 0.5``.
            after_neck: pass each part through its batch norm, as training's classifiers want it.

        Returns:
            (n, dim): ``[global, local 1 / parts, …, local n / parts]``, not normalized.
        """
        return torch.cat(self._scaled(self.part_features(pictures), after_neck), dim=1)

    def part_features(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """The global feature and each local one, (n, width) each, as they come out of their branch."""
        tokens = self.base(pictures)
        whole = self.b1(tokens)[:, 0]
        class_token = tokens[:, :1]
        locals_ = [self.b2(torch.cat([class_token, part], dim=1))[:, 0] for part in self._jigsaw(tokens)]
        return [whole, *locals_]

    def logits(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Scores of the known people, (n, people), for each part: for training."""
        parts = self.part_features(pictures)
        return [
            cast(torch.Tensor, self.get_submodule(f"classifier{suffix}")(self._neck(suffix)(part)))
            for suffix, part in zip(self._suffixes(), parts, strict=True)
        ]

    def _scaled(self, parts: list[torch.Tensor], after_neck: bool) -> list[torch.Tensor]:
        if after_neck:
            parts = [self._neck(suffix)(part) for suffix, part in zip(self._suffixes(), parts, strict=True)]
        return [parts[0], *(part / self.sizes.parts for part in parts[1:])]

    def _neck(self, suffix: str) -> nn.Module:
        return self.get_submodule(f"bottleneck{suffix}")

    def _suffixes(self) -> list[str]:
        return ["", *(f"_{number}" for number in range(1, self.sizes.parts + 1))]

    def _jigsaw(self, tokens: torch.Tensor) -> list[torch.Tensor]:
        """Roll the patches, deal them into groups in turn, cut into parts; what is left over is dropped."""
        shift, groups = self.sizes.shift, self.sizes.groups
        rolled = torch.cat([tokens[:, shift:], tokens[:, 1:shift]], dim=1)  # the class token drops out
        count = rolled.shape[1]
        if count % groups:
            rolled = torch.cat([rolled, rolled[:, -2:-1]], dim=1)
        dealt = rolled.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)
        length = count // self.sizes.parts
        return [dealt[:, start : start + length] for start in range(0, length * self.sizes.parts, length)]


class _Backbone(nn.Module):
    """Patches, positions and the blocks; the last block, the norm and ``fc`` are only in the state dict."""

    def __init__(self, sizes: TransReIDSizes) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, sizes.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, sizes.patches + 1, sizes.width))
        self.patch_embed = _Patches(sizes)
        self.blocks = nn.ModuleList(_Block(sizes.width, sizes.heads) for _ in range(sizes.depth))
        self.norm = nn.LayerNorm(sizes.width, eps=EPS)
        self.fc = nn.Linear(sizes.width, sizes.pretraining_classes)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        patches = self.patch_embed(pictures)
        tokens = torch.cat([self.cls_token.expand(patches.shape[0], -1, -1), patches], dim=1) + self.pos_embed
        for block in list(self.blocks)[:-1]:
            tokens = block(tokens)
        return tokens


class _Patches(nn.Module):
    def __init__(self, sizes: TransReIDSizes) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, sizes.width, kernel_size=sizes.patch_px, stride=sizes.stride_px)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.proj(pictures)).flatten(2).transpose(1, 2)


class _Block(nn.Module):
    """Attention and a two-layer network, each behind a layer norm and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = _Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = _Mlp(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        return cast(torch.Tensor, tokens + self.mlp(self.norm2(tokens)))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        query, key, value = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        return cast(torch.Tensor, self.proj(seen.transpose(1, 2).flatten(2)))


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.fc2(functional.gelu(self.fc1(tokens))))
