"""What the training scripts in ``models/`` share: options, progress bars, the loop around a run."""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from edge.cli.progress import processors
from edge.errors import EdgeError

if TYPE_CHECKING:
    from torch import Tensor

    from edge.nets.training import Budget, Training
    from edge.site.picture_store import Drawn

__all__ = [
    "bars",
    "batches_from",
    "budget_of",
    "follow",
    "prepare_torch",
    "print_result",
    "run_script",
    "training_options",
]


def training_options(description: str, *, out: str, minutes: float, batch: int) -> argparse.ArgumentParser:
    """The options every training script has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument(
        "--out", type=Path, default=Path(out), help="checkpoint and weights; default: %(default)s"
    )
    options.add_argument(
        "--cache",
        type=Path,
        default=Path("out/drawn"),
        help="drawn pictures are kept here; default: %(default)s",
    )
    options.add_argument("--minutes", type=float, help=f"train so long; default: {minutes:g} unless --steps")
    options.add_argument("--steps", type=int, help="train so many batches")
    options.add_argument("--batch", type=int, default=batch, help="pictures of a batch; default: %(default)s")
    options.add_argument(
        "--rate", type=float, default=2e-3, help="highest learning rate; default: %(default)s"
    )
    options.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    options.add_argument("--device", default="auto", help="auto, cpu, cuda; default: %(default)s")
    options.add_argument(
        "--threads",
        type=int,
        default=max(1, processors() - 1),
        help="of torch on a CPU; default: %(default)s",
    )
    options.add_argument(
        "--workers", type=int, default=1, help="processes that prepare batches; default: %(default)s"
    )
    options.set_defaults(minutes_unless_steps=minutes)
    return options


def budget_of(given: argparse.Namespace) -> Budget:
    """How long the options say."""
    from edge.nets.training import Budget

    minutes = given.minutes
    if minutes is None and given.steps is None:
        minutes = given.minutes_unless_steps
    return Budget(given.steps, minutes)


def prepare_torch(given: argparse.Namespace) -> str:
    """Threads and seed as the options say; the device to compute on.

    Raises:
        ConfigError: torch cannot compute there.
    """
    import torch

    from edge.nets.training import choose_device

    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    return choose_device(given.device)


def print_result(file: Path, training: Training, score: Mapping[str, float]) -> None:
    """One JSON line: the weights' file, what its card needs, how long it took, and the scores."""
    result = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "steps": training.step,
        "minutes": round(training.elapsed_s / 60, 1),
        **{name: round(value, 4) for name, value in score.items()},
    }
    print(json.dumps(result))


def run_script(main: Callable[[], None]) -> None:
    """Run a script and end the process: 0, or the error's exit code after one line; 130 when interrupted."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        main()
    except EdgeError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def bars(what: str) -> Iterator[Drawn]:
    """A progress bar on stderr; call it with (done, in all)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def batches_from(batches: Any, start: int, workers: int) -> Iterator[Any]:
    """Batches by number from ``start`` on, without end, prepared by other processes where there are some."""
    from itertools import count

    from torch.utils.data import DataLoader

    if workers < 1:
        return (batches[number] for number in count(start))
    # fork: the drawn pictures stay in one mapped file that all processes read.
    loader = DataLoader(
        batches, batch_size=None, sampler=count(start), num_workers=workers, multiprocessing_context="fork",
        prefetch_factor=4,
    )  # fmt: skip
    return iter(loader)


def follow(
    training: Training,
    batches: Iterator[Any],
    loss_of: Callable[[Any], Tensor],
    notes: Callable[[], str],
    until: float = 1.0,
) -> None:
    """Train until this share of the run, with a bar on stderr and how far it is, the loss, the notes."""
    with bars("training") as show:
        recent: float | None = None
        for number, loss in enumerate(training.run(batches, loss_of, until)):
            recent = loss if recent is None else 0.98 * recent + 0.02 * loss
            show(round(1000 * training.progress), 1000)
            if number % 50 == 0:
                print(
                    f"step {training.step}  {training.elapsed_s / 60:.1f} min  loss {recent:.3f}  {notes()}",
                    file=sys.stderr,
                    flush=True,
                )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
