"""Who computes a training: this process alone, or several GPUs by way of accelerate."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from edge.errors import ConfigError, MissingExtraError

__all__ = ["PRECISIONS", "Accelerated", "Machine", "OneDevice", "choose_machine"]

PRECISIONS = ("no", "fp16", "bf16")


class Machine(Protocol):
    """What a training asks of whoever computes.

    is_first: whether this process writes files.
    number, count: of this process, from 0, and of all.
    """

    is_first: bool
    number: int
    count: int

    def prepare(self, parts: nn.Module, optimizer: Any) -> tuple[nn.Module, Any]:
        """The same two, as they are to be run."""
        ...

    def autocast(self) -> AbstractContextManager[object]:
        """Inside, passes run in the chosen precision."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Work out the gradients."""
        ...

    def clip(self, weights: Iterable[nn.Parameter], longest: float) -> None:
        """Shorten the gradient to this length."""
        ...

    def agreed(self, value: float) -> float:
        """The first process's value, for all."""
        ...

    def in_turn(self) -> AbstractContextManager[object]:
        """The others enter only when the first process has left."""
        ...

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold of it."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take that up again."""
        ...


class OneDevice:
    """This process alone, in float32."""

    is_first, number, count = True, 0, 1

    def prepare(self, parts: nn.Module, optimizer: Any) -> tuple[nn.Module, Any]:
        """See :class:`Machine`."""
        return parts, optimizer

    def autocast(self) -> AbstractContextManager[object]:
        """See :class:`Machine`."""
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """See :class:`Machine`."""
        loss.backward()

    def clip(self, weights: Iterable[nn.Parameter], longest: float) -> None:
        """See :class:`Machine`."""
        nn.utils.clip_grad_norm_(weights, longest)

    def agreed(self, value: float) -> float:
        """See :class:`Machine`."""
        return value

    def in_turn(self) -> AbstractContextManager[object]:
        """See :class:`Machine`."""
        return nullcontext()

    def state(self) -> dict[str, Any]:
        """See :class:`Machine`."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """See :class:`Machine`."""


class Accelerated:
    """One of the processes that ``accelerate launch`` started, or the only one.

    Args:
        precision: of the passes: ``no`` is float32.
        cpu: stay on the CPU whatever is there.
    """

    def __init__(self, precision: str, *, cpu: bool) -> None:
        from accelerate import Accelerator
        from accelerate.utils import DistributedDataParallelKwargs

        # The last layers of a reference net are never used, so some weights get no gradient.
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        self._accelerator = Accelerator(mixed_precision=precision, cpu=cpu, kwargs_handlers=[unused])
        self.is_first: bool = self._accelerator.is_main_process
        self.number: int = self._accelerator.process_index
        self.count: int = self._accelerator.num_processes

    @property
    def device(self) -> str:
        """Where this process computes."""
        return str(self._accelerator.device)

    def prepare(self, parts: nn.Module, optimizer: Any) -> tuple[nn.Module, Any]:
        """See :class:`Machine`."""
        model, prepared = self._accelerator.prepare(parts, optimizer)
        return model, prepared

    def autocast(self) -> AbstractContextManager[object]:
        """See :class:`Machine`."""
        context: AbstractContextManager[object] = self._accelerator.autocast()
        return context

    def backward(self, loss: Tensor) -> None:
        """See :class:`Machine`."""
        self._accelerator.backward(loss)

    def clip(self, weights: Iterable[nn.Parameter], longest: float) -> None:
        """See :class:`Machine`."""
        self._accelerator.clip_grad_norm_(weights, longest)

    def agreed(self, value: float) -> float:
        """See :class:`Machine`."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast

        told = broadcast(torch.tensor(value, dtype=torch.float64, device=self._accelerator.device))
        return float(told)

    def in_turn(self) -> AbstractContextManager[object]:
        """See :class:`Machine`."""
        turn: AbstractContextManager[object] = self._accelerator.main_process_first()
        return turn

    def state(self) -> dict[str, Any]:
        """See :class:`Machine`."""
        scaler = self._accelerator.scaler
        return {} if scaler is None else {"scaler": scaler.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """See :class:`Machine`."""
        if "scaler" in state and self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(state["scaler"])


def choose_machine(device: str, precision: str) -> tuple[Machine, str, str]:
    """Accelerate where it is installed, else this process alone.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:1``. Accelerate chooses the GPU itself where it started
            several processes.
        precision: one of :data:`PRECISIONS`.

    Returns:
        The machine, the device's name, and a line that says who computes.

    Raises:
        ConfigError: no such precision.
        MissingExtraError: another precision than float32 is wanted, and accelerate is not installed.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"must be one of {', '.join(PRECISIONS)} (got '{precision}')", key="--precision")
    if find_spec("accelerate") is None:
        if precision != "no":
            raise MissingExtraError(
                f"--precision {precision} needs the package 'accelerate'; pip install 'edge-reid[train]'"
            )
        return OneDevice(), device, f"one process on {device}; accelerate, for several GPUs, is not installed"
    from torch import distributed

    several = distributed.is_available() and distributed.is_torchelastic_launched()
    if ":" in device and not several:  # accelerate knows no way to be told which GPU; float32 needs none
        if precision != "no":
            raise ConfigError(
                "with --precision give cuda, and choose the GPU by CUDA_VISIBLE_DEVICES", key="--device"
            )
        return OneDevice(), device, f"one process on {device}"
    machine = Accelerated(precision, cpu=device == "cpu")
    return machine, machine.device, f"accelerate, {machine.count} process(es), on {machine.device}"
