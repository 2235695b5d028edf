"""Working through a folder of references: every one in every pose, going on where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge.config.card import CARD_NAME
from edge.errors import ConfigError
from edge.ipg.conditioning import Pose
from edge.ipg.devices import choose_dtype
from edge.ipg.fidelity import Verdict, judge
from edge.ipg.generator import Generator, OutOfMemory, Pair
from edge.ipg.noise import make_noise
from edge.ipg.options import Options
from edge.ipg.pictures import Reference, canvas, read_picture, reference_of, save_picture
from edge.ipg.poses import PosePicture
from edge.ipg.references import Source
from edge.nets.checkpoints import PACKED_FILE
from edge.resources import models_dir

__all__ = ["Report", "generate", "open_generator", "weights_folder"]

WINDOW = 64  # references, in the order of their names, that compete in the fidelity gate
GROUP_MAX = 16  # identities of one batch

# Called with (references done, references in all).
Progress = Callable[[int, int], None]


def open_generator(
    name_or_folder: str | Path, options: Options, device: torch.device | str = "cpu"
) -> Generator:
    """Load a generator, ready to draw.

    Args:
        name_or_folder: the name of a shipped card (``demo-ipg``), or a folder as
            :mod:`edge.nets.checkpoints` has it.
        options: how it shall draw.
        device: where, see :func:`edge.ipg.devices.choose_device`.

    Raises:
        ConfigError: no such card or folder, or a card of something else.
        ModelError: weights are missing, altered, broken, or another net's.
        MissingExtraError: diffusers or safetensors is not installed.
    """
    from edge.nets.checkpoints import load_nets

    place = torch.device(device)
    nets = load_nets(
        weights_folder(name_or_folder),
        device=place,
        dtype=choose_dtype(options, place),
        vae_half=options.vae_half,
    )
    return Generator(nets, options)


def weights_folder(name_or_folder: str | Path) -> Path:
    """The folder of a generator's weights; where it is a shipped card's, they are what the card says.

    Raises:
        ConfigError: no such card, or a card of something else.
        ModelError: the card's weights are missing or altered.
    """
    if not isinstance(name_or_folder, str) or not CARD_NAME.match(name_or_folder):
        return Path(name_or_folder)
    from edge.config.catalog import load_card
    from edge.config.weights import verify

    card = load_card(name_or_folder)
    if card.task != "generate" or card.file != PACKED_FILE:
        raise ConfigError(f"model '{card.name}' is made to {card.task}, not to generate; take demo-ipg")
    return verify(card, models_dir() / card.name / card.file).parent


@dataclass(slots=True)
class Report:
    """What a run did.

    references: how many there are; ``resumed`` of them were done before, ``drawn`` in this run.
    pictures: how many were kept.
    too_far, like_another: how many the fidelity gate rejected, and why (:mod:`edge.ipg.fidelity`).
    skips: files that could not be used, with the reason.
    similarities: cosine of each picture of this run to its reference.
    """

    references: int = 0
    resumed: int = 0
    drawn: int = 0
    pictures: int = 0
    too_far: int = 0
    like_another: int = 0
    skips: list[tuple[Path, str]] = field(default_factory=list)
    similarities: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    source: Source
    reference: Reference
    noise: torch.Tensor


def generate(
    generator: Generator,
    poses: Sequence[PosePicture],
    sources: Sequence[Source],
    progress: Progress | None = None,
) -> Report:
    """Draw every reference in every pose.

    A reference is done when its canvas is there. Every file appears under its name only when it is whole, so
    a run that was interrupted can simply be started again. Files that cannot be used, and references for
    which the memory is too small, are reported and passed over.

    Raises:
        RunError: a picture cannot be written.
    """
    report = Report(references=len(sources))
    known = [generator.pose(pose.name, pose.image_rgb) for pose in poses]
    noise = make_noise(generator.options)
    done = 0
    for start in range(0, len(sources), WINDOW):
        jobs: list[_Job] = []
        rivals: list[Reference] = []
        window = sources[start : start + WINDOW]
        for source in window:
            drawn = noise.draw(source.path.stem, [pose.name for pose in poses], generator.latent_shape)
            if source.canvas.exists():
                report.resumed += 1
            image = read_picture(source.path)
            if isinstance(image, str):
                if not source.canvas.exists():
                    report.skips.append((source.path, image))
                continue
            reference = reference_of(source.path, image)
            rivals.append(reference)
            if not source.canvas.exists():
                jobs.append(_Job(source, reference, drawn))
        done += len(window) - len(jobs)
        if not jobs:
            _tell(progress, done, len(sources))
            continue
        gate = _Gate(generator, rivals)
        size = 1 if generator.device.type == "cpu" else generator.pairs_max // max(len(poses), 1)
        size = min(max(size, 1), GROUP_MAX)
        for first in range(0, len(jobs), size):
            group = jobs[first : first + size]
            _tell(progress, done, len(sources))
            try:
                _draw_group(generator, known, group, gate, report)
            except OutOfMemory as error:
                report.skips += [(job.source.path, str(error)) for job in group]
            done += len(group)
        _tell(progress, done, len(sources))
    return report


class _Gate:
    """The fidelity gate among the references of one window."""

    def __init__(self, generator: Generator, rivals: Sequence[Reference]) -> None:
        self._generator = generator
        self._on = generator.options.similarity_min > -1
        self._rows = {reference.name: row for row, reference in enumerate(rivals)}
        self._people = [reference.person for reference in rivals]
        self._features = generator.describe([one.image_rgb for one in rivals]) if self._on else None

    def judge(self, images: Sequence[NDArray[np.uint8]], owners: Sequence[str]) -> Verdict:
        """Decide about pictures of the references of these names."""
        if self._features is None:
            nothing = np.zeros(0, np.float32)
            return Verdict(np.ones(len(images), bool), nothing, 0, 0)
        return judge(
            self._generator.describe(images),
            [self._rows[name] for name in owners],
            self._features,
            self._people,
            similarity_min=self._generator.options.similarity_min,
        )


def _draw_group(
    generator: Generator, poses: Sequence[Pose], group: Sequence[_Job], gate: _Gate, report: Report
) -> None:
    """Draw some references as one batch, and write what comes out."""
    identities = generator.identify([job.reference for job in group])
    pairs = [
        Pair(row, column, job.noise[column]) for row, job in enumerate(group) for column in range(len(poses))
    ]
    images = generator.draw(identities, poses, pairs)
    verdict = gate.judge(images, [group[pair.identity].reference.name for pair in pairs])
    for pair, image, kept in zip(pairs, images, verdict.kept, strict=True):
        if kept:
            save_picture(image, group[pair.identity].source.singles / f"{poses[pair.pose].name}.png")
    for row, job in enumerate(group):
        own = images[row * len(poses) : (row + 1) * len(poses)]
        shown = [(pose.image_rgb, image) for pose, image in zip(poses, own, strict=True)]
        save_picture(canvas(job.reference.image_rgb, shown), job.source.canvas)
    report.drawn += len(group)
    report.pictures += int(verdict.kept.sum())
    report.too_far += verdict.too_far
    report.like_another += verdict.like_another
    report.similarities += [float(value) for value in verdict.similarity]


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
