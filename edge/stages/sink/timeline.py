"""Who was in which camera when, as intervals in bounded memory, and drawn as SVG."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from edge.records.identity import Settled
from edge.stages.sink.palette import hex_colour, identity_rgb, ink_rgb
from edge.stages.sink.timestamp import clock_utc

__all__ = ["Interval", "Timeline", "draw_lanes", "pack"]

_WIDTH_PX = 1000
_ROW_PX = 18
_GAP_PX = 3
_AXIS_PX = 22
_MOST_ROWS = 40
_MOST_OWN_ROWS = 24
_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(slots=True)
class Interval:
    """An identity (0 for somebody unknown) from ``start_ns`` to ``end_ns``, wall time."""

    identity: int
    start_ns: int
    end_ns: int


class Timeline:
    """Intervals of presence per camera.

    Boxes less than ``gap_s`` apart are one interval. When there are more than ``most`` intervals, the
    gap doubles and neighbours melt together; when that is not enough, the oldest go.

    Args:
        gap_s: longest absence that still counts as presence.
        most: most intervals kept, all cameras together.
    """

    def __init__(self, gap_s: float = 1.0, most: int = 4000) -> None:
        self.gap_s = gap_s
        self._first_gap_s = gap_s
        self._most = most
        self._count = 0
        self._intervals: dict[str, dict[int, list[Interval]]] = {}
        self.forgotten = 0

    @property
    def coarser(self) -> bool:
        """Whether intervals were melted together to save memory."""
        return self.gap_s > self._first_gap_s

    def settle(self, settled: Settled) -> list[tuple[int, int, int]]:
        """Take in boxes; return (identity, first, last) in wall nanoseconds for each person in them."""
        spans: dict[int, tuple[int, int]] = {}
        people = self._intervals.setdefault(settled.camera, {})
        gap_ns = int(self.gap_s * 1e9)
        for identity, time_ns in zip(settled.identities.tolist(), settled.times_ns.tolist(), strict=True):
            first_ns, last_ns = spans.get(identity, (time_ns, time_ns))
            spans[identity] = (min(first_ns, time_ns), max(last_ns, time_ns))
            intervals = people.setdefault(identity, [])
            if intervals and time_ns - intervals[-1].end_ns <= gap_ns:
                intervals[-1].end_ns = max(intervals[-1].end_ns, time_ns)
            else:
                intervals.append(Interval(identity, time_ns, time_ns))
                self._count += 1
        while self._count > self._most:
            self._shrink()
        return [(identity, first_ns, last_ns) for identity, (first_ns, last_ns) in spans.items()]

    def merge(self, old: int, new: int) -> None:
        """Give all intervals of ``old`` to ``new``."""
        if old == new:
            return
        for people in self._intervals.values():
            moved = people.pop(old, [])
            if moved:
                both = sorted([*people.get(new, []), *moved], key=lambda interval: interval.start_ns)
                for interval in moved:
                    interval.identity = new
                people[new] = _melt(both, int(self.gap_s * 1e9))
        self._recount()

    def of(self, camera: str) -> list[Interval]:
        """Return a camera's intervals, the earliest first."""
        found = [one for intervals in self._intervals.get(camera, {}).values() for one in intervals]
        return sorted(found, key=lambda interval: (interval.start_ns, interval.identity))

    def span_ns(self) -> tuple[int, int]:
        """Return the first and the last wall time of all cameras; (0, 0) when nobody passed."""
        every = [one for camera in self._intervals for one in self.of(camera)]
        if not every:
            return 0, 0
        return min(one.start_ns for one in every), max(one.end_ns for one in every)

    def _shrink(self) -> None:
        """Halve the number of intervals, or nearly."""
        target = self._most // 2
        longest_ns = self.span_ns()[1] - self.span_ns()[0]
        while self._count > target and self.gap_s * 1e9 < longest_ns:
            self.gap_s *= 2
            for people in self._intervals.values():
                for identity, intervals in people.items():
                    people[identity] = _melt(intervals, int(self.gap_s * 1e9))
            self._recount()
        if self._count > self._most:
            every = sorted(
                (one.end_ns, camera, one.identity) for camera in self._intervals for one in self.of(camera)
            )
            for _, camera, identity in every[: self._count - target]:
                self._intervals[camera][identity].pop(0)
                self.forgotten += 1
            self._recount()

    def _recount(self) -> None:
        for camera, people in self._intervals.items():
            self._intervals[camera] = {who: intervals for who, intervals in people.items() if intervals}
        self._count = sum(len(one) for people in self._intervals.values() for one in people.values())


def _melt(intervals: list[Interval], gap_ns: int) -> list[Interval]:
    """Join intervals of one person that are at most ``gap_ns`` apart; they come in order."""
    melted: list[Interval] = []
    for interval in intervals:
        if melted and interval.start_ns - melted[-1].end_ns <= gap_ns:
            melted[-1].end_ns = max(melted[-1].end_ns, interval.end_ns)
        else:
            melted.append(interval)
    return melted


def pack(intervals: Sequence[Interval], room_ns: int = 0) -> list[list[Interval]]:
    """Put intervals into as few rows as they need without touching; they come in order.

    Args:
        intervals: sorted by start.
        room_ns: least distance between two in one row.
    """
    rows: list[list[Interval]] = []
    for interval in intervals:
        for row in rows:
            if row[-1].end_ns + room_ns < interval.start_ns:
                row.append(interval)
                break
        else:
            rows.append([interval])
    return rows


def _rows(intervals: Sequence[Interval], room_ns: int) -> list[list[Interval]]:
    """Give everybody a row while they are few, unknown people the last one; else pack them."""
    people: dict[int, list[Interval]] = {}
    for interval in intervals:
        people.setdefault(interval.identity, []).append(interval)
    if len(people) > _MOST_OWN_ROWS:
        return pack(intervals, room_ns)
    return sorted(people.values(), key=lambda row: (row[0].identity == 0, row[0].start_ns))


def draw_lanes(intervals: Sequence[Interval], span_ns: tuple[int, int], title: str) -> str:
    """Return one camera's timeline as an SVG element: a bar per interval, time from left to right.

    Args:
        intervals: sorted by start.
        span_ns: wall time at the left and right edge, the same for all cameras.
        title: for screen readers.
    """
    start_ns, end_ns = span_ns
    length_ns = max(1, end_ns - start_ns)
    scale = _WIDTH_PX / length_ns
    rows = _rows(intervals, room_ns=int(3 / scale))
    hidden = sum(len(row) for row in rows[_MOST_ROWS:])
    rows = rows[:_MOST_ROWS]
    rows_px = max(1, len(rows)) * (_ROW_PX + _GAP_PX)
    parts = [
        f'<svg class="lanes" viewBox="0 0 {_WIDTH_PX} {rows_px + _AXIS_PX}" role="img" '
        f'aria-label="{html.escape(title, quote=True)}">'
    ]
    parts += _axis(start_ns, length_ns, rows_px)
    for index, row in enumerate(rows):
        top_px = index * (_ROW_PX + _GAP_PX)
        parts += [_bar(one, (one.start_ns - start_ns) * scale, scale, top_px) for one in row]
    parts.append("</svg>")
    if hidden:
        parts.append(f'<p class="note">{hidden} more intervals did not fit in {_MOST_ROWS} rows.</p>')
    return "\n".join(parts)


def _axis(start_ns: int, length_ns: int, rows_px: int) -> list[str]:
    """Return lines and times of day at round steps, about eight of them."""
    length_s = length_ns / 1e9
    step_s = next((step for step in _TICKS_S if length_s / step <= 8), _TICKS_S[-1])
    step_ns = step_s * 1_000_000_000
    parts: list[str] = []
    tick_ns = -(-start_ns // step_ns) * step_ns
    while tick_ns <= start_ns + length_ns and len(parts) < 400:
        x = (tick_ns - start_ns) / length_ns * _WIDTH_PX
        anchor = "start" if x < 30 else "end" if x > _WIDTH_PX - 30 else "middle"
        parts.append(f'<line class="tick" x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{rows_px}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{rows_px + 16}" text-anchor="{anchor}">'
            f"{clock_utc(tick_ns)}</text>"
        )
        tick_ns += step_ns
    return parts


def _bar(one: Interval, x: float, scale: float, top_px: int) -> str:
    width = max(3.0, (one.end_ns - one.start_ns) * scale)
    x = min(x, _WIDTH_PX - width)
    colour = identity_rgb(one.identity)
    name = f"id {one.identity}" if one.identity > 0 else "unknown"
    seconds = (one.end_ns - one.start_ns) / 1e9
    shape = (
        f"<title>{name}: {clock_utc(one.start_ns)} to {clock_utc(one.end_ns)} ({seconds:.1f} s)</title>"
        f'<rect x="{x:.1f}" y="{top_px}" width="{width:.1f}" height="{_ROW_PX}" rx="4" '
        f'fill="{hex_colour(colour)}"/>'
    )
    label = str(one.identity) if one.identity > 0 else "?"
    if width >= 10 + 8 * len(label):
        shape += (
            f'<text class="bar" x="{x + 6:.1f}" y="{top_px + 13}" fill="{hex_colour(ink_rgb(colour))}">'
            f"{label}</text>"
        )
    if one.identity > 0:
        return f'<a href="#id-{one.identity}">{shape}</a>'
    return f"<g>{shape}</g>"
