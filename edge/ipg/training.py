"""Training a generator: the loop, its checkpoint, pictures on the way, and the weights in the end.

Several processes, started by ``accelerate launch``, each learn from batches of their own; the first one
writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from edge.ipg.album import Album
from edge.ipg.training_batches import Batch, BatchMaker
from edge.ipg.training_loss import Learner
from edge.ipg.training_options import TrainingOptions
from edge.ipg.training_samples import draw_grid
from edge.nets.checkpoint_files import write_folder
from edge.nets.ipg import IpgNets
from edge.nets.training import Budget, Pace, Training

if TYPE_CHECKING:
    from edge.nets.machine import Machine

__all__ = ["SAMPLES", "WEIGHTS", "Outcome", "Scalars", "learned_nets", "train"]

SAMPLES, WEIGHTS = "samples", "weights"
_SMOOTH = 0.98  # of the reported loss

# Called after each step with its number, the share of the run that is done, and the smoothed loss.
OnStep = Callable[[int, float, float], None]


class Scalars(Protocol):
    """Where curves go, e.g. TensorBoard's ``SummaryWriter``."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object:
        """A point of a curve."""
        ...

    def add_image(self, tag: str, img_tensor: Any, global_step: int, *, dataformats: str) -> object:
        """A picture, uint8 (height, width, 3) with ``dataformats="HWC"``."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    steps: in all, of all parts of an interrupted run; ``resumed`` says whether this was not the first part.
    minutes: likewise.
    loss: smoothed, of the last steps; None when there was nothing left to do.
    weights: the folder they lie in.
    samples: files of pictures that this part of the run drew.
    """

    steps: int
    resumed: bool
    minutes: float
    loss: float | None
    weights: Path
    samples: list[Path]


def train(
    album: Album,
    nets: IpgNets,
    options: TrainingOptions,
    budget: Budget,
    out: Path,
    *,
    machine: Machine,
    device: str,
    album_name: str = "",
    sample_every: int = 0,
    save_every_s: float = 60.0,
    scalars: Scalars | None = None,
    on_step: OnStep | None = None,
) -> Outcome:
    """Train, or go on where an earlier run stopped.

    Args:
        album: the pictures.
        nets: on ``device``; they learn in place.
        options: how.
        budget: how long.
        out: holds the checkpoint, ``samples/`` and in the end ``weights/``; made if missing.
        machine: who computes.
        device: the machine's.
        album_name: says which pictures; a run goes on only with the same.
        sample_every: draw some people every so many steps, with the averaged weights; 0: never.
        save_every_s: between two checkpoints.
        scalars: where the loss and the rate go.
        on_step: told of every step.

    Raises:
        ConfigError: ``out`` holds a run with other options.
        OutputError: ``out`` cannot be written.
    """
    training = Training(
        Learner(nets, options.stage, options.gamma),
        budget,
        out,
        recipe=f"IPG, {album_name or 'pictures'}, {len(album.people)} in all, {options.words}",
        pace=Pace(options.rate, options.decay, options.warm_steps, options.average, save_every_s),
        device=device,
        machine=machine,
    )
    makers = BatchMaker(album, nets, options, machine.number)
    before = training.step
    loss: float | None = None
    samples: list[Path] = []

    def loss_of(batch: object) -> torch.Tensor:
        with machine.autocast():
            value: torch.Tensor = training.model(batch)
        return value

    for one in training.run(_from(makers, training.step), loss_of):
        loss = one if loss is None else _SMOOTH * loss + (1 - _SMOOTH) * one
        if scalars is not None and machine.is_first:
            scalars.add_scalar("loss", one, training.step)
            scalars.add_scalar("rate", training.rate, training.step)
        if on_step is not None:
            on_step(training.step, training.progress, loss)
        last = training.progress >= 1
        if machine.is_first and sample_every and (training.step % sample_every == 0 or last):
            path = out / SAMPLES / f"{training.step:07d}.png"
            grid = draw_grid(learned_nets(nets, training), album, path)
            samples.append(path)
            if scalars is not None:
                scalars.add_image("samples", grid, training.step, dataformats="HWC")
    if machine.is_first:
        write_folder(learned_nets(nets, training), out / WEIGHTS)
    return Outcome(training.step, before > 0, training.elapsed_s / 60, loss, out / WEIGHTS, samples)


def learned_nets(nets: IpgNets, training: Training) -> IpgNets:
    """The networks with the averaged weights of those that learn."""
    averaged: Any = training.averaged
    return replace(
        nets,
        ifr=averaged.ifr,
        pose_guider=averaged.pose_guider,
        reference_unet=averaged.reference_unet,
        denoising_unet=averaged.denoising_unet,
    )


def _from(makers: BatchMaker, start: int) -> Iterator[Batch]:
    return (makers[number] for number in count(start))
