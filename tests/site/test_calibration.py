"""Calibration files: matrices that project, and travel times that were walked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from edge.site.calibration import camera_calibration, topology, write_calibration
from edge.site.presets import build_site


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calib")
    write_calibration(folder, build_site("handover", seed=0))
    return folder


def test_a_file_holds_the_camera(folder: Path) -> None:
    site = build_site("handover", seed=0)
    for one in site.cameras:
        found = yaml.safe_load((folder / f"{one.name}.yaml").read_text())
        assert found == camera_calibration(one)
        k, r, t = (np.array(found[name]) for name in ("intrinsics", "rotation", "translation_m"))
        np.testing.assert_allclose(k @ np.column_stack([r, t]), found["projection"], atol=1e-9)
        x, y = 18.0 * site.cameras.index(one) + 4.0, 3.0
        u, v, w = np.array(found["projection"]) @ [x, y, 0.0, 1.0]
        back = np.array(found["image_to_ground_m"]) @ [u / w, v / w, 1.0]
        assert back[:2] / back[2] == pytest.approx([x, y])
        assert found["size_px"] == [640, 360]


def test_travel_times_of_handover_are_those_of_its_gaps_and_the_steps_beside(folder: Path) -> None:
    site = build_site("handover", seed=0)
    table = yaml.safe_load((folder / "topology.yaml").read_text())
    assert table["format"] == 1
    pairs = {(row["from"], row["to"]): row for row in table["pairs"]}
    assert all(row["overlap"] == 0 for row in table["pairs"])
    for gap in site.routes.gaps:
        row = pairs[gap.start.split(".")[0], gap.end.split(".")[0]]
        beside = (
            row["median_s"] - gap.median_s
        )  # from out of sight to the portal, and from the portal into sight
        assert 1.0 < beside < 8.0
        assert row["low_s"] <= row["median_s"] <= row["high_s"]
        assert row["count"] >= 3
    assert not {("lobby", "store"), ("lobby", "dock")} & set(pairs)


def test_travel_times_are_counted_from_last_seen_to_next_seen() -> None:
    seen = np.zeros((2, 40, 4), bool)
    for person in range(4):
        seen[0, 2:10, person] = True  # last seen in frame 9
        seen[1, 15 + person : 20, person] = True
    (row,) = topology(seen, ["a", "b"], rate_hz=2.0)
    assert (row["from"], row["to"], row["count"], row["overlap"]) == ("a", "b", 4, 0.0)
    assert row["median_s"] == pytest.approx((6 + 7 + 8 + 9) / 4 / 2)


def test_overlapping_views_have_no_travel_time() -> None:
    seen = np.zeros((2, 40, 4), bool)
    seen[0, 2:20] = True
    seen[1, 10:30] = True
    (row,) = topology(seen, ["a", "b"], rate_hz=2.0)
    assert (row["overlap"], row["median_s"], row["spread_s"]) == (1.0, 0.0, 0.0)


def test_a_blink_is_no_return_and_rare_ways_are_left_out() -> None:
    seen = np.zeros((1, 60, 5), bool)
    seen[0, 0:10] = True
    seen[0, 12:30] = True  # hidden for a second
    assert topology(seen, ["a"], rate_hz=2.0) == []
    seen[0, 50:, :2] = True  # two people return
    assert topology(seen, ["a"], rate_hz=2.0) == []
    seen[0, 50:, :3] = True
    (row,) = topology(seen, ["a"], rate_hz=2.0)
    assert (row["from"], row["to"], row["count"]) == ("a", "a", 3)
