"""A run without pictures, recorded: six people in two cameras, with tracks that swap; all are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quick_painter import FaithfulPainter
from synthetic_people import at_ns
from synthetic_site import Run, Site, Walk

from edge.config.pipeline import IdentifySpec, RefineSpec
from edge.evaluate.replay_tracks import Settings
from edge.evaluate.tracklet_log import Recorder, TrackletLog
from edge.records import Arrivals, IpgJob
from edge.stages.identify import Identifier, Outcome, Prototypes
from edge.stages.refine import Refiner
from edge.stages.sink import RunSummary
from edge.stages.sink.mot import MotSink
from edge.stages.tracklet import TrackletBuilder

__all__ = ["Recorded", "record_run"]

UNTIL_S = 75.0


@dataclass(frozen=True)
class Recorded:
    """A run.

    log: what identify was told.
    live: folder with the tracks the run wrote.
    settings: what it was run with.
    """

    log: TrackletLog
    live: Path
    settings: Settings

    @staticmethod
    def tracks(folder: Path) -> dict[str, str]:
        """The text of every file of tracks in an output folder."""
        return {path.name: path.read_text() for path in sorted((folder / "tracks").iterdir())}


class Artist:
    """Draws whoever is asked for, as they look, when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[IpgJob] = []

    def ask(self, job: IpgJob) -> None:
        self.jobs.append(job)

    def rename(self, old: int, new: int) -> None:
        pass

    def draw(self) -> Arrivals:
        jobs, self.jobs = self.jobs, []
        return Arrivals(tuple(FaithfulPainter().prototype(job) for job in jobs))


def record_run(folder: Path) -> Recorded:
    """Run it, and write the tracks into a folder."""
    settings = Settings(RefineSpec(), IdentifySpec(revise_s=40.0))
    walks = [
        Walk(
            person,
            camera,
            ((begin_s, 60.0, 200.0 + 12 * person), (begin_s + 12.0, 580.0, 200.0 + 12 * person)),
            track=person + 10 * visit,
            swaps=((begin_s + 6.0, 100 + person + 10 * visit),) if person in (1, 3) else (),
        )
        for person in range(1, 7)
        for visit, camera in enumerate(("door", "yard"))
        for begin_s in (6.0 * person + 18.0 * visit,)
    ]
    site = Site(walks, seed=3, cast=0.6, identify=settings.identify)
    log = TrackletLog(site.cameras)
    artist = Artist()
    refiner = Refiner(settings.refine)
    prototypes = Prototypes(refiner, artist)
    identifier = Recorder(Identifier(settings.identify, refiner, site.cameras, prototypes=prototypes), log)
    builders = {camera: TrackletBuilder(camera, site.tracklet) for camera in site.cameras}
    sink = MotSink(folder, site.cameras)
    run = Run(Identifier(settings.identify, Refiner(settings.refine), site.cameras))
    embedded: dict[tuple[str, int], float] = {}

    def take(outcome: Outcome) -> None:
        sink.decide(outcome.decisions)
        for rows in outcome.settled:
            sink.settle(rows)

    for number in range(1, int(UNTIL_S * 10) + 2):
        time_s = (number - 1) / 10
        for camera, builder in builders.items():
            identifier.add(builder.add(site._frame(run, camera, number, time_s, embedded)))
        if number % 10 == 0 and artist.jobs:
            identifier.offer(artist.draw())
        take(identifier.advance(at_ns(time_s)))
    for builder in builders.values():
        identifier.add(builder.close())
    take(identifier.close())
    sink.close(RunSummary("", "", 0, 0.0, 0, {}, {}))
    assert identifier.people > 0
    return Recorded(log, folder, settings)
