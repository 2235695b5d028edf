"""The one module that knows every part: it makes a run out of cams.yaml and pipeline.yaml."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edge.clock import Clock, SystemClock
from edge.errors import ConfigError, StartError, StoreError
from edge.fronts import (
    Association,
    Board,
    Facts,
    Keeper,
    NativeFront,
    Region,
    Run,
    Tail,
    end_killed_run,
    open_state,
)
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
    from edge.flow import StageMeter
    from edge.fronts.parts import Identifying
    from edge.ipg.supervisor import Supervisor
    from edge.stages.capture import CameraReader
    from edge.stages.identify import Identifier
    from edge.stages.refine import Refiner
    from edge.stores import StateStore

__all__ = ["assemble", "pipeline_title"]

DAY_S = 86_400.0


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
    state: Path | None = None,
    fresh: bool = False,
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
        state: file of whom earlier runs knew, and where this one keeps it; None keeps nothing.
        fresh: forget whom earlier runs knew.
        clock: the time; the machine's when None.

    Raises:
        ConfigError: a model is unknown, or made for another task; a calibration or the truth is wrong.
        StartError: weights are missing or wrong, a package is missing, or the folder cannot be written.
    """
    from edge.config.secrets import redact
    from edge.evaluate.replay_tracks import Settings
    from edge.evaluate.run_judge import RunJudge
    from edge.evaluate.tracklet_log import Recorder, TrackletLog
    from edge.stages.crop import Cropper
    from edge.stages.detect import Detector
    from edge.stages.embed import Embedder
    from edge.stages.identify import Identifier, Prototypes
    from edge.stages.refine import Refiner
    from edge.stages.sink import MOSAIC, Ground, open_outputs
    from edge.stages.track import CameraTracker
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
    live = frozenset(camera.name for camera in cameras.cameras if camera.is_live)
    size = pipeline.channel.size
    with ExitStack() as resources:
        detect_card, detect_session = _open_model(pipeline.detect, "detect", resources)
        embed_card, embed_session = _open_model(pipeline.embed, "embed", resources)
        spec = pipeline.detect
        detector = Detector(
            detect_card, detect_session, spec.score_min, spec.nms_iou, batch_max=spec.batch_max
        )
        embedder = Embedder(embed_card, embed_session, pipeline.embed)
        trackers = {name: CameraTracker(pipeline.track) for name in names}
        builders = {name: TrackletBuilder(name, pipeline.tracklet) for name in names}
        store = None if state is None else _open_state(state, folder, fresh, pipeline, resources)
        everywhere = [*names, *(one for one in (store.cameras() if store else ()) if one not in names)]
        run = uuid.uuid4().hex[:10]
        watched: dict[str, StageMeter] = {}
        owner = run if store is None else store.owner
        drawing = _open_drawing(pipeline, embed_card, state or folder / "state.db", owner, watched, resources)
        refiner = Refiner(pipeline.refine)
        prototypes = Prototypes(refiner, drawing, pipeline.ipg)
        deciding = Identifier(
            pipeline.identify, refiner, everywhere, grounds=grounds, travel=travel, prototypes=prototypes
        )
        if known is not None and log is None:
            log = TrackletLog(names)
        identifier: Identifying = deciding if log is None else Recorder(deciding, log)
        judge = None
        if known is not None and log is not None:
            settings = Settings(pipeline.refine, pipeline.identify, grounds, travel)
            judge = RunJudge(known, folder, log, settings)
        facts = Facts(
            run=run,
            site=cameras.site.name,
            started_at_ns=clock.now_ns(),
            start_timeout_s=cameras.site.start_timeout_s,
            pipeline=title,
            models=(detect_card.fingerprint, embed_card.fingerprint),
        )
        keeper = None if store is None else _remember(store, facts, embed_card.fingerprint, deciding, refiner)
        if keeper is not None:
            resources.callback(keeper.close)
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
            generated=drawing.pictures if drawing is not None else None,
            journal=keeper,
        )
        association = Association(builders, identifier, outputs, live, drawing)
        tail = Tail(embedder, association, size=size, wait_s=0.0 if live else FULL_BATCH_WAIT_S)
        board = Board()
        front = NativeFront(
            _readers(cameras, clock, facts.started_at_ns, board),
            detector,
            trackers,
            Cropper(pipeline.crop),
            tail,
            board,
            regions={camera.name: Region(camera.roi) for camera in cameras.cameras if camera.roi},
            size=size,
            batch_max=_frames_per_batch(spec, detect_card, len(names) if live else None),
            batch_wait_s=spec.batch_wait_ms / 1000 if live else FULL_BATCH_WAIT_S,
            pictures=outputs.wants_pictures,
        )
        watched.update(front.watched)
        if not live:
            watched.pop("frame")  # frames of files wait in queues as long as the slowest stage takes
        return Run(facts, front, association, board, outputs, resources.pop_all(), redact, drawing)


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


def _open_state(
    state: Path, folder: Path, fresh: bool, pipeline: PipelineSpec, resources: ExitStack
) -> StateStore:
    """Open the state, closed with ``resources``; a run that was killed has its end made up for."""
    from edge.stages.identify import Identifier
    from edge.stages.refine import Refiner
    from edge.stages.sink import check_folder

    check_folder(folder)
    store = open_state(state, folder / "events.jsonl", fresh=fresh)
    resources.callback(store.close)
    try:
        end_killed_run(
            store, folder, lambda names: Identifier(pipeline.identify, Refiner(pipeline.refine), names)
        )
    except StoreError as error:
        raise StartError(str(error)) from error
    return store


def _remember(
    store: StateStore, facts: Facts, model: str, identifier: Identifier, refiner: Refiner
) -> Keeper:
    """Let an identifier begin with whom earlier runs knew, and keep what it does."""
    try:
        run = store.begin(facts.run, facts.site, model, facts.started_at_ns)
        return Keeper(store, run, identifier, refiner)
    except StoreError as error:
        raise StartError(str(error)) from error


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


def _open_drawing(
    pipeline: PipelineSpec,
    card: ModelCard,
    state: Path,
    owner: str,
    watched: Mapping[str, StageMeter],
    resources: ExitStack,
) -> Supervisor | None:
    """The background workers, where the pipeline has any; their store is let go of with ``resources``.

    Prototypes lie beside the state of the people they are of: where there is none, they are a run's own.
    """
    if not pipeline.ipg.workers:
        return None
    from edge.ipg.process import Setup
    from edge.ipg.supervisor import Supervisor
    from edge.stores import prototypes_beside

    setup = Setup(
        spec=pipeline.ipg,
        store=prototypes_beside(state),
        embed_model=pipeline.embed.model,
        embed_backend=pipeline.embed.backend,
        flip=pipeline.embed.flip,
        model=card.fingerprint,
        store_ttl_s=pipeline.ipg.keep_days * DAY_S,
        store_bytes_max=pipeline.ipg.keep_mb * 1_000_000,
    )
    drawing = Supervisor(setup, owner, lambda: watched)
    resources.callback(drawing.release)
    return drawing


def _open_model(spec: DetectSpec | EmbedSpec, task: str, resources: ExitStack) -> tuple[ModelCard, Session]:
    """Find a model's card and weights and open it; it is closed with ``resources``."""
    from edge.backends import check_ports, open_session
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights

    card = load_card(spec.model)
    if card.task != task:
        raise ConfigError(f"model '{card.name}' is made to {card.task}, not to {task}")
    session = open_session(
        find_weights(card), backend=spec.backend, threads=spec.threads, card_name=card.name
    )
    resources.callback(session.close)
    check_ports(session, card)
    return card, session
