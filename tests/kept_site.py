"""A synthetic site whose runs keep their state and their outputs in a folder, and can be killed anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from synthetic_people import at_ns
from synthetic_site import Run, Site, Walk

from edge.fronts import Keeper, end_killed_run, open_state
from edge.stages.identify import Identifier, Outcome
from edge.stages.refine import Refiner
from edge.stages.sink import CameraRow, RunSummary, open_outputs
from edge.stages.tracklet import TrackletBuilder

MODEL = "reid@1"


class Killed(BaseException):
    """Raised where the process dies."""


class Session:
    """One run, as :func:`edge.assemble.assemble` puts it together, without pictures.

    Args:
        folder: outputs and state.
        site: who walks where.
        name: the run's id.
        begin_s: event time of its first frame.
        model: fingerprint of the ReID model.
    """

    def __init__(
        self,
        folder: Path,
        site: Site,
        name: str,
        *,
        begin_s: float = 0.0,
        model: str = MODEL,
        fresh: bool = False,
    ) -> None:
        self.folder, self.site, self.name, self.begin_s = folder, site, name, begin_s
        self.now_s = 0.0
        self.store = open_state(folder / "state.db", folder / "events.jsonl", fresh=fresh)
        try:
            self._begin(model)
        except Killed:
            self._let_go()
            raise

    def _begin(self, model: str) -> None:
        site, folder = self.site, self.folder

        def make(cameras: Sequence[str]) -> Identifier:
            return Identifier(site.identify, Refiner(site.refine), cameras)

        end_killed_run(self.store, folder, make)
        cameras = sorted({*site.cameras, *self.store.cameras()})
        refiner = Refiner(site.refine)
        self.identifier = Identifier(site.identify, refiner, cameras)
        kept_run = self.store.begin(self.name, "plaza", model, at_ns(self.begin_s))
        self.keeper = Keeper(self.store, kept_run, self.identifier, refiner, lambda: self.now_s)
        self.outputs = open_outputs(
            folder, site="plaza", run=self.name, cameras=site.cameras, crops=False, journal=self.keeper
        )
        self.outputs.progress(self.summary)
        self.run = Run(self.identifier)

    def drive(self, until_s: float, watch: Callable[[float], None] | None = None) -> Session:
        """Let people walk until then, and end the run.

        Args:
            until_s: seconds since its beginning.
            watch: called after each frame time; raises :class:`Killed` to kill it.
        """
        try:
            self._drive(until_s, watch)
        except Killed:
            self.die()
            return self
        self.outputs.close(self.summary())
        self.keeper.close()
        return self

    def _drive(self, until_s: float, watch: Callable[[float], None] | None) -> None:
        site = self.site
        builders = {camera: TrackletBuilder(camera, site.tracklet) for camera in site.cameras}
        embedded_s: dict[tuple[str, int], float] = {}
        for number in range(1, int(until_s * site.rate_hz) + 2):
            time_s = (number - 1) / site.rate_hz
            self.now_s = time_s
            for camera in site.cameras:
                frame = site._frame(self.run, camera, number, self.begin_s + time_s, embedded_s)
                site._add(self.run, builders[camera].add(frame))
            self.hand_on(self.identifier.advance(at_ns(self.begin_s + time_s)))
            if watch:
                watch(time_s)
        for builder in builders.values():
            site._add(self.run, builder.close())
        self.hand_on(self.identifier.close())

    def hand_on(self, outcome: Outcome) -> None:
        """As :class:`edge.fronts.Association` does it."""
        for settled in outcome.settled:
            self.outputs.settle(settled)
        if outcome.decisions:
            self.outputs.decide(outcome.decisions)
        self.run.settled += outcome.settled

    def die(self) -> None:
        """What the operating system does with a killed process: nothing is finished, its locks are gone."""
        self._let_go()
        for sink in self.outputs._writers:
            for file in getattr(sink, "_files", {"": getattr(sink, "_file", None)}).values():
                file.close()

    def _let_go(self) -> None:
        assert self.store._lease is not None
        os.close(self.store._lease)
        self.store._lease = None
        connection = self.store.database._connection
        assert connection is not None
        connection.close()
        self.store.database._connection = None

    def summary(self) -> RunSummary:
        """Enough of one."""
        cameras = {camera: CameraRow(0, 0.0, 0, "ended") for camera in self.site.cameras}
        return RunSummary(self.name, "plaza", at_ns(self.begin_s), 1.0, self.identifier.people, cameras, {})


def events_of(folder: Path) -> list[dict[str, object]]:
    """All events; each line is whole."""
    return [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]


def people_in(folder: Path, session: Session, present: Callable[[int], int]) -> dict[int, dict[int, int]]:
    """Person -> identity as it is called now -> boxes, from a run's tracks."""
    found: dict[int, dict[int, int]] = {}
    truth = {(where, frame, x, y): who for (where, frame, x, y), who in session.run.truth.items()}
    for camera in session.site.cameras:
        for row in (folder / "tracks" / f"{camera}.txt").read_text().splitlines():
            frame, identity, left, top = row.split(",")[:4]
            who = truth.get((camera, int(frame), float(left), float(top)))
            if who is not None:
                counts = found.setdefault(who, {})
                name = present(int(identity))
                counts[name] = counts.get(name, 0) + 1
    return found


def across(person: int, camera: str, start_s: float, track: int, y: float = 240.0) -> Walk:
    """Ten seconds from one side of the picture to the other."""
    return Walk(person, camera, ((start_s, 60.0, y), (start_s + 10.0, 580.0, y)), track)
