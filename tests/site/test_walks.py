"""Walking: along the ways, apart from each other, out by a portal and back after a while."""

from __future__ import annotations

import numpy as np
import pytest

from edge.site.calibration import sightings
from edge.site.job import walk_site
from edge.site.people import person_look
from edge.site.presets import build_site
from edge.site.routes import Gap, Routes
from edge.site.walks import Paths, simulate

LINE = Routes(
    points_m={"a": (0.0, 0.0), "b": (4.0, 0.0), "c": (8.0, 0.0), "d": (4.0, 6.0), "far": (90.0, 0.0)},
    ways=(("a", "b"), ("b", "c"), ("b", "d")),
    zones=(("b",), ("d",)),
    gaps=(Gap("a", "c", 5.0, 0.5), Gap("c", "a", 5.0, 0.5)),
)


def stroll(people: int = 5, duration_s: float = 60.0, seed: int = 0) -> Paths:
    looks = [person_look(k) for k in range(people)]
    return simulate(LINE, looks, duration_s=duration_s, rate_hz=10.0, rng=np.random.default_rng(seed))


def test_the_same_seed_walks_the_same_way() -> None:
    one, again, other = stroll(), stroll(), stroll(seed=1)
    assert (one.xy_m == again.xy_m).all()
    assert (one.xy_m != other.xy_m).any()


def test_people_move_at_walking_speed_and_never_jump_while_present() -> None:
    paths = stroll()
    both = paths.present[1:] & paths.present[:-1]
    steps = np.hypot(*np.moveaxis(np.diff(paths.xy_m, axis=0), 2, 0))[both]
    assert steps.max() * 10 < 3.0
    walking = steps[steps * 10 > 0.5] * 10
    assert 1.0 < np.median(walking) < 1.7


def test_people_stay_near_the_ways() -> None:
    paths = stroll(12)
    x, y = paths.xy_m[paths.present].T
    near_line = (np.abs(y) < 2.2) & (x > -2.5) & (x < 10.5)
    near_branch = (np.abs(x - 4) < 2.2) & (y > -2.5) & (y < 8.5)
    assert (near_line | near_branch).all()


def test_everybody_leaves_by_a_portal_and_comes_back_by_another_after_the_gap() -> None:
    paths = stroll(6, 120.0)
    gone = []
    for person in range(6):
        present = paths.present[:, person]
        leaves = np.flatnonzero(present[:-1] & ~present[1:])
        comes = np.flatnonzero(~present[:-1] & present[1:])
        for left in leaves:
            back = comes[comes > left]
            if len(back):
                gone.append((back[0] - left) / 10)
                x_out, x_in = paths.xy_m[left, person, 0], paths.xy_m[back[0] + 1, person, 0]
                assert abs(x_out - x_in) > 5.0, "out at one end, in at the other"
    assert len(gone) > 6
    assert 4.3 < np.median(gone) < 5.9
    assert 0.1 < np.std(gone) < 1.2


def test_people_keep_apart() -> None:
    paths = stroll(8, 90.0)
    closest = []
    for frame in range(0, paths.frames, 5):
        spots = paths.xy_m[frame][paths.present[frame]]
        if len(spots) > 1:
            apart = np.hypot(*(spots[:, None] - spots[None]).transpose(2, 0, 1))
            closest.append(apart[np.triu_indices(len(spots), 1)].min())
    assert np.percentile(closest, 5) > 0.3
    assert np.median(closest) > 0.5


def test_who_walks_looks_where_they_go() -> None:
    paths = stroll(4, 60.0)
    steady = paths.present[1:-1] & (paths.speeds_m_s[1:-1] > 1.0)
    moved = paths.xy_m[2:] - paths.xy_m[:-2]
    direction = np.arctan2(moved[..., 1], moved[..., 0])
    off = np.abs((paths.headings[1:-1] - direction + np.pi) % (2 * np.pi) - np.pi)[steady]
    assert np.median(off) < 0.2


@pytest.mark.parametrize("preset", ["demo", "handover"])
def test_nobody_appears_or_vanishes_before_a_camera(preset: str) -> None:
    site, paths = walk_site(preset, 0, build_site(preset).duration_s)
    seen = sightings(site, paths).any(axis=0)
    changed = paths.present[1:] != paths.present[:-1]
    assert changed.sum() > 10
    assert not (seen[1:] & changed).any()
    assert not (seen[:-1] & changed).any()


def test_in_the_demo_everybody_visits_several_cameras_and_some_return() -> None:
    site, paths = walk_site("demo", 0, build_site("demo").duration_s)
    seen = sightings(site, paths)
    assert (seen.any(axis=1).sum(axis=0) >= 2).all()
    again = (np.diff(seen.any(axis=0).astype(int), axis=0) > 0).sum(axis=0)
    assert (again >= 2).sum() >= 3
    overlap = seen.sum(axis=0) >= 2
    assert overlap.sum() > 500


def test_in_handover_no_two_cameras_see_one_person_at_once() -> None:
    site, paths = walk_site("handover", 0, build_site("handover").duration_s)
    assert sightings(site, paths).sum(axis=0).max() == 1
