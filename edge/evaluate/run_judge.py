"""What summary.json and report.html say of a run whose truth is known."""

from __future__ import annotations

from pathlib import Path

from edge.evaluate.mot import read_mot
from edge.evaluate.people_match import match_people
from edge.evaluate.replay_tracks import SWITCHES, Settings, score_replay_tracks, without
from edge.evaluate.site_score import score_site
from edge.evaluate.tracklet_log import TrackletLog
from edge.evaluate.truth_folder import SiteTruth

__all__ = ["RunJudge"]


class RunJudge:
    """Scores the tracks a run has written, and what they would be with one ingredient left out.

    Args:
        truth: who was where.
        folder: the run's output folder.
        log: what identify was told in the run.
        settings: what it was run with.
    """

    def __init__(self, truth: SiteTruth, folder: Path, log: TrackletLog, settings: Settings) -> None:
        self._truth = truth
        self._folder = folder
        self._log = log
        self._settings = settings

    def __call__(self) -> dict[str, object]:
        """Return the tracking object, with ``people`` and ``without`` besides.

        ``people`` is person to identity; ``without`` is ingredient to ``idf1 hota``, the same across cameras
        where there are several, and ``result_ids``.

        Raises:
            ConfigError: the tracks cannot be read.
            MissingExtraError: TrackEval is not installed.
        """
        cameras = self._log.cameras
        truths = {camera: boxes for camera, boxes in self._truth.boxes.items() if camera in cameras}
        results = {camera: read_mot(self._folder / "tracks" / f"{camera}.txt") for camera in truths}
        found = score_site(truths, results).as_json()
        found["people"] = {str(one): who for one, who in match_people(truths, results).items()}
        left_out = [name for name in SWITCHES if name != "prototypes" or self._log.prototypes]
        found["without"] = {name: self._less(name) for name in left_out}
        return found

    def _less(self, ingredient: str) -> dict[str, object]:
        score = score_replay_tracks(self._log, without(self._settings, ingredient), self._truth.boxes)
        found: dict[str, object] = {"idf1": score.overall.idf1, "hota": score.overall.hota}
        if len(self._log.cameras) > 1:
            found |= {"cross_camera_idf1": score.across.idf1, "cross_camera_hota": score.across.hota}
        return found | {"result_ids": score.overall.result_ids}
