"""How people move over the floor: along routes, with pauses and meetings, leaving and coming back.

People enter at a portal (a waypoint no camera sees), go from goal to goal along the graph, wait there,
leave by a portal, and after a while come in by another one. They keep away from each other while they walk.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.site.people import Look
from edge.site.places import Point
from edge.site.routes import Network, Routes
from edge.site.stance import stride_m

__all__ = ["Paths", "simulate"]

Reals = NDArray[np.float64]

_ARRIVED_M = 0.45
_KEEP_M = 0.75  # people who walk keep so far from each other's middle
_TURN_RAD_S = 3.5
_NUDGE_M_S = 1.1


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Where everybody is; row f is frame f (from 0), column i person i.

    rate_hz: frames per second.
    present: bool (f, n)        whether the person is on the site at all
    xy_m: float64 (f, n, 2)
    headings: float64 (f, n)    radians, 0 is east
    speeds_m_s: float64 (f, n)
    phases: float64 (f, n)      of the gait, radians
    """

    rate_hz: float
    present: NDArray[np.bool_]
    xy_m: Reals
    headings: Reals
    speeds_m_s: Reals
    phases: Reals

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.present)


@dataclass(slots=True)
class _Walker:
    """Somebody on the way: what remains of the plan, and how they walk."""

    pace_m_s: float
    offset_m: Point
    node: str
    steps: deque[tuple[str, str, float]] = field(default_factory=deque)
    wait_s: float = 0.0
    gone_s: float = 0.0
    gaze: float | None = None


def simulate(
    routes: Routes, looks: Sequence[Look], *, duration_s: float, rate_hz: float, rng: np.random.Generator
) -> Paths:
    """Let everybody walk.

    Args:
        routes: where.
        looks: who; tall people take longer steps.
        duration_s: for how long.
        rate_hz: steps per second.
        rng: for who goes where, and when.
    """
    count, frames = len(looks), round(duration_s * rate_hz)
    network = Network(routes)
    walkers = [_begin(routes, number, count, duration_s, rng) for number in range(count)]
    xy = np.array([_spot(routes, one) for one in walkers]).reshape(-1, 2)
    speed, phase = np.zeros(count), rng.uniform(0, 2 * math.pi, count)
    heading = rng.uniform(-math.pi, math.pi, count)
    present = np.array([one.gone_s <= 0 for one in walkers])
    shape = (frames, count)
    paths = Paths(
        rate_hz,
        np.zeros(shape, bool),
        np.zeros((*shape, 2)),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape),
    )
    step_s = 1.0 / rate_hz
    for frame in range(frames):
        aims = np.zeros((count, 2))
        for number, one in enumerate(walkers):
            aims[number] = _advance(network, one, xy[number], step_s, rng)
            if one.gone_s > 0:
                present[number] = False
            elif not present[number]:  # back again
                present[number] = True
                xy[number] = _spot(routes, one)
        moves = aims + _keep_apart(xy, aims, present)
        xy = xy + moves * step_s * present[:, None]
        walked = np.hypot(moves[:, 0], moves[:, 1]) * present
        speed += (walked - speed) * min(1.0, 4.0 * step_s)
        wanted = np.where(walked > 0.25, np.arctan2(moves[:, 1], moves[:, 0]), heading)
        for number, one in enumerate(walkers):
            if one.wait_s > 0 and walked[number] <= 0.25:
                wanted[number] = _gaze(one, number, xy, present, heading[number], rng)
        turn = (wanted - heading + math.pi) % (2 * math.pi) - math.pi
        heading = heading + np.clip(turn, -_TURN_RAD_S * step_s, _TURN_RAD_S * step_s)
        strides = np.array([stride_m(look, v) for look, v in zip(looks, speed, strict=True)])
        phase = phase + 2 * math.pi * walked * step_s / strides + 0.6 * step_s * (walked < 0.1)
        paths.present[frame], paths.xy_m[frame], paths.headings[frame] = present, xy, heading
        paths.speeds_m_s[frame], paths.phases[frame] = speed, phase
    return paths


def _begin(routes: Routes, number: int, count: int, duration_s: float, rng: np.random.Generator) -> _Walker:
    """Some are there already, at a goal; the others come in one after the other."""
    walker = _Walker(
        pace_m_s=float(np.clip(rng.normal(1.3, 0.16), 0.9, 1.75)),
        offset_m=(float(rng.uniform(-0.3, 0.3)), float(rng.uniform(-0.3, 0.3))),
        node="",
    )
    if number % 3 == 0:
        goals = [goal for zone in routes.zones for goal in zone]
        walker.node = goals[int(rng.integers(len(goals)))]
        walker.wait_s = float(rng.uniform(0.0, 2.0))
    else:
        portals = sorted({gap.end for gap in routes.gaps})
        walker.node = portals[int(rng.integers(len(portals)))]
        walker.gone_s = 0.2 + min(16.0, 0.3 * duration_s) * number / count
    return walker


def _spot(routes: Routes, walker: _Walker) -> Point:
    x, y = routes.points_m[walker.node]
    return x + walker.offset_m[0], y + walker.offset_m[1]


def _advance(
    network: Network, walker: _Walker, here: Reals, step_s: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Follow the plan for one step and return the velocity that is wanted."""
    if walker.gone_s > 0:
        walker.gone_s -= step_s
        return 0.0, 0.0
    if walker.wait_s > 0:
        walker.wait_s -= step_s
        return 0.0, 0.0
    walker.gaze = None
    if not walker.steps:
        _plan(network, walker, rng)
    kind, node, value = walker.steps[0]
    if kind == "wait":
        walker.steps.popleft()
        walker.wait_s = value
        return 0.0, 0.0
    if kind == "leave":
        walker.steps.popleft()
        walker.node, walker.gone_s = node, value
        return 0.0, 0.0
    x, y = network.routes.points_m[node]
    dx, dy = x + walker.offset_m[0] - here[0], y + walker.offset_m[1] - here[1]
    away = math.hypot(dx, dy)
    if away < _ARRIVED_M:
        walker.steps.popleft()
        walker.node = node
    pace = walker.pace_m_s / max(away, 1e-6)
    return dx * pace, dy * pace


def _plan(network: Network, walker: _Walker, rng: np.random.Generator) -> None:
    """A visit: some goals of different zones, a wait at most of them, and a portal to leave by."""
    reach = network.within_reach(walker.node)
    zones = [
        [goal for goal in zone if goal in reach and goal != walker.node] for zone in network.routes.zones
    ]
    zones = [zone for zone in zones if zone]
    order = rng.permutation(len(zones))[: int(rng.integers(1, 4))]
    here = walker.node
    for number in order:
        goal = zones[number][int(rng.integers(len(zones[number])))]
        walker.steps.extend(("go", node, 0.0) for node in network.shortest(here, goal))
        if rng.random() < 0.55:
            walker.steps.append(("wait", goal, float(rng.uniform(1.0, 5.0))))
        here = goal
    ways = [gap for gap in network.routes.gaps if gap.start in reach]
    gap = ways[int(rng.integers(len(ways)))]
    walker.steps.extend(("go", node, 0.0) for node in network.shortest(here, gap.start))
    walker.steps.append(("leave", gap.end, max(1.0, float(rng.normal(gap.median_s, gap.spread_s)))))


def _keep_apart(xy: Reals, aims: Reals, present: NDArray[np.bool_]) -> Reals:
    """Velocities that take people who come too close aside; those who walk give way to those who stand."""
    apart = xy[:, None] - xy[None]
    away = np.hypot(apart[..., 0], apart[..., 1]) + 1e-6
    close = (away < 2 * _KEEP_M) & present[:, None] & present[None]
    np.fill_diagonal(close, False)
    push = np.where(close, np.exp((_KEEP_M - away) / 0.22), 0.0).clip(0.0, 2.0)
    ahead = apart / away[..., None]
    beside = np.stack([ahead[..., 1], -ahead[..., 0]], axis=-1)  # everybody passes on the same side
    total = ((0.7 * ahead + 0.6 * beside) * push[..., None]).sum(axis=1)
    length = np.hypot(total[:, 0], total[:, 1])[:, None]
    total *= np.minimum(1.0, _NUDGE_M_S / np.maximum(length, 1e-6))
    moving = np.hypot(aims[:, 0], aims[:, 1]) > 0.1
    return np.asarray(total * np.where(moving, 1.0, 0.5)[:, None])


def _gaze(
    walker: _Walker,
    number: int,
    xy: Reals,
    present: NDArray[np.bool_],
    heading: float,
    rng: np.random.Generator,
) -> float:
    """Whom or what somebody who waits looks at: the nearest other within two metres, else any direction."""
    apart = xy - xy[number]
    away = np.hypot(apart[:, 0], apart[:, 1])
    away[number] = math.inf
    away[~present] = math.inf
    nearest = int(np.argmin(away)) if len(away) > 1 else number
    if away[nearest] < 2.0:
        return math.atan2(apart[nearest, 1], apart[nearest, 0])
    if walker.gaze is None:
        walker.gaze = heading + float(rng.normal(0.0, 1.2))
    return walker.gaze
