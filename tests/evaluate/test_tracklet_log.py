from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from recorded_run import Recorded

from edge.errors import ConfigError
from edge.evaluate.replay_tracks import replay_tracks
from edge.evaluate.tracklet_log import TrackletLog, load_log, save_log
from edge.records import Arrivals


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
    assert again.prototypes == recorded.log.prototypes >= 6
    first, second = (next(t for t in log.told if isinstance(t, Arrivals)) for log in (again, recorded.log))
    for one, other in zip(first.prototypes, second.prototypes, strict=True):
        np.testing.assert_array_equal(one.generated, other.generated)
        assert (one.identity, one.poses, one.eta) == (other.identity, other.poses, other.eta)
        assert (one.reference.camera, one.reference.quality) == (
            other.reference.camera,
            other.reference.quality,
        )
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["log.npz"]


def test_pictures_of_people_are_not_kept(recorded: Recorded) -> None:
    sent = [one for told in recorded.log.told if isinstance(told, tuple) for one in told]
    assert len(sent) > 20
    assert not any(one.crops for one in sent)
    drawn = [one for told in recorded.log.told if isinstance(told, Arrivals) for one in told.prototypes]
    assert not any(one.reference.image_bgr_hwc.size or one.pictures_bgr_mhwc.size for one in drawn)


def test_a_file_that_is_no_log_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.npz: cannot be read: No such file"):
        load_log(tmp_path / "gone.npz")
    np.savez(tmp_path / "other.npz", head=np.array('{"format": "something"}'))
    with pytest.raises(ConfigError, match=r"other\.npz: .*not a file of recorded tracklets"):
        load_log(tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ConfigError, match="not a file of recorded tracklets"):
        load_log(tmp_path / "text.npz")


def test_a_file_from_before_there_were_prototypes_is_read(tmp_path: Path) -> None:
    save_log(TrackletLog(["door"], [5]), tmp_path / "log.npz")
    with np.load(tmp_path / "log.npz") as found:
        arrays = {name: found[name] for name in found.files if name != "drawn"}
    head = {key: value for key, value in json.loads(str(arrays.pop("head"))).items() if key != "drawn"}
    np.savez(tmp_path / "old.npz", head=np.array(json.dumps(head)), **arrays)
    assert load_log(tmp_path / "old.npz").told == [5]


def test_an_empty_log_is_read_back(tmp_path: Path) -> None:
    save_log(TrackletLog(["door"], [5, 7]), tmp_path / "log.npz")
    again = load_log(tmp_path / "log.npz")
    assert (again.cameras, again.told, again.tracklets) == (("door",), [5, 7], 0)
