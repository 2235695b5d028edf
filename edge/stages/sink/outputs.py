"""All outputs of a run behind one face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from edge.errors import EdgeError, RunError
from edge.records.frame import Frame
from edge.records.identity import Decision, LiveIdentity, Settled
from edge.stages.sink.base import Sink
from edge.stages.sink.events import EventSink, Journal
from edge.stages.sink.folder import prepare_folder
from edge.stages.sink.footpaths import Ground
from edge.stages.sink.generated import Generated
from edge.stages.sink.metrics import Address, MetricsServer
from edge.stages.sink.mosaic import MosaicSink
from edge.stages.sink.mot import MotSink
from edge.stages.sink.report import ReportSink
from edge.stages.sink.summary import RunSummary, SummaryFile
from edge.stages.sink.video import VideoSink

__all__ = ["Judge", "Outputs", "open_outputs"]

Judge = Callable[[], Mapping[str, object]]


class Outputs:
    """Hands what the pipeline decides to every sink.

    ``decide``, ``settle`` and ``merge`` belong to one thread, ``show`` to one thread (which may be
    another), ``progress`` to one (usually the main thread). Call :meth:`close` once, when these threads
    have ended; it closes every sink also when one of them fails.

    Args:
        sinks: told about everything.
        summary: keeps summary.json; None writes none.
        films: sinks that are told about pictures only.
        pages: sinks that are told about everything, and closed after ``judge`` has judged.
        judge: compares what the sinks wrote with the truth; returns the evaluation. Asked once, when the
            sinks are closed, and only of a run that did not fail.
        metrics: told how the run goes on, until it ends.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        summary: SummaryFile | None = None,
        films: Sequence[Sink] = (),
        pages: Sequence[Sink] = (),
        judge: Judge | None = None,
        metrics: MetricsServer | None = None,
    ) -> None:
        self._writers = list(sinks)
        self._pages = list(pages)
        self._sinks = [*sinks, *pages]
        self._films = list(films)
        self._summary = summary
        self._judge = judge
        self._metrics = metrics
        self._closed = False

    @property
    def wants_pictures(self) -> bool:
        """Whether :meth:`show` does anything, so that frames need not be kept otherwise."""
        return bool(self._films)

    @property
    def events(self) -> int:
        """Events written so far."""
        return sum(sink.written for sink in self._sinks if isinstance(sink, EventSink))

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Take decisions in the order they were made."""
        for sink in self._sinks:
            sink.decide(decisions)

    def settle(self, settled: Settled) -> None:
        """Take boxes whose identity is final, per camera in frame order."""
        for sink in self._sinks:
            sink.settle(settled)

    def merge(self, old: int, new: int) -> None:
        """Take notice of a merge there was no decision about."""
        for sink in self._sinks:
            sink.merge(old, new)

    def show(self, frame: Frame, live: LiveIdentity) -> None:
        """Take a picture and what is believed about it at present."""
        for film in self._films:
            film.show(frame, live)

    def progress(self, make: Callable[[], RunSummary]) -> None:
        """Bring summary.json (every 5 s) and the metrics (every second) up to date; only then is it made."""
        if self._metrics is not None:
            self._metrics.progress(make)
        if self._summary is not None:
            self._summary.progress(make)

    def close(self, summary: RunSummary) -> RunSummary:
        """Write what is left; later calls do nothing.

        Returns:
            The summary as it was written, with the evaluation where there is one.

        Raises:
            EdgeError: the first output that could not be written, or the judge's; the others are complete.
        """
        if self._closed:
            return summary
        self._closed = True
        if self._metrics is not None:
            self._metrics.close()
        failures: list[EdgeError] = []
        self._close([sink.close for sink in (*self._writers, *self._films)], summary, failures)
        if self._judge is not None and not summary.exit and not failures:
            try:
                summary = replace(summary, evaluation=self._judge())
            except EdgeError as error:
                failures.append(error)
        closers = [sink.close for sink in self._pages]
        if self._summary is not None:
            closers.append(self._summary.close)
        self._close(closers, summary, failures)
        if failures:
            raise failures[0]
        return summary

    @staticmethod
    def _close(
        closers: Sequence[Callable[[RunSummary], None]], summary: RunSummary, failures: list[EdgeError]
    ) -> None:
        for close in closers:
            try:
                close(summary)
            except RunError as error:
                failures.append(error)


def open_outputs(
    folder: Path,
    *,
    site: str,
    run: str,
    cameras: Sequence[str],
    crops: bool = True,
    video: bool = False,
    mosaic: bool = False,
    ground: Ground | None = None,
    judge: Judge | None = None,
    generated: Generated | None = None,
    journal: Journal | None = None,
    metrics: Address | None = None,
) -> Outputs:
    """Prepare the output folder and open everything ``edge-run`` writes.

    Args:
        folder: made if missing; see :func:`edge.stages.sink.folder.prepare_folder` for a used one.
        site: the site's name.
        run: id of this run.
        cameras: names of all cameras.
        crops: whether report.html shows pictures of people.
        video: whether to write an annotated video of each camera.
        mosaic: whether to write one of all cameras side by side.
        ground: the site's ground plane, for the report's floor plan.
        judge: see :class:`Outputs`.
        generated: looks up what was generated of somebody, for the report.
        journal: where events are noted before they are written; None notes them nowhere.
        metrics: where Prometheus may ask how the run goes on; None: nowhere.

    Raises:
        MissingExtraError: ``metrics`` needs a package.
        OutputError: the folder cannot be made or written, or other files are in the way; or the address of
            ``metrics`` cannot be listened at.
        RunError: a file in it cannot be written.
    """
    with ExitStack() as opened:
        server = None
        if metrics is not None:  # first: a run that cannot start leaves an earlier one's outputs alone
            server = MetricsServer(metrics)
            opened.callback(server.close)
        prepare_folder(folder)
        films: list[Sink] = []
        if video:
            films.append(VideoSink(folder))
        if mosaic:
            films.append(MosaicSink(folder, cameras))
        outputs = Outputs(
            [EventSink(folder, site=site, run=run, journal=journal), MotSink(folder, cameras)],
            SummaryFile(folder),
            films,
            [ReportSink(folder, crops=crops, ground=ground, generated=generated)],
            judge,
            server,
        )
        opened.pop_all()
        return outputs
