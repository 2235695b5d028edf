"""Parts of a run that need no video and no network: every frame holds one person, who is identity 1."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.config.secrets import redact
from edge.fronts import Association, Board, Facts, NativeFront, Region, Run, Tail
from edge.fronts.native import FULL_BATCH_WAIT_S
from edge.fronts.parts import Drawing
from edge.records import (
    Arrivals,
    Crop,
    CroppedFrame,
    Decision,
    Detections,
    EmbeddedFrame,
    Embedding,
    Frame,
    Settled,
    Tracks,
)
from edge.stages.capture import CameraState, CaptureCounts
from edge.stages.sink import open_outputs

START_NS = 1_700_000_000 * 10**9
SIZE_PX = (64, 48)


def frame_of(camera: str, number: int, *, fps: float = 10.0, epoch: int = 0) -> Frame:
    """A black picture of its own memory, at its time."""
    pts_s = (number - 1) / fps
    image = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    return Frame(camera, number, epoch, pts_s, START_NS + round(pts_s * 1e9), image)


class FakeReader:
    """A camera that yields ``count`` frames, then raises ``error`` or ends.

    gate: when given, every frame after ``ungated`` waits for it (or for :meth:`stop`).
    """

    def __init__(
        self,
        name: str,
        count: int,
        *,
        live: bool = False,
        fps: float = 10.0,
        error: Exception | None = None,
        gate: threading.Event | None = None,
        ungated: int = 0,
        words: str = "",
    ) -> None:
        self._name, self._live = name, live
        self.count, self.fps, self.error, self.gate, self.ungated = count, fps, error, gate, ungated
        self.stopped = threading.Event()
        self.delivered = 0
        self._state = CameraState(name, "retrying", words, 0) if words else None
        self.on_state: Callable[[CameraState], None] | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_live(self) -> bool:
        return self._live

    @property
    def state(self) -> CameraState | None:
        return self._state

    @property
    def counts(self) -> CaptureCounts:
        return CaptureCounts(self.delivered, self.delivered, 0, 0, 0)

    def stop(self) -> None:
        self.stopped.set()
        if self.gate is not None:
            self.gate.set()

    def frames(self) -> Iterator[Frame]:
        for number in range(1, self.count + 1):
            if self.gate is not None and number > self.ungated:
                self.gate.wait(30)
            if self.stopped.is_set():
                return
            self.delivered = number
            yield frame_of(self._name, number, fps=self.fps)
        if self.error is not None:
            raise self.error
        self._state = CameraState(self._name, "ended", f"camera '{self._name}': ended", 0)


class Failing:
    """Counts what comes through a fake stage, and raises at item ``fail_at``."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.fail_at = fail_at
        self.seen: list[tuple[str, int]] = []
        self.batches: list[int] = []

    def note(self, camera: str, number: int) -> None:
        self.seen.append((camera, number))
        if self.fail_at is not None and len(self.seen) >= self.fail_at:
            raise ValueError("out of order")


class FakeDetector(Failing):
    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        self.batches.append(len(frames))
        for frame in frames:
            self.note(frame.camera, frame.number)
        box = np.array([[10, 10, 20, 40]], np.float32)
        return [Detections(frame, box, np.array([0.9], np.float32)) for frame in frames]


class FakeTracker(Failing):
    def track(self, detections: Detections) -> Tracks:
        frame = detections.frame
        self.note(frame.camera, frame.number)
        ids = np.ones(len(detections.scores), np.int64)
        overlaps = np.zeros(len(ids), np.float32)
        boxes, scores = detections.boxes_px, detections.scores
        return Tracks(frame.camera, frame.number, frame.captured_at_ns, SIZE_PX, ids, boxes, scores, overlaps)


class FakeCropper(Failing):
    def crop(self, frame: Frame, tracks: Tracks) -> CroppedFrame:
        self.note(frame.camera, frame.number)
        image = frame.image_bgr_hwc[:8, :4].copy()
        crop = Crop(frame.camera, 1, frame.number, frame.captured_at_ns, 0.5, image)
        return CroppedFrame(tracks, (crop,) if len(tracks.track_ids) else ())


class FakeEmbedder(Failing):
    def embed(self, batch: Sequence[CroppedFrame]) -> list[EmbeddedFrame]:
        self.batches.append(len(batch))
        vector = np.array([1, 0], np.float32)
        for frame in batch:
            self.note(frame.tracks.camera, frame.tracks.number)
        return [
            EmbeddedFrame(one.tracks, tuple(Embedding(crop, vector, "fake") for crop in one.crops))
            for one in batch
        ]


class FakeBuilder:
    """Makes a tracklet of every frame: the frame's tracks themselves."""

    def __init__(self, camera: str) -> None:
        self.camera = camera
        self.closed = False

    def add(self, frame: EmbeddedFrame) -> list[Tracks]:
        return [frame.tracks] if len(frame.tracks.track_ids) else []

    def advance(self, now_ns: int) -> list[Tracks]:
        return []

    def close(self) -> list[Tracks]:
        self.closed = True
        return []


@dataclass(frozen=True)
class FakeOutcome:
    decisions: tuple[Decision, ...] = ()
    settled: tuple[Settled, ...] = ()


class FakeIdentifier(Failing):
    """Settles every box at once as identity 1, and decides once per camera."""

    def __init__(self, fail_at: int | None = None, close_error: Exception | None = None) -> None:
        super().__init__(fail_at)
        self.marks: list[int] = []
        self.arrivals: list[Arrivals] = []
        self.closes = 0
        self.close_error = close_error
        self._new: list[Tracks] = []
        self._known: set[str] = set()

    @property
    def people(self) -> int:
        return min(1, len(self._known))

    @property
    def unknown(self) -> int:
        return 0

    @property
    def left_out(self) -> int:
        return 0

    def identity_of(self, camera: str, track: int) -> int:
        return 1 if camera in self._known else 0

    def add(self, tracklets: Sequence[Tracks]) -> None:
        for one in tracklets:
            self.note(one.camera, one.number)
        self._new += tracklets

    def offer(self, arrivals: Arrivals) -> None:
        self.arrivals.append(arrivals)

    def advance(self, now_ns: int) -> FakeOutcome:
        self.marks.append(now_ns)
        new, self._new = self._new, []
        decisions = []
        for one in new:
            if one.camera not in self._known:
                self._known.add(one.camera)
                kind = "identity.new" if len(self._known) == 1 else "identity.match"
                evidence: dict[str, float | int | str] = {"similarity": 0.8}
                uid = f"{one.camera}/1/0"
                decisions.append(Decision(kind, one.captured_at_ns, one.camera, 1, uid, 1, 0, 0.9, evidence))
        settled = tuple(
            Settled(
                one.camera,
                np.array([1]),
                np.array([one.number]),
                np.array([one.captured_at_ns]),
                one.boxes_px,
                one.scores,
            )
            for one in new
        )
        return FakeOutcome(tuple(decisions), settled)

    def close(self) -> FakeOutcome:
        self.closes += 1
        if self.close_error is not None:
            raise self.close_error
        return self.advance(self.marks[-1] if self.marks else 0)


@dataclass
class Bench:
    """A whole run of fakes; change a part before :meth:`make`."""

    folder: Path
    readers: list[FakeReader]
    detector: FakeDetector = field(default_factory=FakeDetector)
    tracker: FakeTracker = field(default_factory=FakeTracker)
    cropper: FakeCropper = field(default_factory=FakeCropper)
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    identifier: FakeIdentifier = field(default_factory=FakeIdentifier)
    regions: dict[str, Region] = field(default_factory=dict)
    size: int = 4
    batch_max: int = 4
    start_timeout_s: float = 30.0
    video: bool = False
    drawing: Drawing | None = None

    def make(self) -> Run:
        names = [reader.name for reader in self.readers]
        live = frozenset(reader.name for reader in self.readers if reader.is_live)
        outputs = open_outputs(self.folder, site="hall", run="r1", cameras=names, video=self.video)
        self.builders = {name: FakeBuilder(name) for name in names}
        association = Association(self.builders, self.identifier, outputs, live, self.drawing)
        wait_s = 0.001 if live else FULL_BATCH_WAIT_S
        tail = Tail(self.embedder, association, size=self.size, wait_s=wait_s)
        board = Board()
        front = NativeFront(
            self.readers,
            self.detector,
            dict.fromkeys(names, self.tracker),
            self.cropper,
            tail,
            board,
            regions=self.regions,
            size=self.size,
            batch_max=self.batch_max,
            batch_wait_s=wait_s,
            pictures=outputs.wants_pictures,
        )
        self.resources = ExitStack()
        facts = Facts("r1", "hall", START_NS, self.start_timeout_s, "fakes", ("fake",))
        return Run(facts, front, association, board, outputs, self.resources, redact, self.drawing)
