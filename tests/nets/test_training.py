from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.errors import ConfigError, OutputError  # noqa: E402
from edge.nets.training import CHECKPOINT, Budget, Pace, Training, choose_device  # noqa: E402


def net() -> torch.nn.Module:
    torch.manual_seed(5)
    return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))


def training(folder: Path, steps: int = 40, recipe: str = "a test") -> Training:
    return Training(net(), Budget(steps=steps), folder, recipe=recipe, pace=Pace(rate=0.05, warm_steps=5))


def batch(number: int) -> torch.Tensor:
    return torch.randn(16, 3, generator=torch.Generator().manual_seed(number))


def go(run: Training, stop_after: int | None = None) -> list[float]:
    """Train on batches by number, from where the run is; stops early like somebody who interrupts it."""

    def loss_of(inputs: object) -> torch.Tensor:
        assert isinstance(inputs, torch.Tensor)
        return (run.parts(inputs)[:, 0] - inputs.sum(dim=1)).square().mean()

    losses: list[float] = []
    steps: Iterator[float] = run.run((batch(number) for number in count(run.step)), loss_of)
    for loss in steps:
        losses.append(loss)
        if stop_after is not None and len(losses) >= stop_after:
            steps.close()  # type: ignore[attr-defined]
            break
    return losses


def test_it_learns_and_stops_at_its_budget(tmp_path: Path) -> None:
    run = training(tmp_path)
    losses = go(run)
    assert run.step == len(losses) == 40
    assert losses[-1] < 0.5 * losses[0]


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole = training(tmp_path / "whole")
    expected = go(whole)

    first = go(training(tmp_path / "parts"), stop_after=15)
    second = training(tmp_path / "parts")
    assert second.resumed
    assert second.step == 15
    assert second.rate == pytest.approx(Training.rate.fget(second))
    moments = second._optimizer.state_dict()["state"]
    assert all(int(state["step"]) == 15 for state in moments.values())  # Adam goes on, too
    assert first + go(second) == pytest.approx(expected, rel=1e-5)
    for one, other in ((whole.parts, second.parts), (whole.averaged, second.averaged)):
        for name, value in one.state_dict().items():
            assert torch.allclose(value.float(), other.state_dict()[name].float(), atol=1e-6), name


def test_the_average_follows_the_weights_and_their_statistics(tmp_path: Path) -> None:
    run = training(tmp_path)
    before = run.averaged[1].running_mean.clone()
    go(run)
    learned, averaged = run.parts[0].weight, run.averaged[0].weight
    assert not torch.equal(learned, averaged)
    assert (learned - averaged).abs().max() < 0.5
    assert not torch.equal(before, run.averaged[1].running_mean)
    assert not run.averaged.training


def test_the_rate_rises_and_then_falls(tmp_path: Path) -> None:
    run = training(tmp_path)
    rates = []
    for step in (0, 2, 5, 20, 39):
        run.step = step
        rates.append(run.rate)
    assert rates[0] < rates[1] < rates[2]
    assert rates[2] > rates[3] > rates[4]


def test_minutes_of_earlier_parts_count() -> None:
    budget = Budget(minutes=2.0)
    assert budget.progress(10, 60.0) == 0.5
    assert budget.progress(10, 600.0) == 1.0
    assert Budget(steps=100, minutes=2.0).progress(90, 60.0) == 0.9


def test_a_run_of_another_recipe_is_not_continued(tmp_path: Path) -> None:
    go(training(tmp_path), stop_after=1)
    with pytest.raises(ConfigError, match=r"belongs to another run \(a test; this one is another\)"):
        training(tmp_path, recipe="another")


def test_a_new_run_may_begin_with_what_another_learnt(tmp_path: Path) -> None:
    before = training(tmp_path / "one")
    losses = go(before)
    start = tmp_path / "one" / CHECKPOINT
    run = Training(net(), Budget(steps=40), tmp_path / "two", recipe="another", start=start)
    assert (run.step, run.resumed) == (0, False)
    for name, value in run.parts.state_dict().items():
        assert torch.equal(value, before.averaged.state_dict()[name])
    assert go(run, stop_after=1)[0] < 0.5 * losses[0]


def test_what_another_network_learnt_is_refused(tmp_path: Path) -> None:
    go(training(tmp_path / "one", steps=1))
    start = tmp_path / "one" / CHECKPOINT
    with pytest.raises(ConfigError, match="holds no run of this network"):
        Training(torch.nn.Linear(2, 2), Budget(steps=1), tmp_path / "two", recipe="another", start=start)
    with pytest.raises(OutputError, match=r"cannot read .*nothing.pt.*give another file"):
        Training(net(), Budget(steps=1), tmp_path / "two", recipe="x", start=tmp_path / "nothing.pt")


def test_a_broken_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(OutputError, match="remove it to begin anew"):
        training(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose another --out"):
        training(tmp_path / "file" / "run")


def test_devices() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ConfigError, match="device 'abacus' cannot be used"):
        choose_device("abacus")
