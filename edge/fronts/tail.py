"""From the crops on: embed, tracklets, identities, outputs. The same for every front."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from edge.flow import Channel, Inlet, MeterSnapshot, StageMeter, Workers, pump_batches
from edge.fronts.blame import Blame
from edge.fronts.parts import Builder, Drawing, Embedding, Identifying, Outcome, Parcel, Takers
from edge.fronts.watermark import Watermark
from edge.records import CroppedFrame, EmbeddedFrame, Frame, LiveIdentity, Tracklet, Tracks

__all__ = ["Association", "Tail"]

_BATCH_FRAMES_MAX = 8
_LOOK_NS = 1_000_000_000


class Association:
    """Tracklets, identities and what is written of them; one thread at a time.

    Args:
        builders: camera to what sums its tracks up.
        identifier: who is who.
        takers: take what is decided.
        live: names of the live cameras.
        drawing: draws people in the background; None: nobody does.
    """

    def __init__(
        self,
        builders: Mapping[str, Builder],
        identifier: Identifying,
        takers: Takers,
        live: frozenset[str],
        drawing: Drawing | None = None,
    ) -> None:
        self._builders = dict(builders)
        self._identifier = identifier
        self._takers = takers
        self._live = live
        self._drawing = drawing
        self._watermark = Watermark()
        self._next_look_ns = 0
        self._intact = True
        self._people = self._unknown = self._left_out = 0  # copies that the main thread may read
        self.meters = {name: StageMeter(name) for name in ("tracklet", "identify", "sink")}

    @property
    def people(self) -> int:
        """Identities at the last decision; from any thread."""
        return self._people

    @property
    def unknown(self) -> int:
        """Tracklets that were nobody known at the last decision; from any thread."""
        return self._unknown

    @property
    def left_out(self) -> int:
        """Boxes that were not written, for want of a name, at the last decision; from any thread."""
        return self._left_out

    @property
    def intact(self) -> bool:
        """Whether :meth:`finish` can still be called: nothing has broken off in the middle."""
        return self._intact

    def add(self, frame: EmbeddedFrame, picture: Frame | None) -> None:
        """Take a frame; with its picture where somebody wants it.

        Raises:
            StageError: something went wrong; names the stage and the camera.
            RunError: an output could not be written.
        """
        tracks = frame.tracks
        camera = tracks.camera
        begun_s = time.perf_counter()
        self._intact = False
        mark_ns = self._watermark.pass_frame(tracks.captured_at_ns, live=camera in self._live)
        with Blame("tracklet", camera):
            tracklets = self._builders[camera].add(frame)
            tracklets += self._left_behind(camera, mark_ns)
        built_s = time.perf_counter()
        with Blame("identify", camera):
            if tracklets:
                self._identifier.add(tracklets)
            self._take_drawn()
            outcome = self._identifier.advance(mark_ns)
        self._intact = True
        decided_s = time.perf_counter()
        self.meters["tracklet"].record(built_s - begun_s)
        self.meters["identify"].record(decided_s - built_s)
        if outcome.decisions or outcome.settled or picture is not None:
            with Blame("sink", camera):
                self._hand_on(outcome)
                if picture is not None:
                    self._takers.show(picture, self._live_identity(tracks))
            self.meters["sink"].record(time.perf_counter() - decided_s)

    def _left_behind(self, camera: str, mark_ns: int) -> list[Tracklet]:
        """Once a second of event time: what the other cameras, which may be down, have left open."""
        if mark_ns < self._next_look_ns:
            return []
        self._next_look_ns = mark_ns + _LOOK_NS
        others = (builder for name, builder in self._builders.items() if name != camera)
        return [tracklet for builder in others for tracklet in builder.advance(mark_ns)]

    def finish(self) -> None:
        """End every tracklet and settle every identity; call it once, after the last frame.

        Raises:
            StageError: something went wrong.
            RunError: an output could not be written.
        """
        begun_s = time.perf_counter()
        self._intact = False
        for camera, builder in self._builders.items():
            with Blame("tracklet", camera):
                tracklets = builder.close()
            with Blame("identify", camera):
                self._identifier.add(tracklets)
        with Blame("identify"):
            self._take_drawn()
            outcome = self._identifier.close()
        decided_s = time.perf_counter()
        self.meters["identify"].record(decided_s - begun_s, 0)
        with Blame("sink"):
            self._hand_on(outcome)
        self._count()
        self.meters["sink"].record(time.perf_counter() - decided_s, 0)

    def _take_drawn(self) -> None:
        """Let the newest prototypes take part, as far as they have come."""
        arrivals = self._drawing.take() if self._drawing is not None else None
        if arrivals is not None:
            self._identifier.offer(arrivals)

    def _hand_on(self, outcome: Outcome) -> None:
        """Boxes first: once a decision is noted, they count as written."""
        for settled in outcome.settled:
            self._takers.settle(settled)
        if outcome.decisions:
            self._count()
            if self._drawing is not None:
                self._drawing.decide(outcome.decisions)
            self._takers.decide(outcome.decisions)

    def _count(self) -> None:
        self._people, self._unknown = self._identifier.people, self._identifier.unknown
        self._left_out = self._identifier.left_out

    def _live_identity(self, tracks: Tracks) -> LiveIdentity:
        who = [self._identifier.identity_of(tracks.camera, track) for track in tracks.track_ids.tolist()]
        return LiveIdentity(
            camera=tracks.camera,
            number=tracks.number,
            captured_at_ns=tracks.captured_at_ns,
            identities=np.asarray(who, dtype=np.int64),
            track_ids=tracks.track_ids,
            boxes_px=tracks.boxes_px,
        )


class Tail:
    """Two threads: one embeds in batches, one associates. A front puts into :attr:`inlet`, in order.

    Args:
        embedder: turns crops into vectors.
        association: everything after that.
        size: frames that wait in front of each of the two.
        wait_s: how long a batch waits for more frames.
    """

    def __init__(self, embedder: Embedding, association: Association, *, size: int, wait_s: float) -> None:
        self._embedder = embedder
        self._association = association
        self._size = size
        self._wait_s = wait_s
        self._cropped: Channel[Parcel[CroppedFrame]] = Channel("embed", size)
        self._embedded: Channel[Parcel[EmbeddedFrame]] = Channel("associate", size)
        self._embed_meter = StageMeter("embed")
        self._frame_meter = StageMeter("frame")

    @property
    def inlet(self) -> Inlet[Parcel[CroppedFrame]]:
        """Where the front puts what it has cropped; the front closes it."""
        return self._cropped

    @property
    def channels(self) -> tuple[Channel[Parcel[CroppedFrame]], Channel[Parcel[EmbeddedFrame]]]:
        """The two channels, for statistics."""
        return self._cropped, self._embedded

    @property
    def association(self) -> Association:
        """What the second thread works with."""
        return self._association

    @property
    def watched(self) -> dict[str, StageMeter]:
        """The stages' meters by name, with ``frame``; to be watched while they run."""
        stages = [self._embed_meter, *self._association.meters.values(), self._frame_meter]
        return {meter.name: meter for meter in stages}

    def meters(self) -> list[MeterSnapshot]:
        """Return the stages' numbers, in the order of the pipeline, and ``frame``.

        ``frame`` is the time from a frame read to a frame associated; it counts no seconds of work.
        """
        stages = [self._embed_meter, *self._association.meters.values()]
        frame = self._frame_meter.snapshot()
        return [
            *(meter.snapshot() for meter in stages),
            MeterSnapshot("frame", frame.items, frame.drops, frame.p50_ms, frame.p95_ms, 0.0),
        ]

    def spawn(self, workers: Workers) -> None:
        """Start the threads; they end when the inlet is closed and empty."""
        workers.on_abort(self._cropped.fail)
        workers.on_abort(self._embedded.fail)
        workers.spawn(
            "embed",
            lambda: pump_batches(
                self._cropped,
                self._embed,
                self._embedded,
                self._embed_meter,
                max_items=min(self._size, _BATCH_FRAMES_MAX),
                wait_s=self._wait_s,
            ),
            at_end=(self._cropped.close_consumer, self._embedded.close_producer),
        )
        workers.spawn("associate", lambda: self._associate(workers), at_end=(self._embedded.close_consumer,))

    def _embed(self, batch: list[Parcel[CroppedFrame]]) -> list[Parcel[EmbeddedFrame]]:
        with Blame("embed", _only_camera([parcel.item.tracks for parcel in batch])):
            frames = self._embedder.embed([parcel.item for parcel in batch])
        return [
            Parcel(frame, parcel.read_s, parcel.picture) for frame, parcel in zip(frames, batch, strict=True)
        ]

    def _associate(self, workers: Workers) -> None:
        for parcel in self._embedded:
            self._association.add(parcel.item, parcel.picture)
            self._frame_meter.record(time.perf_counter() - parcel.read_s)
        if not workers.aborted:  # else the user wants it to stop at once
            self._association.finish()


def _only_camera(tracks: Sequence[Tracks]) -> str:
    cameras = {one.camera for one in tracks}
    return cameras.pop() if len(cameras) == 1 else ""
