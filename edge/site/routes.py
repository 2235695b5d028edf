"""Where people may walk: a graph of waypoints, goals on it, and portals to ways that no camera sees."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.site.places import Point

__all__ = ["Gap", "Network", "Routes"]

_Links = Mapping[str, Sequence[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class Gap:
    """A way outside the cameras, from a portal to a portal, and how long people are on it.

    start, end: portals, may be the same.
    median_s, spread_s: of a normal distribution, cut off at a second.
    """

    start: str
    end: str
    median_s: float
    spread_s: float


@dataclass(frozen=True, slots=True)
class Routes:
    """Where people may walk.

    points_m: waypoint -> x, y.
    ways: pairs of waypoints with a clear straight line between them.
    zones: lists of goals; on one visit a person goes to goals of several zones.
    gaps: ways outside; a portal is whatever a gap begins or ends at.
    """

    points_m: Mapping[str, Point]
    ways: tuple[tuple[str, str], ...]
    zones: tuple[tuple[str, ...], ...]
    gaps: tuple[Gap, ...]

    @property
    def portals(self) -> tuple[str, ...]:
        """Waypoints at which people appear and disappear, sorted."""
        return tuple(sorted({gap.start for gap in self.gaps} | {gap.end for gap in self.gaps}))

    def shortest(self, start: str, end: str) -> list[str]:
        """Waypoints after ``start`` up to ``end``; empty where there is no way, or none is needed."""
        return _search(self.links(), start, end)

    def links(self) -> dict[str, list[tuple[str, float]]]:
        """Waypoint -> its neighbours and how far they are."""
        links: dict[str, list[tuple[str, float]]] = {name: [] for name in self.points_m}
        for one, other in self.ways:
            length = math.dist(self.points_m[one], self.points_m[other])
            links[one].append((other, length))
            links[other].append((one, length))
        return links

    def within_reach(self, start: str) -> set[str]:
        """All waypoints that can be walked to."""
        return _spread(self.links(), start)


class Network:
    """Routes that remember what has been asked of them."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self._links = routes.links()
        self._reach: dict[str, set[str]] = {}
        self._shortest: dict[tuple[str, str], list[str]] = {}

    def within_reach(self, start: str) -> set[str]:
        """As of the routes."""
        if start not in self._reach:
            self._reach[start] = _spread(self._links, start)
        return self._reach[start]

    def shortest(self, start: str, end: str) -> list[str]:
        """As of the routes."""
        if (start, end) not in self._shortest:
            self._shortest[start, end] = _search(self._links, start, end)
        return self._shortest[start, end]


def _search(links: _Links, start: str, end: str) -> list[str]:
    best = {start: 0.0}
    before: dict[str, str] = {}
    heap = [(0.0, start)]
    while heap:
        length, here = heapq.heappop(heap)
        if here == end:
            break
        for there, step in links.get(here, ()):
            if length + step < best.get(there, math.inf):
                best[there] = length + step
                before[there] = here
                heapq.heappush(heap, (length + step, there))
    route: list[str] = []
    while end in before and end != start:
        route.append(end)
        end = before[end]
    return route[::-1]


def _spread(links: _Links, start: str) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        for there, _ in links[waiting.pop()]:
            if there not in found:
                found.add(there)
                waiting.append(there)
    return found
