from __future__ import annotations

import numpy as np
import pytest
from ground_plane import box_on, map_view

from edge.config.calibration import Calibration
from edge.records import Settled
from edge.stages.sink.footpaths import Footpaths, cut_path

START_NS = 1_700_000_000 * 10**9
Row = tuple[float, int, float, float]


def settled(rows: list[Row], camera: str = "door") -> Settled:
    """Rows are (time in s, identity, x and y in metres)."""
    times = np.array([START_NS + round(time_s * 1e9) for time_s, *_ in rows], np.int64)
    return Settled(
        camera=camera,
        identities=np.array([row[1] for row in rows], np.int64),
        frames=np.arange(1, len(rows) + 1),
        times_ns=times,
        boxes_px=np.array([box_on(x, y) for *_, x, y in rows], np.float32).reshape(-1, 4),
        scores=np.ones(len(rows), np.float32),
    )


def line(identity: int, begin_s: float, steps: int = 20, y_m: float = 4.0) -> list[Row]:
    """One metre per second to the right, ten boxes per second."""
    return [(begin_s + step / 10, identity, step / 10, y_m) for step in range(steps)]


def test_feet_are_where_the_person_stands() -> None:
    paths = Footpaths({"door": map_view()}, every_s=0.1)
    paths.settle(settled(line(3, 0.0)))
    ((path,),) = paths.of().values()
    assert path[0] == pytest.approx([0.0, 4.0])
    assert path[-1] == pytest.approx([1.9, 4.0], abs=1e-4)
    assert path[:, 1] == pytest.approx(4.0)


def test_points_are_kept_at_a_step_in_time() -> None:
    paths = Footpaths({"door": map_view()}, every_s=0.5)
    paths.settle(settled(line(3, 0.0, steps=51)))
    ((path,),) = paths.of().values()
    assert len(path) == 11


def test_an_absence_and_another_camera_begin_another_path() -> None:
    paths = Footpaths({"door": map_view(), "yard": map_view()})
    paths.settle(settled(line(3, 0.0) + line(3, 10.0)))
    paths.settle(settled(line(3, 0.0), "yard"))
    assert len(paths.of()[3]) == 3


def test_jitter_is_smoothed_and_the_ends_stay() -> None:
    zigzag = [(step / 5, 1, step / 5, 4.0 + 0.1 * (-1) ** step) for step in range(30)]
    paths = Footpaths({"door": map_view()})
    paths.settle(settled(zigzag))
    ((path,),) = paths.of().values()
    assert np.abs(path[2:-2, 1] - 4.0).max() < 0.03
    assert path[0, 1] == pytest.approx(4.1)


def test_unknown_people_uncalibrated_cameras_and_feet_below_the_picture_are_left_out() -> None:
    paths = Footpaths({"door": map_view()})
    paths.settle(settled(line(0, 0.0)))
    paths.settle(settled(line(1, 0.0), "yard"))
    paths.settle(settled(line(2, 0.0, y_m=0.02)))
    assert paths.of() == {}


def test_feet_near_the_horizon_are_left_out() -> None:
    """A metre per pixel and more."""
    coarse = Calibration.model_validate(
        {"image_to_ground_m": [[1, 0, 0], [0, -1, 360], [0, 0, 1]], "size_px": (640, 360)}
    )
    paths = Footpaths({"door": coarse})
    paths.settle(settled(line(1, 0.0)))
    assert paths.of() == {}


def test_a_merge_moves_the_points() -> None:
    paths = Footpaths({"door": map_view()})
    paths.settle(settled(line(2, 5.0)))
    paths.settle(settled(line(1, 0.0)))
    paths.merge(2, 1)
    paths.merge(7, 1)
    assert {identity: len(found) for identity, found in paths.of().items()} == {1: 2}


def test_memory_is_bounded_by_a_coarser_step() -> None:
    paths = Footpaths({"door": map_view()}, every_s=0.1, most=100)
    for minute in range(20):
        paths.settle(settled(line(1, 4.0 * minute, steps=40)))
    found = paths.of()[1]
    assert 20 < sum(map(len, found)) <= 100


def test_a_path_is_cut_where_its_owner_was_away() -> None:
    points = np.array([[0.0, 0, 0], [1.0, 1, 0], [9.0, 5, 5], [10.0, 6, 5], [10.5, 7, 5]])
    assert [len(piece) for piece in cut_path(points)] == [2, 3]
