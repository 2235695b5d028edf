"""A training run that can be interrupted: schedule, average of the weights, checkpoint.

The length of a run is a number of steps, or minutes of work (those of earlier parts of it count). Progress,
from 0 to 1, sets the learning rate: a short rise, then half a cosine down.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edge.errors import ConfigError, OutputError
from edge.nets.machine import Machine, OneDevice

__all__ = ["CHECKPOINT", "Budget", "Pace", "Training", "choose_device"]

CHECKPOINT = "checkpoint.pt"
_LONGEST_GRADIENT = 10.0
_LEAST_RATE = 0.01  # of the highest


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to train: whichever is reached first; at least one is given.

    steps: batches in all.
    minutes: of training in all, over all parts of an interrupted run.
    """

    steps: int | None = None
    minutes: float | None = None

    def progress(self, step: int, elapsed_s: float) -> float:
        """Share of the run that is done, 0 to 1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = elapsed_s / (60.0 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(by_steps, by_time))


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it learns.

    rate: highest learning rate.
    decay: weight decay of AdamW.
    warm_steps: steps of the rise at the beginning.
    average: how slowly the averaged weights follow, 0 to 1.
    save_every_s: seconds between two checkpoints.
    """

    rate: float = 2e-3
    decay: float = 0.02
    warm_steps: int = 200
    average: float = 0.998
    save_every_s: float = 60.0


def _read(file: Path, remedy: str) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  torch raises whatever its readers do
        raise OutputError(f"cannot read {file}: {error}; {remedy}") from None
    return state


class Training:
    """One run: the parts that learn, their average, the optimizer, and a folder to go on from.

    ``parts`` are the parts themselves, ``model`` the same as the machine runs them (where several GPUs share
    the work, a loss must go through it), ``averaged`` their average, in evaluation mode.

    Args:
        parts: everything that learns.
        budget: how long.
        pace: how fast.
        folder: where the checkpoint lies; made if missing.
        recipe: what must be the same for a run to be continued, in words.
        device: where the parts are moved.
        start: checkpoint of another run whose averaged weights a new run begins with; None begins with the
            parts as they are.
        machine: who computes; this process alone unless given, see :mod:`edge.nets.machine`.

    Raises:
        ConfigError: the folder holds a run of another recipe, or ``start`` one of another network.
        OutputError: the folder cannot be made, or a checkpoint not be read.
    """

    def __init__(
        self,
        parts: nn.Module,
        budget: Budget,
        folder: Path,
        *,
        recipe: str,
        pace: Pace | None = None,
        device: str = "cpu",
        start: Path | None = None,
        machine: Machine | None = None,
    ) -> None:
        self._machine = machine or OneDevice()
        self.parts = parts.to(device)
        if start is not None:
            self._begin_with(start)
        for weights in self.parts.parameters():
            if weights.dim() == 4:  # convolutions of channels last: a third faster on a CPU
                weights.data = weights.data.contiguous(memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(self.parts).eval().requires_grad_(False)
        self.budget, self.pace = budget, pace or Pace()
        self.step, self.elapsed_s = 0, 0.0
        self._recipe, self._device = recipe, device
        self._file = folder / CHECKPOINT
        self._optimizer = torch.optim.AdamW(
            self.parts.parameters(), lr=self.pace.rate, weight_decay=self.pace.decay
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make {folder}: {error.strerror}; choose another --out") from None
        self.resumed = self._resume()
        self.model, self._optimizer = self._machine.prepare(self.parts, self._optimizer)

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        return self.budget.progress(self.step, self.elapsed_s)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        rise = min(1.0, (self.step + 1) / self.pace.warm_steps)
        fall = _LEAST_RATE + (1.0 - _LEAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * self.progress))
        return self.pace.rate * rise * fall

    def run(
        self, batches: Iterator[object], loss_of: Callable[[object], Tensor], until: float = 1.0
    ) -> Iterator[float]:
        """Train to the end of the budget, a step at a time; saves in between, at the end and on the way out.

        Args:
            batches: the batches from ``step`` on.
            loss_of: from a batch to what is to be made small.
            until: stop at this progress, to go on with other batches.

        Yields:
            The loss of each step.
        """
        saved_at = began = time.monotonic()
        before_s = self.elapsed_s
        try:
            while self.progress < until:
                batch = next(batches)
                loss = self._learn(loss_of(batch))
                self.elapsed_s = self._machine.agreed(before_s + time.monotonic() - began)
                if time.monotonic() - saved_at > self.pace.save_every_s:
                    self.save()
                    saved_at = time.monotonic()
                yield loss
        finally:
            self.save()

    def save(self) -> None:
        """Write the checkpoint; the old one stays whole until the new one is.

        Raises:
            OutputError: it cannot be written.
        """
        if not self._machine.is_first:
            return
        state = {
            "recipe": self._recipe,
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "parts": self.parts.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "machine": self._machine.state(),
        }
        part = self._file.with_suffix(".part")
        try:
            torch.save(state, part)
            part.replace(self._file)
        except (OSError, RuntimeError) as error:  # torch's writer knows no OSError
            part.unlink(missing_ok=True)
            raise OutputError(f"cannot write {self._file}: {error}; free some space") from None

    def _learn(self, loss: Tensor) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate
        self._optimizer.zero_grad(set_to_none=True)
        self._machine.backward(loss)
        self._machine.clip(self.parts.parameters(), _LONGEST_GRADIENT)
        self._optimizer.step()
        self.step += 1
        self._follow()
        return float(loss.detach())

    def _follow(self) -> None:
        """Let the average follow; in the first steps, which know little, quickly."""
        keep = min(self.pace.average, self.step / (self.step + 10.0))
        with torch.no_grad():
            learned = self.parts.state_dict()
            for name, value in self.averaged.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(learned[name], 1.0 - keep)
                else:
                    value.copy_(learned[name])

    def _begin_with(self, start: Path) -> None:
        state = _read(start, "give another file")
        try:
            self.parts.load_state_dict(state["averaged"])
        except (KeyError, RuntimeError, TypeError):
            raise ConfigError(f"{start} holds no run of this network; give its {CHECKPOINT}") from None

    def _resume(self) -> bool:
        if not self._file.is_file():
            return False
        state = _read(self._file, "remove it to begin anew")
        if state["recipe"] != self._recipe:
            raise ConfigError(
                f"{self._file} belongs to another run ({state['recipe']}; this one is {self._recipe}); "
                "choose another --out, or remove it"
            )
        self.parts.load_state_dict(state["parts"])
        self.averaged.load_state_dict(state["averaged"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._machine.restore(state.get("machine", {}))
        self.step, self.elapsed_s = int(state["step"]), float(state["elapsed_s"])
        return True


def choose_device(wanted: str) -> str:
    """``auto`` is CUDA where there is some, else the CPU; anything else is taken as it is.

    Raises:
        ConfigError: torch cannot compute there.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device '{wanted}' cannot be used: {str(error).splitlines()[0]}; try 'cpu'"
        ) from None
    return wanted
