"""The DeepStream front: one thread runs DeepStream, one watches the cameras, one associates."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from edge.errors import EdgeError, RunError
from edge.flow import Channel, Closed, FullPolicy, MeterSnapshot, StageMeter, Workers
from edge.fronts.board import Board
from edge.fronts.deepstream.driver import Driver, Notice
from edge.fronts.deepstream.probe import Probe
from edge.fronts.deepstream.roster import Roster
from edge.fronts.deepstream.seen import SeenFrame
from edge.fronts.deepstream.watch import CameraWatch
from edge.fronts.parts import Parcel
from edge.fronts.tail import Association
from edge.records import EmbeddedFrame
from edge.stages.sink import ChannelRow, StageLine, StageRow

__all__ = ["DeepStreamFront"]

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5
_FRAMES_WAITING = 16


class DeepStreamFront:
    """From DeepStream's metadata to the association, which is the same as behind the native front.

    ::

        DeepStream's threads ── probe ──▶ associate
        watch: which camera is silent

    The probe only copies. Live, it never waits: when the association lags, the oldest frame waiting is
    dropped and counted. Files wait.

    Args:
        driver: runs DeepStream.
        probe: makes frames of what it has seen.
        roster: which source is which camera.
        watches: the cameras.
        association: takes the frames.
        board: told what the cameras do.
        live: whether any camera is live.
    """

    def __init__(
        self,
        driver: Driver,
        probe: Probe,
        roster: Roster,
        watches: Sequence[CameraWatch],
        association: Association,
        board: Board,
        *,
        live: bool,
    ) -> None:
        self._driver = driver
        self._probe = probe
        self._roster = roster
        self._watches = {watch.name: watch for watch in watches}
        self._association = association
        self._board = board
        policy = FullPolicy.DROP_OLDEST if live else FullPolicy.WAIT
        size = _FRAMES_WAITING * max(1, len(self._watches))
        self._frames: Channel[Parcel[EmbeddedFrame]] = Channel("associate", size, policy)
        self._probe_meter = StageMeter("deepstream")
        self._frame_meter = StageMeter("frame")
        self._over = threading.Event()
        self._error: EdgeError | None = None
        for watch in watches:
            board.attach(watch, watch.stats)

    def spawn(self, workers: Workers) -> None:
        """Start the threads; they end when all files have ended or :meth:`Workers.stop` was called."""
        workers.on_abort(self._frames.fail)
        workers.on_stop(self._driver.stop)
        workers.spawn("associate", lambda: self._associate(workers), at_end=(self._frames.close_consumer,))
        workers.spawn("watch", self._watch)
        workers.spawn("deepstream", self._run, at_end=(self._over.set, self._frames.close_producer))

    @property
    def watched(self) -> dict[str, StageMeter]:
        """The stages' meters by name, to be watched while they run."""
        return {"deepstream": self._probe_meter, **self._association.meters, "frame": self._frame_meter}

    def stage_rows(self) -> dict[str, StageRow]:
        """Return the stages' rows of summary.json; DeepStream's own stages are one, the probe's work."""
        return {
            one.name: StageRow(one.items, one.drops, one.p50_ms, one.p95_ms, one.busy_s)
            for one in self._snapshots()
        }

    def stage_lines(self) -> list[StageLine]:
        """Return the stages' lines of the live view."""
        waiting = {"tracklet": self._frames.depth}
        return [
            StageLine(one.name, one.items, one.p50_ms, one.p95_ms, waiting.get(one.name, 0))
            for one in self._snapshots()
        ]

    def channel_rows(self) -> dict[str, ChannelRow]:
        """Return the channel's row of summary.json."""
        stats = self._frames.stats()
        return {"associate": ChannelRow(stats.size, stats.depth, stats.puts, stats.drops)}

    def _snapshots(self) -> list[MeterSnapshot]:
        frame = self._frame_meter.snapshot()
        return [
            self._probe_meter.snapshot(),
            *(meter.snapshot() for meter in self._association.meters.values()),
            MeterSnapshot("frame", frame.items, frame.drops, frame.p50_ms, frame.p95_ms, 0.0),
        ]

    def _run(self) -> None:
        self._driver.run(self._take, self._hear)
        if self._error is not None:
            raise self._error
        for watch in self._watches.values():
            watch.end()

    def _take(self, frames: Sequence[SeenFrame]) -> None:
        """Take a batch, in DeepStream's thread, which no error may reach: the first one ends the run."""
        begun_s = time.perf_counter()
        try:
            taken = self._probe.take(frames)
            for frame in taken:
                self._watches[frame.tracks.camera].frame()
                self._frames.put(Parcel(frame, begun_s))
        except Closed:
            pass  # the association has ended: DeepStream is being stopped already
        except Exception as error:  # noqa: BLE001 - whatever it is, not through DeepStream
            if self._error is None:
                self._error = error if isinstance(error, EdgeError) else _own_mistake(error)
                threading.Thread(target=self._driver.stop, name="stop deepstream", daemon=True).start()
        else:
            self._probe_meter.record(time.perf_counter() - begun_s, len(taken))

    def _hear(self, notice: Notice) -> None:
        """Take notice of what DeepStream says about a source."""
        if notice.kind == "added":
            if notice.name and not self._roster.add(notice.source, notice.name):
                _log.warning("camera '%s' was added and is not in cams.yaml; it is left out", notice.name)
            return
        if notice.kind == "removed":
            name = self._roster.remove(notice.source)
        else:
            name = self._roster.name_of(notice.source)
        watch = self._watches.get(name or "")
        if watch is None:
            _log.warning("DeepStream: source %d: %s %s", notice.source, notice.kind, notice.text)
        elif notice.kind == "removed":
            watch.lost("removed from DeepStream; 'edge deepstream add' brings it back")
        elif notice.kind == "ended":
            watch.end()
        elif notice.kind == "given up":
            self._board.fail(watch.name, watch.give_up())
        else:
            watch.lost(notice.text or "DeepStream reports trouble")

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            for watch in self._watches.values():
                watch.look()

    def _associate(self, workers: Workers) -> None:
        for parcel in self._frames:
            self._association.add(parcel.item, None)
            self._frame_meter.record(time.perf_counter() - parcel.read_s)
        if not workers.aborted:
            self._association.finish()


def _own_mistake(error: Exception) -> RunError:
    mistake = RunError(f"stage 'deepstream': {type(error).__name__}: {error}")
    mistake.__cause__ = error
    return mistake
