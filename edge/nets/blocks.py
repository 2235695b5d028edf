"""The pieces both small networks are made of: convolution, normalization, rectifier."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["Residual", "SeparableResidual", "conv_block", "separable_block"]


def conv_block(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution, batch normalization and a rectifier, which runtimes compute as one."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def separable_block(inputs: int, outputs: int, size: int = 3) -> nn.Sequential:
    """A convolution per channel, then one of single pixels that mixes the channels."""
    return nn.Sequential(conv_block(inputs, inputs, size, groups=inputs), conv_block(inputs, outputs, 1))


class SeparableResidual(nn.Module):
    """Adds a separable convolution of the features to them, (n, channels, h, w) to the same."""

    def __init__(self, channels: int, size: int = 3) -> None:
        super().__init__()
        self.change = separable_block(channels, channels, size)

    def forward(self, features: Tensor) -> Tensor:
        """Add the change."""
        changed: Tensor = features + self.change(features)
        return changed


class Residual(nn.Module):
    """Adds a 3x3 convolution through half as many channels, (n, channels, h, w) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            conv_block(channels, channels // 2, 1), conv_block(channels // 2, channels, 3)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Add the change."""
        changed: Tensor = features + self.change(features)
        return changed
