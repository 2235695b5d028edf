"""Where the noise comes from that pictures are drawn out of: the CPU, so that the device changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import torch

from edge.ipg.options import Options

__all__ = ["NamedNoise", "Noise", "SequentialNoise", "make_noise"]


class Noise(Protocol):
    """Gives each picture its noise."""

    def draw(self, reference: str, poses: Sequence[str], shape: Sequence[int]) -> torch.Tensor:
        """Noise of all pictures of one reference.

        Args:
            reference: its name.
            poses: their names.
            shape: of one picture's latents.

        Returns:
            float32 (poses, *shape), standard normal.
        """
        ...


class NamedNoise:
    """A picture's noise depends on the seed and on the names of its reference and pose alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def draw(self, reference: str, poses: Sequence[str], shape: Sequence[int]) -> torch.Tensor:
        """See :class:`Noise`."""
        return torch.stack([self._one(reference, pose, shape) for pose in poses])

    def _one(self, reference: str, pose: str, shape: Sequence[int]) -> torch.Tensor:
        text = "\0".join((str(self._seed), reference, pose))
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1
        return torch.randn(*shape, generator=torch.Generator("cpu").manual_seed(seed))


class SequentialNoise:
    """One draw after the other from one generator, as upstream does it: the order counts, names do not."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def draw(self, reference: str, poses: Sequence[str], shape: Sequence[int]) -> torch.Tensor:
        """See :class:`Noise`."""
        return torch.randn(len(poses), *shape, generator=self._generator)


def make_noise(options: Options) -> Noise:
    """The source of noise that the options name."""
    return SequentialNoise(options.seed) if options.upstream_seeds else NamedNoise(options.seed)
