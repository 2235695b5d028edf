from __future__ import annotations

from pathlib import Path

import pytest
from recorded_run import Recorded

from edge.config.pipeline import IdentifySpec
from edge.evaluate.replay_tracks import SWITCHES, Settings, replay_tracks, score_replay_tracks, without
from edge.evaluate.site_score import read_site_truth
from edge.stages.identify import Identifier
from edge.stages.refine import Refiner


def test_a_replay_writes_the_very_tracks_of_the_run(recorded: Recorded, tmp_path: Path) -> None:
    replay_tracks(recorded.log, recorded.settings, tmp_path)
    assert recorded.tracks(tmp_path) == recorded.tracks(recorded.live)
    assert all(text.count("\n") > 400 for text in recorded.tracks(recorded.live).values())


def test_other_settings_give_other_tracks(recorded: Recorded, tmp_path: Path) -> None:
    nobody_sure = IdentifySpec(revise_s=40.0, weight_min=1000.0)
    replay_tracks(recorded.log, Settings(recorded.settings.refine, nobody_sure), tmp_path)
    assert recorded.tracks(tmp_path) != recorded.tracks(recorded.live)


@pytest.mark.parametrize("ingredient", SWITCHES)
def test_every_switch_changes_what_it_names_and_nothing_else(ingredient: str, recorded: Recorded) -> None:
    off = without(recorded.settings, ingredient)
    for section in ("refine", "identify"):
        before = getattr(recorded.settings, section).model_dump()
        after = getattr(off, section).model_dump()
        changed = {name for name, value in after.items() if value != before[name]}
        assert changed == set(SWITCHES[ingredient].get(section, {}))


def test_a_replay_is_scored_against_a_truth(recorded: Recorded) -> None:
    """The run's own tracks as the truth: the same settings score 1."""
    score = score_replay_tracks(recorded.log, recorded.settings, read_site_truth(recorded.live / "tracks"))
    assert score.across.idf1 == 1


def test_prototypes_are_told_again_given_to_whom_they_show_or_left_out(recorded: Recorded) -> None:
    assert recorded.settings.drawn == "as it was"
    assert without(recorded.settings, "prototypes").drawn == "nothing"
    assert without(recorded.settings, "nfc").drawn == "by reference"
    heard: dict[str, list[int]] = {}
    for drawn in ("as it was", "by reference", "nothing"):
        refiner = Refiner(recorded.settings.refine)
        identifier = Identifier(recorded.settings.identify, refiner, recorded.log.cameras)
        decisions = [d for outcome in recorded.log.play(identifier, drawn) for d in outcome.decisions]
        heard[drawn] = [d.identity for d in decisions if "prototype" in d.evidence]
    assert heard["as it was"] == heard["by reference"] != []
    assert heard["nothing"] == []
