"""The one module that knows every part: it makes a run out of cams.yaml and pipeline.yaml."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.clock import Clock, SystemClock
from edge.errors import ConfigError
from edge.fronts import Association, Board, Facts, Front, NativeFront, Region, Run, Tail
from edge.fronts.native import FULL_BATCH_WAIT_S

if TYPE_CHECKING:
    from edge.backends import Session
    from edge.config.calibration import Calibration
    from edge.config.cameras import CamerasFile
    from edge.config.card import ModelCard
    from edge.config.pipeline import DetectSpec, EmbedSpec, PipelineSpec
    from edge.config.topology import Travel
    from edge.evaluate.tracklet_log import TrackletLog
    from edge.evaluate.truth_folder import SiteTruth
    from edge.fronts.deepstream.codes import Target, Version
    from edge.fronts.deepstream.graph import Broker, Graph
    from edge.fronts.parts import Identifying
    from edge.stages.capture import CameraReader
    from edge.stages.sink import Outputs

__all__ = ["assemble", "deepstream_graph", "pipeline_title"]


def assemble(
    cameras: CamerasFile,
    pipeline: PipelineSpec,
    folder: Path,
    *,
    title: str = "",
    crops: bool = True,
    video: bool = False,
    mosaic: bool = False,
    truth: Path | None = None,
    log: TrackletLog | None = None,
    clock: Clock | None = None,
) -> Run:
    """Make a run that is ready to start: models opened and checked, the output folder prepared.

    The folder is touched last, so a run that cannot start leaves an earlier run's outputs alone.

    Args:
        cameras: the cameras.
        pipeline: models and numbers.
        folder: where the outputs go.
        title: what the summary calls the pipeline; see :func:`pipeline_title`.
        crops: whether report.html shows pictures of people.
        video: whether to write annotated videos even where the pipeline does not say so.
        mosaic: whether to write one video of all cameras side by side.
        truth: folder of the truth, see :func:`edge.evaluate.truth_folder.read_truth_folder`; the run is
            scored against it in the end. What identify is told is kept in memory for that.
        log: notes what identify is told, to be played again.
        clock: the time; the machine's when None.

    Raises:
        ConfigError: a model is unknown, or made for another task; a calibration or the truth is wrong.
        StartError: weights are missing or wrong, a package is missing, or the folder cannot be written.
    """
    from edge.config.secrets import redact
    from edge.evaluate.replay_tracks import Settings
    from edge.evaluate.run_judge import RunJudge
    from edge.evaluate.tracklet_log import Recorder, TrackletLog
    from edge.stages.identify import Identifier
    from edge.stages.refine import Refiner
    from edge.stages.sink import MOSAIC, Ground, open_outputs
    from edge.stages.tracklet import TrackletBuilder

    clock = clock or SystemClock()
    names = [camera.name for camera in cameras.cameras]
    known = None if truth is None else _read_truth(truth, names)
    grounds, travel = places_and_times(cameras)
    ground = Ground(grounds, known.paths if known is not None else {}) if grounds else None
    if mosaic and MOSAIC in names and (video or pipeline.sink.video):
        raise ConfigError(
            f"camera '{MOSAIC}' and the video of all cameras would be one file; rename the camera"
        )
    with ExitStack() as resources:
        if pipeline.front == "deepstream":
            plan = _plan_deepstream(cameras, pipeline, folder, clock, pictures=video or mosaic)
        else:
            plan = _plan_native(cameras, pipeline, clock, resources)
        builders = {name: TrackletBuilder(name, pipeline.tracklet) for name in names}
        deciding = Identifier(
            pipeline.identify, Refiner(pipeline.refine), names, grounds=grounds, travel=travel
        )
        if known is not None and log is None:
            log = TrackletLog(names)
        identifier: Identifying = deciding if log is None else Recorder(deciding, log)
        judge = None
        if known is not None and log is not None:
            settings = Settings(pipeline.refine, pipeline.identify, grounds, travel)
            judge = RunJudge(known, folder, log, settings)
        facts = Facts(
            run=uuid.uuid4().hex[:10],
            site=cameras.site.name,
            started_at_ns=clock.now_ns(),
            start_timeout_s=cameras.site.start_timeout_s + plan.slack_s,
            pipeline=title,
            models=plan.models,
        )
        outputs = open_outputs(
            folder,
            site=facts.site,
            run=facts.run,
            cameras=names,
            crops=crops,
            video=video or pipeline.sink.video,
            mosaic=mosaic,
            ground=ground,
            judge=judge,
        )
        association = Association(builders, identifier, outputs, plan.live)
        board = Board()
        front = plan.make(association, board, outputs, facts.started_at_ns)
        return Run(facts, front, association, board, outputs, resources.pop_all(), redact)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One front, as far as it is known before the outputs are opened.

    models: fingerprints of the networks.
    live: cameras whose frames come as they please; the others come merged in the order of their time.
    make: from association, board, outputs and the run's start to the front.
    slack_s: how much longer than usual a first frame may take.
    """

    models: tuple[str, ...]
    live: frozenset[str]
    make: Callable[[Association, Board, Outputs, int], Front]
    slack_s: float = 0.0


def _plan_native(cameras: CamerasFile, pipeline: PipelineSpec, clock: Clock, resources: ExitStack) -> _Plan:
    """Open both networks for the native front."""
    from edge.stages.crop import Cropper
    from edge.stages.detect import Detector
    from edge.stages.embed import Embedder
    from edge.stages.track import CameraTracker

    names = [camera.name for camera in cameras.cameras]
    live = frozenset(camera.name for camera in cameras.cameras if camera.is_live)
    size, spec = pipeline.channel.size, pipeline.detect
    detect_card, detect_session = _open_model(spec, "detect", resources)
    embed_card, embed_session = _open_model(pipeline.embed, "embed", resources)
    detector = Detector(detect_card, detect_session, spec.score_min, spec.nms_iou, batch_max=spec.batch_max)
    embedder = Embedder(embed_card, embed_session, pipeline.embed)

    def make(association: Association, board: Board, outputs: Outputs, started_ns: int) -> Front:
        return NativeFront(
            _readers(cameras, clock, started_ns, board),
            detector,
            {name: CameraTracker(pipeline.track) for name in names},
            Cropper(pipeline.crop),
            Tail(embedder, association, size=size, wait_s=0.0 if live else FULL_BATCH_WAIT_S),
            board,
            regions={camera.name: Region(camera.roi) for camera in cameras.cameras if camera.roi},
            size=size,
            batch_max=_frames_per_batch(spec, detect_card, len(names) if live else None),
            batch_wait_s=spec.batch_wait_ms / 1000 if live else FULL_BATCH_WAIT_S,
            pictures=outputs.wants_pictures,
        )

    return _Plan((detect_card.fingerprint, embed_card.fingerprint), live, make)


def _plan_deepstream(
    cameras: CamerasFile, pipeline: PipelineSpec, folder: Path, clock: Clock, *, pictures: bool
) -> _Plan:
    """Make everything ready for DeepStream, whose frames of all cameras, files too, come as they please."""
    from edge.fronts.deepstream.driver import require_version
    from edge.fronts.deepstream.plan import plan_deepstream

    if pictures or pipeline.sink.video:
        raise ConfigError(
            "front 'deepstream' copies no pictures: leave out --video, --mosaic and sink.video, or take the "
            "native front"
        )
    version = require_version(pipeline.deepstream.version)
    target: Target = "jetson" if Path("/etc/nv_tegra_release").exists() else "dgpu"
    graph = deepstream_graph(cameras, pipeline, version=version, target=target)
    plan = plan_deepstream(cameras, pipeline, graph, folder, clock)
    names = frozenset(camera.name for camera in cameras.cameras)

    def make(association: Association, board: Board, outputs: Outputs, started_ns: int) -> Front:
        return plan.front(association, board, started_ns)

    return _Plan(plan.models, names, make, plan.slack_s)


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
    from edge.config.weights import find_weights
    from edge.fronts.deepstream.build import build_graph

    detector, embedder = _card_for(pipeline.detect, "detect"), _card_for(pipeline.embed, "embed")
    return build_graph(
        cameras,
        pipeline,
        (detector, find_weights(detector)),
        (embedder, find_weights(embedder)),
        version=version,
        target=target,
        broker=broker,
    )


def pipeline_title(file: Path) -> str:
    """Return what a pipeline is called: its file's name, or its folder's where that is ``pipeline.yaml``."""
    return file.resolve().parent.name if file.name == "pipeline.yaml" else file.stem


def places_and_times(
    cameras: CamerasFile,
) -> tuple[Mapping[str, Calibration], Mapping[tuple[str, str], Travel]]:
    """What is known of a site beside its pictures.

    Returns:
        Calibrations by camera, and travel times by (camera left, camera reached); empty where unknown.

    Raises:
        ConfigError: a file is missing or wrong, or a travel time names a camera that is not there.
    """
    from edge.config.calibration import load_calibration
    from edge.config.topology import load_topology

    grounds = {
        camera.name: load_calibration(camera.calibration)
        for camera in cameras.cameras
        if camera.calibration is not None
    }
    if cameras.site.topology is None:
        return grounds, {}
    names = {camera.name for camera in cameras.cameras}
    pairs = load_topology(cameras.site.topology, names).pairs
    return grounds, {(pair.origin, pair.to): pair for pair in pairs}


def _read_truth(folder: Path, names: Sequence[str]) -> SiteTruth:
    """Read the truth now, so that a mistake in it, or a missing package, is not found after the run."""
    from edge.evaluate.site_score import require_common_camera
    from edge.evaluate.tracking import require_metrics
    from edge.evaluate.truth_folder import read_truth_folder

    require_metrics()
    truth = read_truth_folder(folder)
    require_common_camera(truth.boxes, names, folder)
    return truth


def _frames_per_batch(spec: DetectSpec, card: ModelCard, most: int | None) -> int:
    """Return how many frames to gather: never more than one call takes, live not more than one per camera."""
    return min(spec.batch_max, card.batch or spec.batch_max, most or spec.batch_max)


def _readers(cameras: CamerasFile, clock: Clock, started_ns: int, board: Board) -> list[CameraReader]:
    from edge.stages.capture import CameraReader

    return [CameraReader(camera, clock, started_ns, board.on_state) for camera in cameras.cameras]


def _open_model(spec: DetectSpec | EmbedSpec, task: str, resources: ExitStack) -> tuple[ModelCard, Session]:
    """Find a model's card and weights and open it; it is closed with ``resources``."""
    from edge.backends import check_ports, open_session
    from edge.config.weights import find_weights

    card = _card_for(spec, task)
    session = open_session(
        find_weights(card), backend=spec.backend, threads=spec.threads, card_name=card.name
    )
    resources.callback(session.close)
    check_ports(session, card)
    return card, session


def _card_for(spec: DetectSpec | EmbedSpec, task: str) -> ModelCard:
    """A stage's card; ConfigError when it is unknown or made for another task."""
    from edge.config.catalog import load_card

    card = load_card(spec.model)
    if card.task != task:
        raise ConfigError(f"model '{card.name}' is made to {card.task}, not to {task}")
    return card
