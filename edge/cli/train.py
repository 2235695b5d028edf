"""Body of ``edge train ipg``."""

from __future__ import annotations

import json as jsonlib
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from edge.cli.training import bars
from edge.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from edge.ipg.album import Album
    from edge.ipg.training import Outcome, Scalars
    from edge.ipg.training_options import TrainingOptions
    from edge.nets.machine import Machine

__all__ = ["Request", "train_ipg"]

NEEDED = ("torch", "diffusers", "PIL", "safetensors")
LISTED = 10  # files left out that are shown
TOLD_EVERY = 50  # steps between two lines where nobody sees a bar


@dataclass(frozen=True, slots=True)
class Request:
    """The command line; None where an option was not given. The rest is in ``TrainingOptions``."""

    ckpt_dir: Path
    out: Path
    data: Path | None = None
    drawn: int | None = None
    views: int = 8
    cache: Path = Path("out/drawn")
    stage: int = 1
    steps: int | None = None
    minutes: float | None = None
    references: int | None = None
    targets: int | None = None
    rate: float | None = None
    warm_steps: int | None = None
    average: float | None = None
    dropout: float | None = None
    gamma: float | None = None
    noise_offset: float | None = None
    seed: int | None = None
    device: str = "auto"
    precision: str = "no"
    threads: int | None = None
    sample_every: int = 500
    tensorboard: bool = False
    json: bool = False


def train_ipg(request: Request) -> int:
    """Train a generator of pedestrians, or go on with a training that was interrupted.

    Returns:
        0; 130 when interrupted, with a checkpoint to go on from.

    Raises:
        ConfigError: an option or a folder is wrong.
        StartError: weights or a package are missing, or the output cannot be written.
    """
    for name in NEEDED:
        if find_spec(name) is None:
            package = {"PIL": "pillow"}.get(name, name)
            raise MissingExtraError(
                f"this command needs the package '{package}'; pip install 'edge-reid[ipg]'"
            )
    _require_sense(request)
    options = _options(request)

    import torch

    from edge.ipg.training_start import open_start
    from edge.nets.machine import choose_machine
    from edge.nets.training import choose_device

    if request.threads is not None:
        torch.set_num_threads(request.threads)
    machine, device, line = choose_machine(choose_device(request.device), request.precision)
    start = open_start(request.ckpt_dir, options.stage, device, options.seed)
    if machine.is_first:
        begins = ", ".join(f"{name} {origin}" for name, origin in start.origins.items())
        print(f"{line}; begins with: {begins}", file=sys.stderr)
    album, name = _album(request, machine)
    scalars = _scalars(request) if machine.is_first else None
    try:
        with _interruptible():
            outcome = _train(request, options, album, name, start.nets, machine, device, scalars)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    finally:
        if scalars is not None:
            scalars.close()
    if machine.is_first:
        _print_report(request, outcome, start.origins, len(album.people))
    return 0


def _require_sense(request: Request) -> None:
    if (request.data is None) == (request.drawn is None):
        raise ConfigError("give either --data DIR, pictures with keypoints, or --drawn PEOPLE")
    if request.steps is None and request.minutes is None:
        raise ConfigError("give --steps N or --minutes M, how long to train")
    for name, value, least in (
        ("--drawn", request.drawn, 2),
        ("--views", request.views, 2),
        ("--steps", request.steps, 1),
        ("--threads", request.threads, 1),
        ("--sample-every", request.sample_every, 0),
    ):
        if value is not None and value < least:
            raise ConfigError(f"must be {least} or more (got {value})", key=name)
    if request.minutes is not None and request.minutes <= 0:
        raise ConfigError(f"must be more than 0 (got {request.minutes})", key="--minutes")
    if request.tensorboard and find_spec("tensorboard") is None:
        raise MissingExtraError(
            "--tensorboard needs the package 'tensorboard'; pip install 'edge-reid[train]'"
        )


def _options(request: Request) -> TrainingOptions:
    from edge.ipg.training_options import STAGE_RATES, TrainingOptions

    given: dict[str, Any] = {}
    for one in fields(TrainingOptions):
        value = getattr(request, one.name, None)
        if value is not None:
            given[one.name] = value
    given.setdefault("rate", STAGE_RATES.get(request.stage, STAGE_RATES[1]))
    return TrainingOptions(**given)


def _album(request: Request, machine: Machine) -> tuple[Album, str]:
    """The pictures, and what they are called in the checkpoint."""
    if request.data is not None:
        from edge.ipg.album import read_album

        album, skips = read_album(request.data)
        if skips and machine.is_first:
            print(f"{len(skips)} files were left out:", file=sys.stderr)
            for path, reason in skips[:LISTED]:
                print(f"  {path} {reason}", file=sys.stderr)
        return album, request.data.resolve().name
    from edge.cli.drawn_album import drawn_album

    people = request.drawn or 0
    with machine.in_turn(), bars("drawing people") as show:  # the others find them drawn
        album = drawn_album(request.cache, people, request.views, drawn=show)
    return album, f"{people} drawn people, {request.views} views"


def _train(
    request: Request,
    options: TrainingOptions,
    album: Album,
    name: str,
    nets: Any,
    machine: Machine,
    device: str,
    scalars: Scalars | None,
) -> Outcome:
    from edge.ipg.training import train
    from edge.nets.training import Budget

    with bars("training") as show:

        def on_step(step: int, progress: float, loss: float) -> None:
            if not machine.is_first:
                return
            show(round(1000 * progress), 1000)
            if step % TOLD_EVERY == 0:
                print(f"step {step}  {progress:.1%}  loss {loss:.4f}", file=sys.stderr, flush=True)

        return train(
            album,
            nets,
            options,
            Budget(request.steps, request.minutes),
            request.out,
            machine=machine,
            device=device,
            album_name=name,
            sample_every=request.sample_every,
            scalars=scalars,
            on_step=on_step,
        )


def _scalars(request: Request) -> Any:
    if not request.tensorboard:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(request.out / "tensorboard"))


def _print_report(request: Request, outcome: Outcome, origins: dict[str, str], pictures: int) -> None:
    result = {
        "stage": request.stage,
        "steps": outcome.steps,
        "minutes": round(outcome.minutes, 2),
        "loss": None if outcome.loss is None else round(outcome.loss, 5),
        "resumed": outcome.resumed,
        "pictures": pictures,
        "begins_with": origins,
        "weights": str(outcome.weights),
        "samples": [str(path) for path in outcome.samples],
    }
    if request.json:
        print(jsonlib.dumps(result, indent=2, ensure_ascii=False))
        return
    print(f"{outcome.steps} steps in {outcome.minutes:.1f} minutes; weights: {outcome.weights}")
    if outcome.samples:
        print(f"pictures: {outcome.samples[-1]}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does: after the checkpoint is written."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: Callable[[int, FrameType | None], Any] | int | None = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
