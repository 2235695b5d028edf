from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from recorded_run import Recorded

from edge.errors import ConfigError
from edge.evaluate.mot import MotBoxes
from edge.evaluate.replay_tracks import SWITCHES
from edge.evaluate.run_judge import RunJudge
from edge.evaluate.site_score import read_site_truth
from edge.evaluate.truth_folder import SiteTruth


@pytest.fixture(scope="module")
def truth(recorded: Recorded) -> dict[str, MotBoxes]:
    """The run's own tracks with other names: whoever was named n is person n + 100."""
    return {
        camera: MotBoxes(boxes.frames, boxes.ids + 100, boxes.boxes_ltwh_px, boxes.confidences)
        for camera, boxes in read_site_truth(recorded.live / "tracks").items()
    }


@pytest.fixture(scope="module")
def judged(recorded: Recorded, truth: dict[str, MotBoxes]) -> dict[str, Any]:
    """What is said of the run; the truth has a camera the run did not have."""
    more = SiteTruth(truth | {"roof": truth["door"]})
    return RunJudge(more, recorded.live, recorded.log, recorded.settings)()


def test_a_run_is_judged_by_what_it_wrote(judged: dict[str, Any]) -> None:
    assert (judged["idf1"], judged["cross_camera_idf1"]) == (1, 1)
    assert judged["people"]
    assert all(int(person) == identity + 100 for person, identity in judged["people"].items())
    json.dumps(judged)


def test_a_camera_the_run_did_not_have_plays_no_part(judged: dict[str, Any]) -> None:
    assert set(judged["cameras"]) == {"door", "yard"}


def test_the_same_is_said_without_each_ingredient(judged: dict[str, Any]) -> None:
    assert set(judged["without"]) == set(SWITCHES)
    for less in judged["without"].values():
        assert 0 < less["cross_camera_idf1"] <= 1
        assert less["result_ids"] > 0


def test_tracks_that_are_gone_are_named(
    recorded: Recorded, truth: dict[str, MotBoxes], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"door\.txt: no such file"):
        RunJudge(SiteTruth(truth), tmp_path, recorded.log, recorded.settings)()
