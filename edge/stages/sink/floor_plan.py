"""The floor plan of report.html: paths over the ground plane, truth beside result, as inline SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.config.calibration import Calibration
from edge.stages.sink.footpaths import Ground, Reals, cut_path
from edge.stages.sink.palette import UNKNOWN_RGB, hex_colour, identity_rgb, ink_rgb

__all__ = ["draw_floor_plan"]

_WIDTH_PX = 560
_SMALL_PX = 170
_MARGIN_M = 0.8
_STEPS_M = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_MOST_SMALL = 60
_MOST_LABELS = 40
_APART_PX = 60.0  # labels farther apart than this are far enough
_FAR_M = 40.0
_WIDE = 1.8

Paths = Mapping[int, Sequence[Reals]]


@dataclass(frozen=True, slots=True)
class _Frame:
    """The part of the ground that is drawn: its lower left corner, size, and pixels per metre."""

    left_m: float
    low_m: float
    width_m: float
    height_m: float
    scale: float

    def at(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Pixels from the top left; north is up."""
        return (x_m - self.left_m) * self.scale, (self.low_m + self.height_m - y_m) * self.scale

    @property
    def is_wide(self) -> bool:
        return self.width_m > _WIDE * self.height_m

    @property
    def size_px(self) -> tuple[float, float]:
        return self.width_m * self.scale, self.height_m * self.scale


def draw_floor_plan(ground: Ground, result: Paths, people: Mapping[int, int]) -> str:
    """Return the section's HTML; empty where there is nothing to draw.

    Args:
        ground: cameras, and the truth where it is known.
        result: identity to its paths, float64 (n, 2) metres each.
        people: person of the truth to the identity that person mostly has; others have none.
    """
    truth = {person: cut_path(points) for person, points in sorted(ground.truth.items()) if len(points)}
    every = [path for paths in (*result.values(), *truth.values()) for path in paths]
    if not every:
        return ""
    points = np.concatenate(every)
    frame = _frame_of(points, ground.calibrations.values(), _WIDTH_PX)
    if frame.is_wide:  # then it takes the whole width of the page
        frame = _frame_of(points, ground.calibrations.values(), 2 * _WIDTH_PX)
    panels = []
    if truth:
        count = f"{len(truth)} people, in the colours of their identities"
        titles = {one: f"person {one}: {_name(people.get(one, 0))}" for one in truth}
        panels.append(_panel("Truth", count, _whole(frame, ground, truth, people, titles)))
    titles = {one: _name(one) for one in result}
    own = {one: one for one in result}
    count = f"{len(result)} {'identity' if len(result) == 1 else 'identities'}"
    panels.append(_panel("Result", count, _whole(frame, ground, result, own, titles)))
    wide = " wide" if frame.is_wide else ""
    parts = ["<h2>Floor plan</h2>", f'<div class="plans{wide}">{"".join(panels)}</div>']
    if truth:
        parts += _small_ones(ground, result, truth, people)
    return "\n".join(parts)


def _panel(title: str, count: str, drawing: str) -> str:
    return (
        f'<section class="panel"><header><h3>{title}</h3><span class="soft">{count}</span></header>'
        f"{drawing}</section>"
    )


def _name(identity: int) -> str:
    return f"id {identity}" if identity else "no identity"


def _small_ones(ground: Ground, result: Paths, truth: Paths, people: Mapping[int, int]) -> list[str]:
    """A picture per person: the true way in grey, and over it the ways of the identity it was given."""
    every = [path for paths in (*result.values(), *truth.values()) for path in paths]
    frame = _frame_of(np.concatenate(every), ground.calibrations.values(), _SMALL_PX)
    width, height = frame.size_px
    wide = " wide" if frame.is_wide else ""
    cards = []
    for person, paths in list(truth.items())[:_MOST_SMALL]:
        identity = people.get(person, 0)
        name = _name(identity)
        drawn = [_polyline(frame, path, "way") for path in paths]
        drawn += [_polyline(frame, path, "path", identity_rgb(identity)) for path in result.get(identity, ())]
        mark = hex_colour(identity_rgb(identity) if identity else UNKNOWN_RGB)
        link = f' href="#id-{identity}"' if identity else ""
        cards.append(
            f'<a class="small" style="--mark: {mark}"{link}><svg viewBox="0 0 {width:.0f} {height:.0f}" '
            f'role="img" aria-label="person {person}, {name}"><rect class="floor" width="100%" '
            f'height="100%"/>{"".join(drawn)}</svg><span>person {person}<b>{name}</b></span></a>'
        )
    more = len(truth) - _MOST_SMALL
    left_out = f" {more} more people are left out." if more > 0 else ""
    note = (
        '<p class="note">One picture per person: grey is the true way, colour the identity most of its boxes '
        "got. Grey without colour was seen under another identity, from afar, or not at all; colour without "
        f"grey is somebody else.{left_out}</p>"
    )
    return [f'<div class="smalls{wide}">{"".join(cards)}</div>', note]


def _frame_of(points: Reals, cameras: Iterable[Calibration], width_px: float) -> _Frame:
    """What is needed to see all points and cameras, with some room around."""
    middle = np.median(points, axis=0)
    near = points[np.abs(points - middle).max(axis=1) < 500.0]
    places = [np.array(one.position_m[:2]) for one in cameras if one.position_m is not None]
    shown = np.vstack([near, *(place[None] for place in places if np.hypot(*(place - middle)) < 200.0)])
    low, high = shown.min(axis=0) - _MARGIN_M, shown.max(axis=0) + _MARGIN_M
    width, height = (float(size) for size in high - low)
    height = max(height, width / 4)
    return _Frame(float(low[0]), float(low[1]), width, height, width_px / max(width, height / 1.2))


def _whole(
    frame: _Frame, ground: Ground, paths: Paths, called: Mapping[int, int], titles: Mapping[int, str]
) -> str:
    """All paths in one picture; ``called`` says which identity's colour each has."""
    width, height = frame.size_px
    drawn = [_grid(frame), *(_view(frame, one) for one in ground.calibrations.values())]
    labels: list[str] = []
    placed: list[Reals] = []
    for person, pieces in paths.items():
        identity = called.get(person, 0)
        rgb = identity_rgb(identity) if identity else UNKNOWN_RGB
        lines = "".join(_polyline(frame, piece, "path", rgb) for piece in pieces)
        drawn.append(f'<g class="who"><title>{titles[person]}</title>{lines}</g>')
        if len(paths) <= _MOST_LABELS:
            placed.append(_free_place(frame, pieces, placed))
            labels.append(_label(placed[-1], str(person), rgb))
    cameras = [_camera(frame, name, one) for name, one in ground.calibrations.items()]
    return (
        f'<svg class="plan" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="Paths over the ground plane">{"".join([*drawn, *labels, *cameras])}</svg>'
    )


def _grid(frame: _Frame) -> str:
    """Lines at round metres, about eight across, and how far apart they are."""
    step = next((step for step in _STEPS_M if frame.width_m / step <= 10), _STEPS_M[-1])
    width, height = frame.size_px
    parts = [f'<rect class="floor" width="{width:.0f}" height="{height:.0f}"/>']
    for number in _multiples(step, frame.left_m, frame.left_m + frame.width_m):
        x, _ = frame.at(number, 0.0)
        parts.append(f'<line class="tick" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height:.0f}"/>')
    for number in _multiples(step, frame.low_m, frame.low_m + frame.height_m):
        _, y = frame.at(0.0, number)
        parts.append(f'<line class="tick" x1="0" y1="{y:.1f}" x2="{width:.0f}" y2="{y:.1f}"/>')
    parts.append(f'<text class="tick" x="6" y="{height - 7:.0f}">grid {step} m</text>')
    return "".join(parts)


def _multiples(step: int, low: float, high: float) -> list[int]:
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _polyline(frame: _Frame, path: Reals, kind: str, rgb: tuple[int, int, int] | None = None) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (frame.at(*point) for point in path.tolist()))
    colour = f' stroke="{hex_colour(rgb)}"' if rgb is not None else ""
    return f'<polyline class="{kind}"{colour} points="{points}"/>'


def _free_place(frame: _Frame, pieces: Sequence[Reals], placed: Sequence[Reals]) -> Reals:
    """float64 (2,) pixels: the point of somebody's ways that is farthest from the labels there are."""
    points = np.array([frame.at(*point) for piece in pieces for point in piece[::3].tolist()])
    room = np.array(frame.size_px) - 9.0
    points = np.clip(points, 9.0, room)
    if not placed:
        return np.asarray(points[len(points) // 2])
    apart = np.hypot(*(points[:, None, :] - np.array(placed)[None]).transpose(2, 0, 1)).min(axis=1)
    return np.asarray(points[int(np.argmax(np.minimum(apart, _APART_PX)))])


def _label(place_px: Reals, text: str, rgb: tuple[int, int, int]) -> str:
    x, y = place_px.tolist()
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8.5" fill="{hex_colour(rgb)}"/><text class="end" x="{x:.1f}" '
        f'y="{y + 3.5:.1f}" text-anchor="middle" fill="{hex_colour(ink_rgb(rgb))}">{text}</text>'
    )


def _view(frame: _Frame, calibration: Calibration) -> str:
    """The ground a camera sees, as far as it is near."""
    width, height = calibration.size_px
    rows = np.linspace(height, 0, 60)
    sides = []
    for column in (0.0, float(width)):
        ground = calibration.ground_of(np.stack([np.full(len(rows), column), rows], axis=1))
        reach = np.hypot(*(ground - ground[0]).T)
        sides.append(ground[: int(np.argmax(~(reach < _FAR_M))) or len(ground)])
    outline = np.vstack([sides[0], sides[1][::-1]])
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (frame.at(*point) for point in outline.tolist()))
    return f'<polygon class="view" points="{points}"/>'


def _camera(frame: _Frame, name: str, calibration: Calibration) -> str:
    """A wedge that points where the camera looks, with its name."""
    if calibration.position_m is None:
        return ""
    width, height = calibration.size_px
    ahead = calibration.ground_of(np.array([[width / 2, height * 0.8]]))[0]
    x, y = frame.at(*calibration.position_m[:2])
    to_x, to_y = frame.at(*ahead.tolist())
    angle = math.degrees(math.atan2(to_y - y, to_x - x)) if np.isfinite(ahead).all() else 0.0
    room_px = frame.size_px[0]
    anchor = "start" if x < 40 else "end" if x > room_px - 40 else "middle"
    below = y + 20 if y < frame.size_px[1] - 26 else y - 12
    return (
        f'<path class="camera" d="M-5 -3 L-5 3 L2 3 L8 7 L8 -7 L2 -3 Z" '
        f'transform="translate({x:.1f} {y:.1f}) rotate({angle:.0f})"/>'
        f'<text class="camera" x="{x:.1f}" y="{below:.1f}" text-anchor="{anchor}">{html.escape(name)}</text>'
    )
