"""The whole of `edge-run` on a real video, against its truth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge.evaluate.tracking import TrackingScore, score_tracking

CAMERA = "pets"


@pytest.fixture(scope="module")
def tracks(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `edge-run` writes of the PETS video with the default pipeline."""
    folder = tmp_path_factory.mktemp("pets")
    cameras = folder / "cams.yaml"
    video = shared / "data/video/pets09_s2l1_view1_480x360.avi"
    cameras.write_text(f"cameras:\n  - name: {CAMERA}\n    source: {video}\n")
    code = "from edge.cli.run import main; main()"
    options = ("--cameras", cameras, "--out", folder / "out", "--quiet")
    done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "out" / "tracks" / f"{CAMERA}.txt"


def pets_score(shared: Path, tracks: Path, **how: int | Path) -> TrackingScore:
    truth = shared / "data/gt/PETS09-S2L1/gt.txt"
    score = score_tracking(truth, tracks, 0.625, **how)  # type: ignore[arg-type]
    print(score)  # shown when it fails
    return score


@pytest.mark.timeout(300)
def test_people_keep_one_identity_through_a_visit(shared: Path, tracks: Path) -> None:
    """That truth gives people who return a new id, so identities count visit by visit."""
    score = pets_score(shared, tracks, per_visit=40)
    assert score.idf1 >= 0.80
    assert score.hota >= 0.60
    assert score.mota >= 0.80


@pytest.mark.timeout(300)
def test_people_who_leave_and_return_keep_it_too(shared: Path, tracks: Path, checkout: Path) -> None:
    same = checkout / "benchmarks/truth/PETS09-S2L1.same.txt"
    if not same.exists():
        pytest.skip("no benchmarks/ beside these tests")
    assert pets_score(shared, tracks, same=same).idf1 >= 0.78
