"""A whole site: place, cameras, people and routes, checked before anything is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge.errors import ConfigError
from edge.site.camera import Camera
from edge.site.canvas import Light
from edge.site.people import Look
from edge.site.places import Place, Point, Solid
from edge.site.routes import Routes
from edge.site.sensor import Sensor

__all__ = ["Site", "SiteCamera", "check_camera", "check_site"]

_BODY_M = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class SiteCamera:
    """One camera of a site.

    name: also the name of its files.
    camera: its matrices.
    sensor: what it makes of colours and light.
    light: the lamps around it.
    """

    name: str
    camera: Camera
    sensor: Sensor
    light: Light


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A site; person i has the global id i + 1.

    name: of the preset.
    place: floor, walls and furniture.
    cameras: at least one.
    looks: the people.
    routes: where they walk.
    area_m: left, low, right, high of the floor that may be walked on.
    duration_s, rate_hz: length of the videos, and frames per second.
    pixels: whether pictures are drawn unless asked otherwise.
    """

    name: str
    place: Place
    cameras: tuple[SiteCamera, ...]
    looks: tuple[Look, ...]
    routes: Routes
    area_m: tuple[float, float, float, float]
    duration_s: float
    rate_hz: float
    pixels: bool = True


def check_site(site: Site) -> Site:
    """The site, if it is possible.

    Raises:
        ConfigError: a camera is under the floor or inside something, a route leaves the area or goes through
            something, or a waypoint is not there; the message names it.
    """
    if not site.cameras:
        raise _wrong(site, "has no camera; give it at least one")
    names = [one.name for one in site.cameras]
    for one in site.cameras:
        if names.count(one.name) > 1:
            raise _wrong(site, f"two cameras are called '{one.name}'; rename one")
        check_camera(site, one)
    if not (math.isfinite(site.duration_s) and site.duration_s * site.rate_hz >= 1):
        raise _wrong(
            site, f"lasts {site.duration_s:g} s at {site.rate_hz:g} Hz: not one frame; make it longer"
        )
    _check_routes(site)
    return site


def _wrong(site: Site, message: str) -> ConfigError:
    return ConfigError(message, key=f"site '{site.name}'")


def check_camera(site: Site, one: SiteCamera) -> None:
    """Refuse a camera under the floor, or inside something.

    Raises:
        ConfigError: it is; the message names it.
    """
    x, y, z = (float(v) for v in one.camera.position_m)
    if z <= 0:
        raise _wrong(site, f"camera '{one.name}' is under the floor (z = {z:g} m); its z must be more than 0")
    for solid in site.place.solids:
        if solid.low_m < z < solid.high_m and _inside((x, y), solid, 0.0):
            raise _wrong(
                site,
                f"camera '{one.name}' is inside something that stands at ({solid.middle_m[0]:.1f}, "
                f"{solid.middle_m[1]:.1f}) m; move either",
            )


def _check_routes(site: Site) -> None:
    routes = site.routes
    left, low, right, high = site.area_m
    for name, (x, y) in routes.points_m.items():
        if not (left <= x <= right and low <= y <= high):
            raise _wrong(
                site,
                f"waypoint '{name}' at ({x:g}, {y:g}) m is outside the area, which reaches from "
                f"({left:g}, {low:g}) to ({right:g}, {high:g}) m",
            )
    named = [
        *(n for way in routes.ways for n in way),
        *(n for zone in routes.zones for n in zone),
        *routes.portals,
    ]
    for name in named:
        if name not in routes.points_m:
            raise _wrong(
                site, f"routes name a waypoint '{name}' that is not there; add it or correct the name"
            )
    if not routes.gaps or not any(routes.zones):
        raise _wrong(site, "people need a portal to come in by and a goal to go to; add them to the routes")
    _check_ways(site, [solid for solid in site.place.solids if solid.solid and solid.low_m < 1.9])
    for name in sorted({gap.end for gap in routes.gaps}):
        reach = routes.within_reach(name)
        if not any(gap.start in reach for gap in routes.gaps) or not any(
            goal in reach for zone in routes.zones for goal in zone
        ):
            raise _wrong(site, f"who comes in at '{name}' reaches no goal, or cannot leave; add a way")


def _check_ways(site: Site, blocks: list[Solid]) -> None:
    middles = np.array([solid.middle_m for solid in blocks]).reshape(-1, 2)
    sizes = np.array([math.dist(solid.middle_m, solid.outline_m[0]) for solid in blocks])
    points = site.routes.points_m
    for one, other in site.routes.ways:
        start, end = np.array(points[one]), np.array(points[other])
        long = float(np.linalg.norm(end - start))
        away = np.linalg.norm(middles - (start + end) / 2, axis=1)
        near = np.flatnonzero(away < long / 2 + 1.5 * sizes + _BODY_M)
        for share in np.linspace(0.0, 1.0, max(2, int(long / 0.2))) if len(near) else ():
            x, y = (float(v) for v in start + share * (end - start))
            if any(_inside((x, y), blocks[number], _BODY_M) for number in near.tolist()):
                raise _wrong(
                    site,
                    f"the way from '{one}' to '{other}' goes through something at ({x:.1f}, {y:.1f}) m; "
                    "lead it around",
                )


def _inside(point: Point, solid: Solid, margin_m: float) -> bool:
    """Whether a point lies within a solid's outline, or nearer to it than the margin."""
    corners = solid.outline_m
    for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
        length = math.hypot(bx - ax, by - ay)
        outside = ((point[0] - ax) * (by - ay) - (point[1] - ay) * (bx - ax)) / max(length, 1e-9)
        if outside > margin_m:
            return False
    return True
