from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from edge.config.pipeline import TrackSpec
from edge.stages.track.library import TRACKERS, open_tracker


def test_the_table_has_a_row_for_every_name_a_pipeline_may_give() -> None:
    assert set(TRACKERS) == set(get_args(TrackSpec.model_fields["name"].annotation))


@pytest.mark.parametrize("name", TRACKERS)
@pytest.mark.parametrize("lost_s", [0.0, 0.01, 1.0, 60.0])
def test_every_number_a_pipeline_may_give_is_taken(name: str, lost_s: float) -> None:
    spec = TrackSpec(name=name, lost_s=lost_s, high_score=0, activation_score=1, match_iou=1, motion_hz=1000)
    open_tracker(spec)


def test_the_library_is_only_imported_when_a_tracker_is_opened() -> None:
    code = (
        "import sys, edge.stages.track; sys.exit('trackers' in sys.modules or 'supervision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
