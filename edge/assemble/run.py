"""The run: every part of it opened, checked and put together."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edge.assemble.fronts import plan_deepstream, plan_native
from edge.assemble.memory import begin_with_state, open_drawing, remember
from edge.assemble.site import places_and_times, read_truth
from edge.clock import Clock, SystemClock
from edge.errors import ConfigError
from edge.fronts import Association, Board, Facts, Run

if TYPE_CHECKING:
    from edge.config.cameras import CamerasFile
    from edge.config.pipeline import PipelineSpec
    from edge.evaluate.tracklet_log import TrackletLog
    from edge.flow import StageMeter
    from edge.fronts.parts import Identifying
    from edge.stages.sink import Address

__all__ = ["assemble", "pipeline_title"]


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
    metrics: Address | None = None,
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
        metrics: where Prometheus may ask how the run goes on; None: nowhere.
        clock: the time; the machine's when None.

    Raises:
        ConfigError: a model is unknown, or made for another task; a calibration or the truth is wrong.
        StartError: weights are missing or wrong, a package is missing, or the folder cannot be written.
    """
    from edge.config.secrets import redact
    from edge.evaluate.replay_tracks import Settings
    from edge.evaluate.run_judge import RunJudge
    from edge.evaluate.tracklet_log import Recorder, TrackletLog
    from edge.stages.identify import Identifier, Prototypes
    from edge.stages.refine import Refiner
    from edge.stages.sink import MOSAIC, Ground, open_outputs
    from edge.stages.tracklet import TrackletBuilder

    clock = clock or SystemClock()
    names = [camera.name for camera in cameras.cameras]
    known = None if truth is None else read_truth(truth, names)
    grounds, travel = places_and_times(cameras)
    ground = Ground(grounds, known.paths if known is not None else {}) if grounds else None
    if mosaic and MOSAIC in names and (video or pipeline.sink.video):
        raise ConfigError(
            f"camera '{MOSAIC}' and the video of all cameras would be one file; rename the camera"
        )
    with ExitStack() as resources:
        if pipeline.front == "deepstream":
            plan = plan_deepstream(cameras, pipeline, folder, clock, pictures=video or mosaic)
        else:
            plan = plan_native(cameras, pipeline, clock, resources)
        _, embedder = plan.models
        builders = {name: TrackletBuilder(name, pipeline.tracklet) for name in names}
        store = None if state is None else begin_with_state(state, folder, fresh, pipeline, resources)
        everywhere = [*names, *(one for one in (store.cameras() if store else ()) if one not in names)]
        run = uuid.uuid4().hex[:10]
        watched: dict[str, StageMeter] = {}
        owner = run if store is None else store.owner
        drawing = open_drawing(pipeline, embedder, state or folder / "state.db", owner, watched, resources)
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
            start_timeout_s=cameras.site.start_timeout_s + plan.slack_s,
            pipeline=title,
            models=plan.models,
        )
        keeper = None if store is None else remember(store, facts, embedder, deciding, refiner)
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
            metrics=metrics,
        )
        association = Association(builders, identifier, outputs, plan.live, drawing)
        board = Board()
        front = plan.make(association, board, outputs, facts.started_at_ns)
        watched.update(front.watched)
        if not plan.live:
            watched.pop("frame", None)  # frames of files wait in queues as long as the slowest stage takes
        held = resources.pop_all()
        return Run(facts, front, association, board, outputs, held, redact, drawing, plan.device)


def pipeline_title(file: Path) -> str:
    """Return what a pipeline is called: its file's name, or its folder's where that is ``pipeline.yaml``."""
    return file.resolve().parent.name if file.name == "pipeline.yaml" else file.stem
