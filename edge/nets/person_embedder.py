"""A small network that describes a person on a picture by a vector, for CPUs.

Plain 3x3 convolutions with few channels, then means of four horizontal bands (head, chest, hips, legs) and
the strongest answer anywhere. Trained with a classifier on top that is thrown away afterwards.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edge.nets.blocks import Residual, conv_block

__all__ = ["DIM", "HEIGHT_PX", "WIDTH_PX", "PersonEmbedder"]

WIDTH_PX, HEIGHT_PX = 64, 128
DIM = 192
_BANDS = 4
_LAST_STRIDE = 16
_BAND_CELLS = (HEIGHT_PX // _LAST_STRIDE // _BANDS, WIDTH_PX // _LAST_STRIDE)  # the graph needs a constant


class PersonEmbedder(nn.Module):
    """From crops to vectors that are compared by cosine.

    Input: float (n, 3, 128, 64), BGR, 0 to 255.
    Output: float (n, dim), not normalized.

    Args:
        widths: channels at strides 2, 4, 8 and 16.
        depths: residual blocks at strides 4, 8 and 16.
        dim: length of the vector.
    """

    def __init__(
        self,
        widths: tuple[int, int, int, int] = (16, 32, 64, 128),
        depths: tuple[int, int, int] = (1, 2, 2),
        dim: int = DIM,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_block(3, widths[0], 3, 2)]
        for before, after, depth in zip(widths, widths[1:], depths, strict=False):
            layers += [conv_block(before, after, 3, 2), *(Residual(after) for _ in range(depth))]
        self.features = nn.Sequential(*layers)
        self.describe = nn.Linear(widths[-1] * (_BANDS + 1), dim, bias=False)
        self.even_out = nn.BatchNorm1d(dim)

    def forward(self, images: Tensor) -> Tensor:
        """The vectors."""
        features = self.features(images * (1.0 / 255.0))
        bands = functional.avg_pool2d(features, _BAND_CELLS).flatten(1)
        vectors: Tensor = self.even_out(self.describe(torch.cat((bands, features.amax(dim=(2, 3))), dim=1)))
        return vectors
