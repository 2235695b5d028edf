"""From noise to latents: the noise schedule and the two ways of stepping through it.

All steps predict v (Salimans & Ho, ICLR 2022, appendix D), and the last level is nothing but noise (zero
terminal SNR: Lin et al., WACV 2024, algorithm 1), with "trailing" steps (table 2 there).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch

from edge.ipg.options import Options

__all__ = ["Ddim", "DpmSolver", "Sampler", "angle_times", "alphas_cumprod", "make_sampler", "trailing_times"]

LEVELS = 1000
ANGLE_POWER = 1.3  # of angle_times
BETA_START, BETA_END = 0.00085, 0.012


def alphas_cumprod() -> torch.Tensor:
    """Share of the picture in the squared signal at each level: float32 (1000,), the last one 0."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, LEVELS, dtype=torch.float32) ** 2
    roots = torch.cumprod(1.0 - betas, dim=0).sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    squares = ((roots - last) * (first / (first - last))) ** 2
    alphas = torch.cat([squares[:1], squares[1:] / squares[:-1]])
    return torch.cumprod(
        1 - (1 - alphas), dim=0
    )  # through the betas, in whose rounding upstream's tables are


def trailing_times(steps: int) -> list[int]:
    """Level of each step, from 999 downwards."""
    return [int(level) for level in np.round(np.arange(LEVELS, 0, -LEVELS / steps)).astype(np.int64) - 1]


def angle_times(steps: int) -> list[int]:
    """Level of each step, closer together towards the end.

    The angle between signal and noise, a quarter turn at first, is ``(1 - i / steps) ** 1.3`` of that. On
    pictures that are normally distributed, where the truth is known, the second-order solver has with five
    such steps the error that DDIM has with twenty trailing ones.
    """
    levels = alphas_cumprod().double()
    angles = torch.atan2((1 - levels).sqrt(), levels.sqrt()).numpy()
    wanted = np.pi / 2 * (1 - np.arange(steps) / steps) ** ANGLE_POWER
    times: list[int] = []
    for number, angle in enumerate(wanted):
        nearest = int(np.abs(angles - angle).argmin())
        below = times[-1] - 1 if times else LEVELS - 1
        times.append(max(min(nearest, below), steps - 1 - number))
    return times


class Sampler(Protocol):
    """Steps from noise to latents; made anew for each batch."""

    times: list[int]

    def step(self, index: int, prediction: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        """The latents of the next level.

        Args:
            index: which step, from 0; each is asked for once, in order.
            prediction: v at that level, of the latents' shape.
            latents: at that level.
        """
        ...


class Ddim:
    """Song et al., ICLR 2021, equation 12 with sigma 0."""

    def __init__(self, steps: int) -> None:
        self.times = trailing_times(steps)
        self._levels = torch.cat([alphas_cumprod()[self.times], torch.ones(1)])

    def step(self, index: int, prediction: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        """See :class:`Sampler`."""
        here, there = self._levels[index], self._levels[index + 1]
        signal, noise = here**0.5, (1 - here) ** 0.5
        clean = signal * latents - noise * prediction
        dirt = signal * prediction + noise * latents
        out: torch.Tensor = there**0.5 * clean + (1 - there) ** 0.5 * dirt
        return out


class DpmSolver:
    """DPM-Solver++ (2M): Lu et al., 2022, algorithm 2, predicting the clean latents.

    Written with ratios of signal and noise, so that a first level without any signal is no special case: the
    second step has then nothing to extrapolate from and is of first order, as is the last one.
    """

    def __init__(self, steps: int) -> None:
        self.times = angle_times(steps)
        alphas = alphas_cumprod().double()
        levels = torch.cat([alphas[self.times], torch.ones(1, dtype=torch.float64)])
        self._signal, self._noise = levels.sqrt().tolist(), (1 - levels).sqrt().tolist()
        self._last: torch.Tensor | None = None

    def step(self, index: int, prediction: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        """See :class:`Sampler`."""
        signal, noise = self._signal[index], self._noise[index]
        clean = signal * latents - noise * prediction
        weight = self._extrapolation(index)
        target = clean if self._last is None else clean + weight * (clean - self._last)
        self._last = clean
        next_signal, next_noise = self._signal[index + 1], self._noise[index + 1]
        kept = next_noise / noise
        out: torch.Tensor = kept * latents + (next_signal - kept * signal) * target
        return out

    def _extrapolation(self, index: int) -> float:
        """Half the ratio of this step's length to the last one's, in the logarithm of signal over noise."""
        if index == 0 or index + 1 == len(self.times) or self._signal[index - 1] == 0:
            return 0.0
        before, here, there = (
            np.log(self._signal[at] / self._noise[at]) for at in (index - 1, index, index + 1)
        )
        return float((there - here) / (here - before) / 2)


def make_sampler(options: Options) -> Sampler:
    """The sampler that the options name."""
    return Ddim(options.steps) if options.scheduler == "ddim" else DpmSolver(options.steps)
