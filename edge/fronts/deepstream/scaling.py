"""From a card's ``(pixel * scale - mean) / std`` to DeepStream's ``factor * (pixel - offset)``.

Both nvinfer and the network inside nvtracker have one factor for all channels and one offset per channel.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.config.card import ModelCard
from edge.errors import ConfigError

__all__ = ["Scaling", "scaling_of"]

_SPREAD_MAX = 0.03


@dataclass(frozen=True, slots=True)
class Scaling:
    """What is done to each pixel.

    factor: ``net-scale-factor``, ``netScaleFactor``.
    offsets: subtracted before, per channel in the network's colour order.
    note: what is not exactly as the card says; empty when it is.
    """

    factor: float
    offsets: tuple[float, float, float]
    note: str = ""


def scaling_of(card: ModelCard) -> Scaling:
    """Return a card's scaling in DeepStream's form.

    Standard deviations that differ by less than 3 % between channels, as ImageNet's do, are replaced by their
    mean, and the note says so.

    Raises:
        ConfigError: they differ by more, or the input is not float32, which DeepStream feeds.
    """
    image = card.input
    if image.dtype != "float32":
        raise ConfigError(
            f"model '{card.name}': its input is {image.dtype}, and DeepStream feeds float32; export it with "
            "a float32 input"
        )
    mean = sum(image.std) / 3.0
    spread = max(abs(std / mean - 1.0) for std in image.std)
    if spread > _SPREAD_MAX:
        raise ConfigError(
            f"model '{card.name}': std differs between channels {list(image.std)}, and DeepStream has one "
            "factor for all; fold the scaling into the graph, or take another model"
        )
    note = ""
    if spread > 1e-9:
        note = f"std {list(image.std)} is taken as {mean:.6g} in every channel (off by {spread:.1%} at most)"
    first, second, third = (value / image.scale for value in image.mean)
    return Scaling(image.scale / mean, (first, second, third), note)
