from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from oracle import arrays

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.ipg.options import Options  # noqa: E402
from edge.ipg.schedule import Ddim, DpmSolver, alphas_cumprod, angle_times, make_sampler, trailing_times  # noqa: E402


def test_tables_are_those_of_the_oracle(shared: Path) -> None:
    golden = arrays(shared, "ddim.npz")
    np.testing.assert_allclose(alphas_cumprod(), golden["alphas_cumprod"], rtol=2e-6, atol=1e-9)
    assert float(alphas_cumprod()[-1]) == 0.0
    for steps in (4, 10, 20, 25, 50):
        assert trailing_times(steps) == golden[f"timesteps{steps}"].tolist()


def test_steps_are_those_of_the_oracle(shared: Path) -> None:
    golden = arrays(shared, "ddim.npz")
    sampler = Ddim(20)
    latents = torch.from_numpy(golden["step.x0"])
    for index in range(20):
        latents = sampler.step(index, torch.from_numpy(golden["step.v"][index]), latents)
        np.testing.assert_allclose(latents, golden["step.x"][index], atol=2e-6, rtol=2e-6)


@pytest.mark.parametrize("kind", ["ddim", "dpmpp"])
@pytest.mark.parametrize("steps", [1, 2, 5, 7, 20, 1000])
def test_a_net_that_knows_the_picture_draws_it(kind: str, steps: int) -> None:
    """With the right v at every level, each solver ends exactly at the picture."""
    clean, noise = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    sampler = make_sampler(Options(steps=steps, scheduler=kind))  # type: ignore[arg-type]
    alphas = alphas_cumprod()
    latents = noise
    for index, time in enumerate(sampler.times):
        signal, dirt = alphas[time].sqrt(), (1 - alphas[time]).sqrt()
        dirty = (latents - signal * clean) / dirt
        latents = sampler.step(index, signal * dirty - dirt * clean, latents)
    np.testing.assert_allclose(latents, clean, atol=2e-5)


@pytest.mark.parametrize("deviation", [0.25, 0.6])
def test_five_steps_of_second_order_are_as_precise_as_twenty_of_first(deviation: float) -> None:
    """On normally distributed pictures, whose prediction is known; 1000 steps are taken for the truth."""

    def run(sampler: Ddim | DpmSolver) -> torch.Tensor:
        alphas = alphas_cumprod().double()
        latents = torch.linspace(-2, 2, 50, dtype=torch.float64)
        for index, time in enumerate(sampler.times):
            signal, dirt = alphas[time].sqrt(), (1 - alphas[time]).sqrt()
            spread = signal**2 * deviation**2 + dirt**2
            clean = 0.5 + deviation**2 * signal / spread * (latents - signal * 0.5)
            v = (signal * latents - clean) / dirt
            latents = sampler.step(index, v, latents)
        return latents

    truth = run(Ddim(1000))
    first, second = ((run(sampler) - truth).abs().mean() for sampler in (Ddim(20), DpmSolver(5)))
    assert second < first
    assert DpmSolver(5).times == [999, 578, 350, 168, 37]


def test_levels_are_strictly_descending_however_many_steps_there_are() -> None:
    for steps in (1, 3, 50, 400, 1000):
        times = angle_times(steps)
        assert times[0] == 999
        assert times[-1] >= 0
        assert all(later < earlier for earlier, later in pairwise(times))
