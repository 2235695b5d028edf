from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_people import at_ns
from synthetic_site import Run, Site, Walk

from edge.config.pipeline import IdentifySpec, RefineSpec
from edge.errors import ConfigError
from edge.evaluate.replay_tracks import SWITCHES, Settings, replay_tracks, score_replay_tracks, without
from edge.evaluate.site_score import read_site_truth
from edge.evaluate.tracklet_log import Recorder, TrackletLog, load_log, save_log
from edge.records import Settled
from edge.stages.identify import Identifier
from edge.stages.refine import Refiner
from edge.stages.sink import RunSummary
from edge.stages.sink.mot import MotSink
from edge.stages.tracklet import TrackletBuilder

SETTINGS = Settings(RefineSpec(), IdentifySpec(revise_s=40.0))
UNTIL_S = 75.0


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrackletLog, Path]:
    """Six people in two cameras, one after the other, with tracks that swap; and the tracks written live."""
    folder = tmp_path_factory.mktemp("live")
    walks = [
        Walk(
            person,
            camera,
            ((begin_s, 60.0, 200.0 + 12 * person), (begin_s + 12.0, 580.0, 200.0 + 12 * person)),
            track=person + 10 * visit,
            swaps=((begin_s + 6.0, 100 + person + 10 * visit),) if person in (1, 3) else (),
        )
        for person in range(1, 7)
        for visit, camera in enumerate(("door", "yard"))
        for begin_s in (6.0 * person + 18.0 * visit,)
    ]
    site = Site(walks, seed=3, cast=0.6, identify=SETTINGS.identify)
    log = TrackletLog(site.cameras)
    identifier = Recorder(Identifier(SETTINGS.identify, Refiner(SETTINGS.refine), site.cameras), log)
    builders = {camera: TrackletBuilder(camera, site.tracklet) for camera in site.cameras}
    sink = MotSink(folder, site.cameras)
    run = Run(Identifier(SETTINGS.identify, Refiner(SETTINGS.refine), site.cameras))
    embedded: dict[tuple[str, int], float] = {}

    def take(decisions: object, settled: tuple[Settled, ...]) -> None:
        sink.decide(decisions)  # type: ignore[arg-type]
        for rows in settled:
            sink.settle(rows)

    for number in range(1, int(UNTIL_S * 10) + 2):
        time_s = (number - 1) / 10
        for camera, builder in builders.items():
            identifier.add(builder.add(site._frame(run, camera, number, time_s, embedded)))
        outcome = identifier.advance(at_ns(time_s))
        take(outcome.decisions, outcome.settled)
    for builder in builders.values():
        identifier.add(builder.close())
    last = identifier.close()
    take(last.decisions, last.settled)
    sink.close(RunSummary("", "", 0, 0.0, 0, {}, {}))
    assert identifier.people > 0
    return log, folder


def tracks(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((folder / "tracks").iterdir())}


def test_a_replay_writes_the_very_tracks_of_the_run(
    recorded: tuple[TrackletLog, Path], tmp_path: Path
) -> None:
    log, live = recorded
    replay_tracks(log, SETTINGS, tmp_path)
    assert tracks(tmp_path) == tracks(live)
    assert all(text.count("\n") > 400 for text in tracks(live).values())


def test_a_log_read_from_its_file_gives_the_same_again(
    recorded: tuple[TrackletLog, Path], tmp_path: Path
) -> None:
    log, live = recorded
    save_log(log, tmp_path / "cache" / "log.npz")
    again = load_log(tmp_path / "cache" / "log.npz")
    assert (again.cameras, again.tracklets, len(again.told)) == (log.cameras, log.tracklets, len(log.told))
    replay_tracks(again, SETTINGS, tmp_path)
    assert tracks(tmp_path) == tracks(live)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["log.npz"]


def test_other_settings_give_other_tracks(recorded: tuple[TrackletLog, Path], tmp_path: Path) -> None:
    log, live = recorded
    nobody_sure = IdentifySpec(revise_s=40.0, weight_min=1000.0)
    replay_tracks(log, Settings(SETTINGS.refine, nobody_sure), tmp_path)
    assert tracks(tmp_path) != tracks(live)


@pytest.mark.parametrize("ingredient", SWITCHES)
def test_every_switch_changes_what_refine_is_told(ingredient: str) -> None:
    off = without(SETTINGS, ingredient)
    changed = {
        name for name, value in off.refine.model_dump().items() if value != SETTINGS.refine.model_dump()[name]
    }
    assert changed == set(SWITCHES[ingredient])
    assert off.identify == SETTINGS.identify


def test_a_replay_is_scored_against_a_truth(recorded: tuple[TrackletLog, Path]) -> None:
    """The run's own tracks as the truth: the same settings score 1."""
    log, live = recorded
    score = score_replay_tracks(log, SETTINGS, read_site_truth(live / "tracks"))
    assert score.across.idf1 == 1
    assert set(score.cameras) == {"door", "yard"}


def test_pictures_of_people_are_not_kept(recorded: tuple[TrackletLog, Path]) -> None:
    sent = [one for told in recorded[0].told if isinstance(told, tuple) for one in told]
    assert len(sent) > 20
    assert not any(one.crops for one in sent)


def test_a_file_that_is_no_log_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.npz: cannot be read: No such file"):
        load_log(tmp_path / "gone.npz")
    np.savez(tmp_path / "other.npz", head=np.array('{"format": "something"}'))
    with pytest.raises(ConfigError, match=r"other\.npz: .*not a file of recorded tracklets"):
        load_log(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ConfigError, match="not a file of recorded tracklets"):
        load_log(tmp_path / "text.npz")


def test_an_empty_log_is_read_back(tmp_path: Path) -> None:
    save_log(TrackletLog(["door"], [5, 7]), tmp_path / "log.npz")
    again = load_log(tmp_path / "log.npz")
    assert (again.cameras, again.told, again.tracklets) == (("door",), [5, 7], 0)
