from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recorded_run import Recorded

from edge.errors import ConfigError
from edge.evaluate.replay_tracks import replay_tracks
from edge.evaluate.tracklet_log import TrackletLog, load_log, save_log


def test_a_log_read_from_its_file_gives_the_same_again(recorded: Recorded, tmp_path: Path) -> None:
    save_log(recorded.log, tmp_path / "cache" / "log.npz")
    again = load_log(tmp_path / "cache" / "log.npz")
    assert (again.cameras, again.tracklets, len(again.told)) == (
        recorded.log.cameras,
        recorded.log.tracklets,
        len(recorded.log.told),
    )
    replay_tracks(again, recorded.settings, tmp_path)
    assert recorded.tracks(tmp_path) == recorded.tracks(recorded.live)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["log.npz"]


def test_pictures_of_people_are_not_kept(recorded: Recorded) -> None:
    sent = [one for told in recorded.log.told if isinstance(told, tuple) for one in told]
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
