from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.errors import ConfigError, MissingExtraError  # noqa: E402
from edge.nets import machine as module  # noqa: E402
from edge.nets.machine import OneDevice, choose_machine  # noqa: E402
from edge.nets.training import Budget, Pace, Training  # noqa: E402


def train(folder: Path, precision: str, *, use_accelerate: bool) -> torch.Tensor:
    torch.manual_seed(0)
    net = torch.nn.Linear(4, 1)
    machine = choose_machine("cpu", precision)[0] if use_accelerate else OneDevice()
    run = Training(
        net, Budget(steps=5), folder, recipe="a test", pace=Pace(0.05, warm_steps=1), machine=machine
    )
    inputs = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))

    def loss_of(batch: object) -> torch.Tensor:
        with machine.autocast():
            out: torch.Tensor = run.model(inputs)
        return (out.float() - 1).square().mean()

    list(run.run(iter([None] * 5), loss_of))
    return net.weight.detach()


def test_accelerate_computes_what_this_process_alone_does(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    alone = train(tmp_path / "alone", "no", use_accelerate=False)
    by_accelerate = train(tmp_path / "accelerate", "no", use_accelerate=True)
    assert torch.equal(alone, by_accelerate)


def test_without_accelerate_it_says_so_and_refuses_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    machine, device, line = choose_machine("cpu", "no")
    assert isinstance(machine, OneDevice)
    assert device == "cpu"
    assert line == "one process on cpu; accelerate, for several GPUs, is not installed"
    with pytest.raises(MissingExtraError, match="--precision fp16 needs the package 'accelerate'"):
        choose_machine("cpu", "fp16")


def test_one_of_several_gpus_is_named_without_accelerate_or_by_the_environment() -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    machine, device, line = choose_machine("cuda:1", "no")
    assert isinstance(machine, OneDevice)
    assert (device, line) == ("cuda:1", "one process on cuda:1")
    with pytest.raises(ConfigError, match="choose the GPU by CUDA_VISIBLE_DEVICES"):
        choose_machine("cuda:1", "bf16")
