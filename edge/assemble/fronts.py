"""The fronts: which one a pipeline asks for, and its networks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.assemble.device import Device, open_device
from edge.clock import Clock
from edge.errors import ConfigError
from edge.fronts import Association, Board, Front, NativeFront, Region, Tail
from edge.fronts.native import FULL_BATCH_WAIT_S

if TYPE_CHECKING:
    from edge.backends import Session
    from edge.config.cameras import CamerasFile
    from edge.config.card import ModelCard
    from edge.config.pipeline import DetectSpec, EmbedSpec, PipelineSpec
    from edge.fronts.deepstream.codes import Target, Version
    from edge.fronts.deepstream.graph import Broker, Graph
    from edge.stages.capture import CameraReader
    from edge.stages.sink import DeviceRow, Outputs

__all__ = ["Plan", "deepstream_graph", "plan_deepstream", "plan_native"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One front, as far as it is known before the outputs are opened.

    models: fingerprints of the networks: of the detector, and of the one that embeds.
    live: cameras whose frames come as they please; the others come merged in the order of their time.
    make: from association, board, outputs and the run's start to the front.
    slack_s: how much longer than usual a first frame may take.
    device: the numbers of the device that pictures lie on, so far.
    """

    models: tuple[str, str]
    live: frozenset[str]
    make: Callable[[Association, Board, Outputs, int], Front]
    slack_s: float = 0.0
    device: Callable[[], DeviceRow | None] = lambda: None


def plan_native(cameras: CamerasFile, pipeline: PipelineSpec, clock: Clock, resources: ExitStack) -> Plan:
    """Open both networks for the native front."""
    from edge.stages.crop import Cropper
    from edge.stages.detect import Detector
    from edge.stages.embed import Embedder
    from edge.stages.track import CameraTracker

    names = [camera.name for camera in cameras.cameras]
    live = frozenset(camera.name for camera in cameras.cameras if camera.is_live)
    size, spec = pipeline.channel.size, pipeline.detect
    device = open_device(pipeline.capture, names)
    detect_card, detect_session = _open_model(spec, "detect", resources)
    embed_card, embed_session = _open_model(pipeline.embed, "embed", resources)
    detector = Detector(
        detect_card,
        detect_session,
        spec.score_min,
        spec.nms_iou,
        batch_max=spec.batch_max,
        feeder=device.feeder(detect_card, detect_session),
    )
    embedder = Embedder(embed_card, embed_session, pipeline.embed, device.feeder(embed_card, embed_session))

    def make(association: Association, board: Board, outputs: Outputs, started_ns: int) -> Front:
        return NativeFront(
            _readers(cameras, clock, started_ns, board, device),
            detector,
            {name: CameraTracker(pipeline.track) for name in names},
            Cropper(pipeline.crop, device.cutting),
            Tail(embedder, association, size=size, wait_s=0.0 if live else FULL_BATCH_WAIT_S),
            board,
            regions={camera.name: Region(camera.roi) for camera in cameras.cameras if camera.roi},
            size=size,
            batch_max=_frames_per_batch(spec, detect_card, len(names) if live else None),
            batch_wait_s=spec.batch_wait_ms / 1000 if live else FULL_BATCH_WAIT_S,
            pictures=outputs.wants_pictures,
        )

    return Plan((detect_card.fingerprint, embed_card.fingerprint), live, make, device=device.row)


def plan_deepstream(
    cameras: CamerasFile, pipeline: PipelineSpec, folder: Path, clock: Clock, *, pictures: bool
) -> Plan:
    """Make everything ready for DeepStream, whose frames of all cameras, files too, come as they please."""
    from edge.fronts.deepstream import plan as deepstream
    from edge.fronts.deepstream.driver import require_version

    if pictures or pipeline.sink.video:
        raise ConfigError(
            "front 'deepstream' copies no pictures: leave out --video, --mosaic and sink.video, or take the "
            "native front"
        )
    version = require_version(pipeline.deepstream.version)
    target: Target = "jetson" if Path("/etc/nv_tegra_release").exists() else "dgpu"
    graph = deepstream_graph(cameras, pipeline, version=version, target=target)
    plan = deepstream.plan_deepstream(cameras, pipeline, graph, folder, clock)
    names = frozenset(camera.name for camera in cameras.cameras)

    def make(association: Association, board: Board, outputs: Outputs, started_ns: int) -> Front:
        return plan.front(association, board, started_ns)

    return Plan(plan.models, names, make, plan.slack_s)


def deepstream_graph(
    cameras: CamerasFile,
    pipeline: PipelineSpec,
    *,
    version: Version,
    target: Target = "dgpu",
    broker: Broker | None = None,
) -> Graph:
    """Return the DeepStream graph of a pipeline, its networks found and checked.

    Raises:
        ConfigError: a camera or a network is one that DeepStream cannot take.
        ModelError: weights are missing, or unlike their card.
    """
    from edge.fronts.deepstream.build import build_graph

    return build_graph(
        cameras,
        pipeline,
        _found(pipeline.detect, "detect"),
        _found(pipeline.embed, "embed"),
        version=version,
        target=target,
        broker=broker,
    )


def _frames_per_batch(spec: DetectSpec, card: ModelCard, most: int | None) -> int:
    """Return how many frames to gather: never more than one call takes, live not more than one per camera."""
    return min(spec.batch_max, card.batch or spec.batch_max, most or spec.batch_max)


def _readers(
    cameras: CamerasFile, clock: Clock, started_ns: int, board: Board, device: Device
) -> list[CameraReader]:
    from edge.stages.capture import CameraReader

    return [
        CameraReader(
            camera,
            clock,
            started_ns,
            board.on_state,
            decoding=device.decodings.get(camera.name),
            converter=device.converter,
        )
        for camera in cameras.cameras
    ]


def _open_model(spec: DetectSpec | EmbedSpec, task: str, resources: ExitStack) -> tuple[ModelCard, Session]:
    """Find a model's card and weights and open it; it is closed with ``resources``."""
    from edge.backends import Batch, check_ports, open_session

    card, file = _found(spec, task)
    session = open_session(
        file,
        backend=spec.backend,
        threads=spec.threads,
        card_name=card.name,
        batch=Batch.up_to(card.batch or spec.batch_max),
    )
    resources.callback(session.close)
    check_ports(session, card)
    return card, session


def _found(spec: DetectSpec | EmbedSpec, task: str) -> tuple[ModelCard, Path]:
    """A stage's card and weights; ConfigError when it is unknown or made for another task."""
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights, identified

    card = load_card(spec.model)
    if card.task != task:
        raise ConfigError(f"model '{card.name}' is made to {card.task}, not to {task}")
    file = find_weights(card)
    return identified(card, file), file
