"""report.html: who was seen, when and where, in one file that needs no network."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.records.identity import Decision, Settled
from edge.stages.sink.album import Album, Person, Picture
from edge.stages.sink.base import Sink
from edge.stages.sink.evaluation import evaluation_section
from edge.stages.sink.floor_plan import draw_floor_plan
from edge.stages.sink.folder import replace_text
from edge.stages.sink.footpaths import Footpaths, Ground
from edge.stages.sink.generated import Generated, generated_block, worker_section
from edge.stages.sink.page import page, table, tile
from edge.stages.sink.palette import hex_colour, identity_rgb
from edge.stages.sink.summary import RunSummary
from edge.stages.sink.timeline import Timeline, draw_lanes
from edge.stages.sink.timestamp import clock_utc, iso_utc

__all__ = ["ReportSink"]

DRAWN_MAX = 60  # people, those seen last, whose generated pictures are shown


class ReportSink(Sink):
    """Collects people and their times while the run goes on, and writes the page when it ends.

    What it holds is bounded: ``people`` identities (those seen last) with ``pictures_per_person`` JPEGs
    of about 3 KB, and some thousand intervals of presence. The page says what was left out.

    Args:
        folder: the output folder.
        crops: False leaves all pictures of people out of the page.
        people: most identities shown.
        pictures_per_person: most pictures of each.
        ground: the site's ground plane, for the floor plan; None draws none.
        generated: looks up what was generated of somebody; None: nothing was.
    """

    def __init__(
        self,
        folder: Path,
        *,
        crops: bool = True,
        people: int = 200,
        pictures_per_person: int = 6,
        ground: Ground | None = None,
        generated: Generated | None = None,
    ) -> None:
        self._path = folder / "report.html"
        self._crops = crops
        self._generated = generated if crops else None
        self._album = Album(people, pictures_per_person if crops else 0)
        self._timeline = Timeline()
        self._ground = ground
        self._footpaths = Footpaths(ground.calibrations if ground is not None else {})

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Take in pictures and changes of mind."""
        for decision in decisions:
            self._album.decide(decision)
            if decision.type == "identity.merge" and decision.previous > 0 and decision.identity > 0:
                self._timeline.merge(decision.previous, decision.identity)
                self._footpaths.merge(decision.previous, decision.identity)

    def settle(self, settled: Settled) -> None:
        """Take in when people were where."""
        self._footpaths.settle(settled)
        for identity, first_ns, last_ns in self._timeline.settle(settled):
            self._album.sight(identity, settled.camera, first_ns, last_ns)

    def merge(self, old: int, new: int) -> None:
        """Make one person of two."""
        self._album.merge(old, new)
        self._timeline.merge(old, new)
        self._footpaths.merge(old, new)

    def close(self, summary: RunSummary) -> None:
        """Write the page."""
        replace_text(self._path, self.render(summary))

    def render(self, summary: RunSummary) -> str:
        """Return the page as text."""
        return page(
            f"{summary.site}: people seen",
            [
                *_head(summary),
                *evaluation_section(summary.evaluation),
                *self._floor_plan(summary),
                *self._timelines(summary),
                *self._people(),
                *_cameras(summary),
                *_stages(summary),
                *worker_section(summary.worker),
                f"<footer>Run {html.escape(summary.run)}"
                + (f" · pipeline {html.escape(summary.pipeline)}" if summary.pipeline else "")
                + (f" · {html.escape(', '.join(summary.models))}" if summary.models else "")
                + " · times are UTC · edge-reid</footer>",
            ],
        )

    def _floor_plan(self, summary: RunSummary) -> list[str]:
        if self._ground is None:
            return []
        people = (summary.evaluation or {}).get("people")
        called = {int(one): int(who) for one, who in people.items()} if isinstance(people, Mapping) else {}
        drawn = draw_floor_plan(self._ground, self._footpaths.of(), called)
        return [drawn] if drawn else []

    def _timelines(self, summary: RunSummary) -> list[str]:
        span_ns = self._timeline.span_ns()
        parts = ["<h2>Timeline</h2>"]
        for camera, row in summary.cameras.items():
            intervals = self._timeline.of(camera)
            people = len({one.identity for one in intervals if one.identity > 0})
            name = html.escape(camera)
            lanes = (
                draw_lanes(intervals, span_ns, f"Who was in camera {camera} when")
                if intervals
                else '<p class="note">Nobody was seen here.</p>'
            )
            parts.append(
                f'<section class="panel"><header><h3>{name}</h3><span class="soft">'
                f"{_count(people, 'person')}, {_count(row.frames, 'frame')}, {html.escape(row.state)}"
                f"</span></header>"
                f'<div class="scroll">{lanes}</div></section>'
            )
        if self._timeline.coarser:
            parts.append(
                f'<p class="note">To keep this page small, absences shorter than {self._timeline.gap_s:g} s '
                "are not shown.</p>"
            )
        if self._timeline.forgotten:
            parts.append(
                f'<p class="note">The {self._timeline.forgotten} oldest intervals are left out; '
                "tracks/ has them all.</p>"
            )
        return parts

    def _people(self) -> list[str]:
        people = self._album.people
        parts = ["<h2>People</h2>"]
        if not people:
            return [*parts, '<p class="note">Nobody was identified.</p>']
        if self._album.left_out:
            parts.append(
                f'<p class="note">The {len(people)} people seen last are shown; {self._album.left_out} '
                "earlier ones are left out. events.jsonl has them all.</p>"
            )
        if self._generated is not None and len(people) > DRAWN_MAX:
            parts.append(
                f'<p class="note">Generated pictures are shown of the {DRAWN_MAX} people seen last.</p>'
            )
        if not self._crops:
            parts.append('<p class="note">Pictures are left out, as asked for.</p>')
        parts.append('<div class="people">')
        drawn = {
            person.identity: generated_block(self._generated(person.identity))
            for person in sorted(people, key=lambda one: -one.touched_ns)[:DRAWN_MAX]
            if self._generated is not None
        }
        parts += [_person(person, drawn.get(person.identity, "")) for person in people]
        parts.append("</div>")
        return parts


def _head(summary: RunSummary) -> list[str]:
    """Return title, error and the row of big numbers."""
    frames = sum(row.frames for row in summary.cameras.values())
    dropped = sum(row.dropped for row in summary.cameras.values())
    parts = [
        f"<h1>{html.escape(summary.site)}</h1>",
        f'<div class="soft">{iso_utc(summary.started_at_ns)[:19].replace("T", " ")} UTC, '
        f"{_duration(summary.wall_s)}</div>",
    ]
    if summary.error:
        parts.append(f'<p class="error"><b>The run broke off.</b> {html.escape(summary.error)}</p>')
    tiles = [
        tile(f"{summary.identities:,}", "identity" if summary.identities == 1 else "identities"),
        tile(f"{len(summary.cameras):,}", "camera" if len(summary.cameras) == 1 else "cameras"),
        tile(f"{frames:,}", "frames"),
        tile(f"{frames / summary.wall_s if summary.wall_s > 0 else 0:.1f}", "frames per second"),
        tile(f"{dropped:,}", "frames dropped"),
        tile(f"{summary.unknown:,}", "unknown tracklets"),
    ]
    return [*parts, '<div class="tiles">', *tiles, "</div>"]


def _person(person: Person, drawn: str) -> str:
    """Return one person's card; ``drawn`` is what was generated, as HTML."""
    mark = hex_colour(identity_rgb(person.identity))
    facts = [f"{person.probability:.0%} sure"] if person.probability > 0 else []
    if person.formerly:
        facts.append("was " + ", ".join(str(identity) for identity in person.formerly[:4]))
    pictures = sorted(person.pictures, key=lambda picture: picture.captured_at_ns)
    crops = "".join(_figure(picture, person.identity) for picture in pictures)
    seen = "".join(
        f"<li><span>{html.escape(camera)}</span>"
        f"<span>{clock_utc(first_ns)} – {clock_utc(last_ns)}</span></li>"
        for camera, (first_ns, last_ns) in sorted(person.seen.items(), key=lambda item: item[1])
    )
    return (
        f'<article class="person" id="id-{person.identity}" style="--mark: {mark}">'
        f"<header><h3>id {person.identity}</h3>"
        f'<span class="soft">{html.escape(", ".join(facts))}</span></header>'
        + (f'<div class="crops">{crops}</div>' if crops else "")
        + drawn
        + f'<ul class="seen">{seen}</ul></article>'
    )


def _figure(picture: Picture, identity: int) -> str:
    width_px, height_px = picture.size_px
    data = base64.b64encode(picture.jpeg).decode("ascii")
    camera = html.escape(picture.camera, quote=True)
    when = clock_utc(picture.captured_at_ns)
    return (
        f'<figure title="{camera} {when}"><img src="data:image/jpeg;base64,{data}" width="{width_px}" '
        f'height="{height_px}" alt="id {identity} in {camera} at {when}">'
        f"<figcaption>{camera}</figcaption></figure>"
    )


def _cameras(summary: RunSummary) -> list[str]:
    rows = [
        [name, row.state, f"{row.frames:,}", f"{row.fps:.1f}", f"{row.dropped:,}", str(row.reconnects)]
        for name, row in summary.cameras.items()
    ]
    return [
        "<h2>Cameras</h2>",
        table(["camera", "state", "frames", "fps", "dropped", "reconnects"], rows),
    ]


def _stages(summary: RunSummary) -> list[str]:
    rows = [
        [
            name,
            f"{row.items:,}",
            f"{row.drops:,}",
            f"{row.p50_ms:.2f}",
            f"{row.p95_ms:.2f}",
            f"{row.busy_s:.1f}",
            f"{row.busy_s / summary.wall_s if summary.wall_s > 0 else 0:.0%}",
        ]
        for name, row in summary.stages.items()
    ]
    return [
        "<h2>Stages</h2>",
        table(["stage", "items", "drops", "p50 ms", "p95 ms", "busy s", "of the run"], rows),
    ]


def _count(number: int, noun: str) -> str:
    plural = {"person": "people"}.get(noun, f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"


def _duration(seconds: float) -> str:
    """Return a length of time as people say it, ``1 h 2 min`` or ``12.3 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_s} s"
