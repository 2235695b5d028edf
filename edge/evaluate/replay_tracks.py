"""A recorded run once more through refine and identify, with other settings, and its scores."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.config.pipeline import IdentifySpec, RefineSpec
from edge.evaluate.mot import MotBoxes, read_mot
from edge.evaluate.site_score import SiteScore, score_site
from edge.evaluate.tracklet_log import Drawn, TrackletLog
from edge.stages.identify import GroundPlane, Identifier, TravelTime
from edge.stages.refine import Refiner
from edge.stages.sink.folder import writing
from edge.stages.sink.mot import MotSink
from edge.stages.sink.summary import RunSummary

__all__ = ["SWITCHES", "Settings", "replay_tracks", "score_replay_tracks", "without"]

NOTHING = RunSummary("", "", 0, 0.0, 0, {}, {})

SWITCHES: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "camera_mean": {"refine": {"camera_mean": False}},
    "gates": {"identify": {"gates": {"ground": False, "travel": False}}},
    "nfc": {"refine": {"neighbours": 0, "neighbours_one_camera": 0}},
    "prototypes": {},
}
"""Ingredient to what switches it off, by section of the pipeline; ``prototypes`` are just not told."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a recorded run is played with.

    drawn: what of the prototypes; "as it was" is exact as long as nothing else was changed.
    """

    refine: RefineSpec
    identify: IdentifySpec
    grounds: Mapping[str, GroundPlane] = field(default_factory=dict)
    travel: Mapping[tuple[str, str], TravelTime] = field(default_factory=dict)
    drawn: Drawn = "as it was"


def without(settings: Settings, ingredient: str) -> Settings:
    """The same settings with one of :data:`SWITCHES` off."""
    off = SWITCHES[ingredient]
    return Settings(
        RefineSpec.model_validate(settings.refine.model_dump() | dict(off.get("refine", {}))),
        IdentifySpec.model_validate(settings.identify.model_dump() | dict(off.get("identify", {}))),
        settings.grounds,
        settings.travel,
        "nothing" if ingredient == "prototypes" else "by reference",
    )


def replay_tracks(log: TrackletLog, settings: Settings, folder: Path) -> None:
    """Play a recorded run and write ``tracks/<camera>.txt`` as the run itself would have.

    Args:
        log: the recording.
        settings: of refine and identify.
        folder: where ``tracks`` is made; made if missing.

    Raises:
        RunError: a file cannot be written.
    """
    identifier = Identifier(
        settings.identify,
        Refiner(settings.refine),
        log.cameras,
        grounds=settings.grounds,
        travel=settings.travel,
    )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    sink = MotSink(folder, log.cameras)
    try:
        for outcome in log.play(identifier, settings.drawn):
            sink.decide(outcome.decisions)
            for settled in outcome.settled:
                sink.settle(settled)
    finally:
        sink.close(NOTHING)


def score_replay_tracks(log: TrackletLog, settings: Settings, truths: Mapping[str, MotBoxes]) -> SiteScore:
    """Play a recorded run and score its tracks, all cameras together.

    Args:
        log: the recording.
        settings: of refine and identify.
        truths: camera to its truth; cameras the recording lacks are left out.

    Raises:
        MissingExtraError: TrackEval is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="edge-replay-") as name:
        replay_tracks(log, settings, Path(name))
        found = {camera: read_mot(Path(name) / "tracks" / f"{camera}.txt") for camera in log.cameras}
    there = {camera: truth for camera, truth in truths.items() if camera in found}
    return score_site(there, {camera: found[camera] for camera in there}, each=False)
