"""Where pictures lie and who decodes them: what a pipeline asks for, and what this machine has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from edge.errors import EdgeError, MissingExtraError

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from edge.backends import Session
    from edge.backends.pictures import Feeder
    from edge.backends.surfaces import SurfaceDevice
    from edge.config.card import ModelCard
    from edge.config.pipeline import CaptureSpec
    from edge.records import Pixels
    from edge.stages.capture import Decoding
    from edge.stages.crop.cuts import Cutting
    from edge.stages.sink import DeviceRow

__all__ = ["Choice", "Device", "choose_device", "open_device"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """What will be used.

    memory: where pictures lie: ``host``, ``cuda``, or ``cpu`` for torch's tensors on the CPU.
    decoder: who decodes.
    problems: what was asked for by name and is not here, with the remedy.
    notes: what ``auto`` did without, and why.
    """

    memory: Literal["host", "cuda", "cpu"] = "host"
    decoder: Literal["cpu", "nvdec"] = "cpu"
    problems: tuple[EdgeError, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """One line for people."""
        where = {"host": "the host's memory", "cuda": "the GPU's memory", "cpu": "torch's tensors on the CPU"}
        return f"pictures are decoded by {self.decoder} and lie in {where[self.memory]}"


def choose_device(spec: CaptureSpec) -> Choice:
    """What a pipeline's ``capture`` comes to on this machine; opens nothing."""
    memory: Literal["host", "cuda", "cpu"] = "cpu" if spec.device == "cpu-tensors" else "host"
    problems: list[EdgeError] = []
    notes: list[str] = []
    if spec.device == "cpu-tensors" and find_spec("torch") is None:
        problems.append(MissingExtraError("capture.device: 'cpu-tensors' needs the package 'torch'"))
    if spec.device in ("cuda", "auto"):
        missing = _cuda_problem()
        if not missing:
            memory = "cuda"
        elif spec.device == "cuda":
            problems.append(MissingExtraError(f"capture.device: {missing}; or set it to cpu or auto"))
        else:
            notes.append(f"capture.device 'auto' is cpu: {missing}")
    decoder: Literal["cpu", "nvdec"] = "cpu"
    if spec.decode == "nvdec" or (spec.decode == "auto" and memory == "cuda"):
        from edge.stages.capture import nvdec_problem

        missing = nvdec_problem(stay=memory == "cuda")
        if not missing:
            decoder = "nvdec"
        elif spec.decode == "nvdec":
            problems.append(MissingExtraError(f"capture.decode: {missing}; or set it to cpu or auto"))
        else:
            notes.append(f"capture.decode 'auto' is cpu: {missing}")
    return Choice(memory, decoder, tuple(problems), tuple(notes))


def _cuda_problem() -> str:
    """Why pictures cannot lie on a GPU here; empty where nothing speaks against it."""
    from edge.backends.cuda_driver import has_gpu

    if not has_gpu():
        return (
            "'cuda' needs an NVIDIA GPU, and there is no driver that finds one; install it, or give the "
            "container the GPU (--gpus all, --runtime nvidia)"
        )
    if find_spec("torch") is None:
        return "'cuda' needs the package 'torch', a build with CUDA; pip install torch"
    import torch

    if torch.version.cuda is None:
        return "'cuda' needs a build of torch with CUDA, and this one is for the CPU; pip install torch again"
    return ""


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """What a run keeps its pictures on and decodes with.

    choice: what was chosen.
    surfaces: the device of the pictures; None where they lie on the host.
    decodings: camera to its decoder.
    """

    choice: Choice = field(default_factory=Choice)
    surfaces: SurfaceDevice | None = None
    decodings: dict[str, Decoding] = field(default_factory=dict)

    @property
    def converter(self) -> Callable[[], Callable[[VideoFrame], Pixels]] | None:
        """Makes what turns decoded pictures into BGR; None: on the host."""
        surfaces = self.surfaces
        if surfaces is None:
            return None
        from edge.stages.capture.surface_picture import SurfaceConverter

        return lambda: SurfaceConverter(surfaces).surface

    @property
    def cutting(self) -> Cutting:
        """What looks at people and cuts them out."""
        if self.surfaces is None:
            from edge.stages.crop import HostCuts

            return HostCuts
        from edge.stages.crop.surface_cuts import SurfaceCutting

        return SurfaceCutting(self.surfaces)

    def feeder(self, card: ModelCard, session: Session) -> Feeder | None:
        """What brings pictures to a network; None: over the host's memory."""
        if self.surfaces is None:
            return None
        from edge.backends.surface_input import DeviceFeeder

        return DeviceFeeder(card.input, session, self.surfaces, card.name)

    def row(self) -> DeviceRow | None:
        """The numbers so far; None where all is on the CPU."""
        from edge.stages.sink import DeviceRow

        if self.surfaces is None and not self.decodings:
            return None
        decoders = {camera: one.decoder for camera, one in self.decodings.items()}
        refusals = {camera: one.refusals for camera, one in self.decodings.items()}
        if self.surfaces is None:
            return DeviceRow("host", decoders, refusals)
        counts = self.surfaces.counts
        return DeviceRow(
            self.surfaces.label,
            decoders,
            refusals,
            uploads=counts.uploads,
            downloads=counts.downloads,
            downloaded_bytes=counts.downloaded_bytes,
            evictions=counts.evictions,
            peak_bytes=self.surfaces.peak_bytes(),
        )


def open_device(spec: CaptureSpec, cameras: Sequence[str]) -> Device:
    """Open what a pipeline's ``capture`` asks for, and say in one line what it is, unless it is the CPU.

    Raises:
        MissingExtraError: what is asked for by name is not here.
    """
    choice = choose_device(spec)
    if choice.problems:
        raise choice.problems[0]
    for note in choice.notes:
        _log.warning("%s", note)
    if choice.memory == "host" and choice.decoder == "cpu":
        return Device()
    from edge.stages.capture import Decoding

    _log.info("%s", choice.line)
    surfaces = None
    if choice.memory != "host":
        from edge.backends.surfaces import SurfaceDevice

        surfaces = SurfaceDevice(choice.memory)
    stay = choice.memory == "cuda"
    finish = surfaces.finish if surfaces is not None else lambda: None
    decodings = {camera: Decoding(camera, choice.decoder, stay=stay, finish=finish) for camera in cameras}
    return Device(choice, surfaces, decodings)
