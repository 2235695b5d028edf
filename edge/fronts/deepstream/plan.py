"""From a graph to a front that is ready: its files written, its parser compiled, its driver opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.clock import Clock
from edge.fronts.board import Board
from edge.fronts.deepstream.bundle import bundle_of, write_bundle
from edge.fronts.deepstream.capture_time import CaptureTime
from edge.fronts.deepstream.driver import Driver, open_driver
from edge.fronts.deepstream.front import DeepStreamFront
from edge.fronts.deepstream.graph import Graph
from edge.fronts.deepstream.nvinfer import PARSER_LIBRARY
from edge.fronts.deepstream.parser import build_parser, find_parser
from edge.fronts.deepstream.picker import Picker
from edge.fronts.deepstream.probe import Probe
from edge.fronts.deepstream.roster import Roster
from edge.fronts.deepstream.watch import CameraWatch
from edge.fronts.region import Region
from edge.fronts.tail import Association
from edge.stages.capture.thinning import FpsLimit

if TYPE_CHECKING:
    from edge.config.cameras import CamerasFile
    from edge.config.pipeline import PipelineSpec

__all__ = ["SET_FOLDER", "DeepStreamPlan", "plan_deepstream"]

SET_FOLDER = "deepstream"
_START_S = 30.0
_ENGINE_S = 900.0


@dataclass(frozen=True, slots=True, eq=False)
class DeepStreamPlan:
    """Everything a front needs that is known before the outputs are opened.

    graph: what is run.
    driver: runs it.
    """

    graph: Graph
    driver: Driver
    _cameras: CamerasFile
    _pipeline: PipelineSpec
    _clock: Clock
    _set_folder: Path

    @property
    def models(self) -> tuple[str, str]:
        """Fingerprints of the detector, and of the network that embeds."""
        detector, embedder = self.graph.networks
        return detector.card.fingerprint, embedder.card.fingerprint

    @property
    def slack_s(self) -> float:
        """Seconds a first frame may take longer than usual: TensorRT builds the engines that are missing."""
        models = self._set_folder / "models"
        missing = sum(not (models / network.engine_name).is_file() for network in self.graph.networks)
        return _START_S + missing * _ENGINE_S

    def front(self, association: Association, board: Board, started_ns: int) -> DeepStreamFront:
        """Make the front.

        Args:
            association: takes its frames.
            board: told what the cameras do.
            started_ns: wall time of the run's start.
        """
        listed, clock = self._cameras.cameras, self._clock
        names = [camera.name for camera in listed]
        embedder = self.graph.embedder.card
        roster = Roster(names)
        probe = Probe(
            roster,
            {camera.name: CaptureTime(camera, clock, started_ns) for camera in listed},
            (self.graph.mux.width, self.graph.mux.height),
            Picker(self._pipeline.crop, embedder.fingerprint, embedder.dim or 0),
            {camera.name: Region(camera.roi) for camera in listed if camera.roi},
            {camera.name: FpsLimit(camera.fps_max) for camera in listed if camera.fps_max is not None},
        )
        watches = [CameraWatch(camera, clock, board.on_state) for camera in listed]
        return DeepStreamFront(
            self.driver, probe, roster, watches, association, board, live=self.graph.mux.live
        )


def plan_deepstream(
    cameras: CamerasFile,
    pipeline: PipelineSpec,
    graph: Graph,
    folder: Path,
    clock: Clock,
    *,
    opener: Callable[[Graph, Path], Driver] = open_driver,
) -> DeepStreamPlan:
    """Write the set of configuration files, compile the parser unless one is there, and open the driver.

    Args:
        cameras: the cameras.
        pipeline: models and numbers.
        graph: made of them.
        folder: the run's output folder; the set goes into ``deepstream/`` below it.
        clock: the time.
        opener: opens the driver.

    Raises:
        ConfigError: a value is outside of what DeepStream takes.
        StartError: DeepStream is not there, or the parser cannot be compiled.
        OutputError: files that are not ours are in the way.
    """
    target = (folder / SET_FOLDER).absolute()
    ready = find_parser(graph.detector.card)
    library = PARSER_LIBRARY if ready is None else str(ready)
    driver = opener(graph, target)
    write_bundle(bundle_of(graph, library=library, models=str(target / "models")), target)
    if ready is None:
        build_parser(target)
    return DeepStreamPlan(graph, driver, cameras, pipeline, clock, target)
