"""Sites that are impossible are refused with one line that names the thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.errors import ConfigError
from edge.site.camera import Vector, aim
from edge.site.layout import Site, check_site
from edge.site.presets import build_site
from edge.site.routes import Gap

SITE = build_site("demo")


def move_camera(position: Vector) -> Site:
    camera = aim(position, (8.0, 5.0, 1.0), fov_deg=60.0, size_px=(640, 360))
    return replace(SITE, cameras=(SITE.cameras[0], replace(SITE.cameras[1], camera=camera)))


def move_point(name: str, x: float, y: float) -> Site:
    return replace(SITE, routes=replace(SITE.routes, points_m={**SITE.routes.points_m, name: (x, y)}))


def with_routes(**changes: object) -> Site:
    return replace(SITE, routes=replace(SITE.routes, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: move_camera((3.0, 3.0, -0.5)), "camera 'hall' is under the floor (z = -0.5 m)"),
        (lambda: move_camera((6.0, 2.6, 1.5)), "camera 'hall' is inside something that stands at (6.0, 2.6)"),
        (lambda: move_point("poster", 8.6, 60.0), "waypoint 'poster' at (8.6, 60) m is outside the area"),
        (lambda: move_point("poster", 16.05, 9.0), "goes through something at"),
        (lambda: with_routes(ways=(*SITE.routes.ways, ("till", "attic"))), "name a waypoint 'attic'"),
        (lambda: with_routes(ways=SITE.routes.ways[1:]), "who comes in at 'west' reaches no goal"),
        (lambda: with_routes(gaps=()), "need a portal"),
        (lambda: with_routes(gaps=(Gap("west", "moon", 1.0, 0.1),)), "name a waypoint 'moon'"),
        (lambda: replace(SITE, cameras=()), "has no camera"),
        (lambda: replace(SITE, cameras=(SITE.cameras[0],) * 2), "two cameras are called 'entrance'"),
        (lambda: replace(SITE, duration_s=0.01), "not one frame"),
        (lambda: replace(SITE, duration_s=float("nan")), "lasts nan s"),
    ],
)
def test_an_impossible_site_is_refused_in_one_line(make: Callable[[], Site], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_site(make())
    assert message in str(error.value)
    assert "site 'demo'" in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_possible_site_is_given_back() -> None:
    assert check_site(SITE) is SITE
