"""A small detector of people for CPUs: anchor-free, three grids, separable convolutions.

One cell of a grid gives one box and one score. The idea is that of FCOS and YOLOX (a box from the cell that
lies in it); the layers are chosen by the clock: 256x416 pixels in about 5 ms on one thread.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from edge.nets.blocks import SeparableResidual, conv_block, separable_block

__all__ = [
    "HEIGHT_PX",
    "STRIDES",
    "WIDTH_PX",
    "DecodedDetector",
    "PersonDetector",
    "decode_boxes",
    "grid_cells",
]

WIDTH_PX, HEIGHT_PX = 416, 256
STRIDES = (8, 16, 32)
_LONGEST_CELLS = 40.0  # no side is longer than so many cells: keeps exp() finite
_FIRST_SCORE = 0.01  # what an untrained cell says
_FIRST_HEIGHT_CELLS = 2.5  # people are taller than wide


def grid_cells(width_px: int, height_px: int) -> tuple[Tensor, Tensor]:
    """The cells of all grids, row by row and stride by stride.

    Returns:
        float32 (cells, 2), the middle of each in pixels; float32 (cells, 1), its stride.
    """
    middles: list[Tensor] = []
    strides: list[Tensor] = []
    for stride in STRIDES:
        rows = (torch.arange(height_px // stride, dtype=torch.float32) + 0.5) * stride
        columns = (torch.arange(width_px // stride, dtype=torch.float32) + 0.5) * stride
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        middles.append(torch.stack((x.reshape(-1), y.reshape(-1)), dim=1))
        strides.append(torch.full((x.numel(), 1), float(stride)))
    return torch.cat(middles), torch.cat(strides)


def decode_boxes(raw: Tensor, middles: Tensor, strides: Tensor) -> Tensor:
    """Boxes as corners in input pixels.

    Args:
        raw: (n, cells, 4 or more): shift of the centre and logarithm of the size, both in cells.
        middles: (cells, 2), from :func:`grid_cells`.
        strides: (cells, 1), likewise.

    Returns:
        (n, cells, 4) left, top, right, bottom.
    """
    centres = middles + raw[..., :2] * strides
    halves = raw[..., 2:4].clamp(max=math.log(_LONGEST_CELLS)).exp() * strides * 0.5
    return torch.cat((centres - halves, centres + halves), dim=-1)


class PersonDetector(nn.Module):
    """From pictures to raw boxes and scores.

    Input: float (n, 3, height, width), BGR, 0 to 255; sides are multiples of 32.
    Output: float (n, cells, 5): shift of the centre and logarithm of the size in cells, logit of the score.

    Args:
        widths: channels at strides 2, 4, 8, 16 and 32.
        depths: residual blocks at strides 4, 8, 16 and 32.
        neck: channels of the three grids.
    """

    def __init__(
        self,
        widths: tuple[int, int, int, int, int] = (16, 24, 48, 96, 160),
        depths: tuple[int, int, int, int] = (0, 3, 4, 2),
        neck: int = 48,
    ) -> None:
        super().__init__()
        self.stem = conv_block(3, widths[0], 3, 2)
        self.levels = nn.ModuleList(
            nn.Sequential(
                conv_block(before, after, 3, 2),
                *(SeparableResidual(after, 5 if stride == 32 else 3) for _ in range(depth)),
            )
            for before, after, depth, stride in zip(widths, widths[1:], depths, (4, *STRIDES), strict=False)
        )
        self.laterals = nn.ModuleList(conv_block(width, neck, 1) for width in widths[2:])
        self.heads = nn.ModuleList(_head(neck) for _ in STRIDES)
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, images: Tensor) -> Tensor:
        """Raw boxes and scores of all cells, fine grid first."""
        features = self.stem(images * (1.0 / 255.0))
        levels: list[Tensor] = []
        for level, lateral in zip(self.levels, (None, *self.laterals), strict=True):
            features = level(features)
            if lateral is not None:
                levels.append(lateral(features))
        for index in (1, 0):
            levels[index] = levels[index] + self.up(levels[index + 1])
        raw = [head(grid).flatten(2) for head, grid in zip(self.heads, levels, strict=True)]
        return torch.cat(raw, dim=2).transpose(1, 2)


class DecodedDetector(nn.Module):
    """A trained detector for one input size, with decoding: what is exported.

    Input: float (n, 3, height, width), BGR, 0 to 255.
    Output: float (n, cells, 5): left, top, right, bottom in input pixels, score 0 to 1.
    """

    def __init__(self, net: PersonDetector, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> None:
        super().__init__()
        self.net = net
        middles, strides = grid_cells(width_px, height_px)
        self.register_buffer("middles", middles)
        self.register_buffer("strides", strides)

    def forward(self, images: Tensor) -> Tensor:
        """Boxes and scores, still with duplicates."""
        raw = self.net(images)
        boxes = decode_boxes(raw, self.get_buffer("middles"), self.get_buffer("strides"))
        return torch.cat((boxes, raw[..., 4:].sigmoid()), dim=-1)


def _head(channels: int) -> nn.Sequential:
    """From one grid's features to its raw boxes and scores, which begin small and person-shaped."""
    last = nn.Conv2d(channels, 5, 1)
    nn.init.normal_(last.weight, std=0.01)
    first = (0.0, 0.0, 0.0, math.log(_FIRST_HEIGHT_CELLS), math.log(_FIRST_SCORE / (1 - _FIRST_SCORE)))
    last.bias = nn.Parameter(torch.tensor(first))
    return nn.Sequential(separable_block(channels, channels, 5), separable_block(channels, channels, 5), last)
