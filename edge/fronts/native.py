"""The native front: threads and channels from the cameras to the crops, decoding with PyAV."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import cast

from edge.errors import EdgeError
from edge.flow import Channel, FairChannel, FullPolicy, Lane, MeterSnapshot, StageMeter, Workers, pump_batches
from edge.fronts.blame import Blame
from edge.fronts.board import Board
from edge.fronts.parts import Cropping, Detecting, Parcel, Reader, Tracking
from edge.fronts.region import Region
from edge.fronts.tail import Tail
from edge.records import Detections, Frame
from edge.stages.sink import ChannelRow, StageLine, StageRow

__all__ = ["FULL_BATCH_WAIT_S", "NativeFront"]

FULL_BATCH_WAIT_S = 60.0
"""How long a batch is waited for in a run over files alone: until it is full, or the last file has ended.
Nobody waits for such a run's next frame, and equal batches in every run mean equal results."""

_LIVE_LANE_SIZE = 2
_FILE_LANE_MIN = 2


class NativeFront:
    """One thread per camera, one that detects, one that tracks and crops; then the tail's two.

    ::

        capture ──lane──┐
        capture ──lane──┼─ detect ── track + crop ── (tail: embed ── associate)
        capture ──lane──┘

    A live camera's lane holds two frames and drops the older; a file's lane waits, and the files come out
    merged in the order of their time. Every later channel waits.

    Args:
        readers: the cameras.
        detector: finds people.
        trackers: camera to what follows people there.
        cropper: cuts them out.
        tail: takes the crops.
        board: is told what the cameras do.
        regions: camera to its region of interest, for those that have one.
        size: frames that wait in front of each stage.
        batch_max: most frames of one batch of detections.
        batch_wait_s: how long it waits for more; :data:`FULL_BATCH_WAIT_S` where all cameras are files.
        pictures: whether frames are carried through to the end.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        detector: Detecting,
        trackers: Mapping[str, Tracking],
        cropper: Cropping,
        tail: Tail,
        board: Board,
        *,
        regions: Mapping[str, Region] | None = None,
        size: int = 8,
        batch_max: int = 8,
        batch_wait_s: float = 0.005,
        pictures: bool = False,
    ) -> None:
        self._detector = detector
        self._trackers = dict(trackers)
        self._cropper = cropper
        self._tail = tail
        self._board = board
        self._regions = dict(regions or {})
        self._batch_max = batch_max
        self._batch_wait_s = batch_wait_s
        self._pictures = pictures
        self._frames: FairChannel[Parcel[Frame]] = FairChannel(
            "detect", order=lambda parcel: parcel.item.captured_at_ns
        )
        files = sum(not reader.is_live for reader in readers)
        file_size = max(_FILE_LANE_MIN, -(-size // files)) if files else 0
        self._captures: list[tuple[Reader, Lane[Parcel[Frame]]]] = []
        for reader in readers:
            if reader.is_live:
                lane = self._frames.lane(reader.name, _LIVE_LANE_SIZE, FullPolicy.DROP_OLDEST)
            else:
                lane = self._frames.lane(reader.name, file_size, FullPolicy.WAIT)
            self._captures.append((reader, lane))
            board.attach(reader, lane.stats)
        self._found: Channel[Parcel[Detections]] = Channel("track", size)
        self._meters = {name: StageMeter(name) for name in ("capture", "detect", "track", "crop")}

    def spawn(self, workers: Workers) -> None:
        """Start all threads; they end when every camera has ended or :meth:`Workers.stop` was called."""
        workers.on_abort(self._frames.fail)
        workers.on_abort(self._found.fail)
        self._tail.spawn(workers)
        inlet = self._tail.inlet
        workers.spawn("track", self._track, at_end=(self._found.close_consumer, inlet.close_producer))
        workers.spawn(
            "detect",
            lambda: pump_batches(
                self._frames,
                self._detect,
                self._found,
                self._meters["detect"],
                max_items=self._batch_max,
                wait_s=self._batch_wait_s,
            ),
            at_end=(self._frames.close_consumer, self._found.close_producer),
        )
        for reader, lane in self._captures:
            workers.on_stop(reader.stop)
            workers.spawn(
                f"capture {reader.name}",
                lambda reader=reader, lane=lane: self._capture(reader, lane),  # type: ignore[misc]
                at_end=(lane.close_producer,),
                stage="capture",
                camera=reader.name,
            )

    @property
    def watched(self) -> dict[str, StageMeter]:
        """The stages' meters by name, to be watched while they run."""
        return self._meters | self._tail.watched

    def stage_rows(self) -> dict[str, StageRow]:
        """Return the stages' rows of summary.json, in the order of the pipeline."""
        return {
            one.name: StageRow(one.items, one.drops, one.p50_ms, one.p95_ms, one.busy_s)
            for one in self._snapshots()
        }

    def stage_lines(self) -> list[StageLine]:
        """Return the stages' lines of the live view."""
        waiting = {channel.name: channel.depth for channel in self._tail.channels}
        waiting |= {"detect": self._frames.depth, "track": self._found.depth}
        waiting["tracklet"] = waiting.pop("associate")
        return [
            StageLine(one.name, one.items, one.p50_ms, one.p95_ms, waiting.get(one.name, 0))
            for one in self._snapshots()
        ]

    def channel_rows(self) -> dict[str, ChannelRow]:
        """Return the channels' rows of summary.json; a camera's lane is ``capture <camera>``."""
        rows = {f"capture {stats.name}": stats for stats in self._frames.lane_stats()}
        rows |= {channel.name: channel.stats() for channel in (self._found, *self._tail.channels)}
        return {
            name: ChannelRow(stats.size, stats.depth, stats.puts, stats.drops) for name, stats in rows.items()
        }

    def _snapshots(self) -> list[MeterSnapshot]:
        return [*(meter.snapshot() for meter in self._meters.values()), *self._tail.meters()]

    def _capture(self, reader: Reader, lane: Lane[Parcel[Frame]]) -> None:
        """Read one camera. Whatever is wrong with it is its own affair; the others go on."""
        meter = self._meters["capture"]
        with closing(cast("Generator[Frame, None, None]", reader.frames())) as frames:
            while True:
                begun_s = time.thread_time()  # not the time spent waiting for the camera
                try:
                    with Blame("capture", reader.name):
                        frame = next(frames, None)
                except EdgeError as error:
                    self._board.fail(reader.name, error)
                    return
                if frame is None:
                    return
                meter.record(time.thread_time() - begun_s)
                lane.put(Parcel(frame, time.perf_counter()))

    def _detect(self, batch: list[Parcel[Frame]]) -> list[Parcel[Detections]]:
        frames = [parcel.item for parcel in batch]
        cameras = {frame.camera for frame in frames}
        with Blame("detect", cameras.pop() if len(cameras) == 1 else ""):
            found = self._detector.detect(frames)
            if self._regions:
                found = [self._inside(one) for one in found]
        return [Parcel(one, parcel.read_s) for one, parcel in zip(found, batch, strict=True)]

    def _inside(self, found: Detections) -> Detections:
        region = self._regions.get(found.frame.camera)
        return found if region is None else region.keep(found)

    def _track(self) -> None:
        track_meter, crop_meter = self._meters["track"], self._meters["crop"]
        inlet = self._tail.inlet
        for parcel in self._found:
            found = parcel.item
            frame = found.frame
            begun_s = time.perf_counter()
            with Blame("track", frame.camera):
                tracks = self._trackers[frame.camera].track(found)
            tracked_s = time.perf_counter()
            track_meter.record(tracked_s - begun_s)
            with Blame("crop", frame.camera):
                cropped = self._cropper.crop(frame, tracks)
            crop_meter.record(time.perf_counter() - tracked_s)
            inlet.put(Parcel(cropped, parcel.read_s, frame if self._pictures else None))
