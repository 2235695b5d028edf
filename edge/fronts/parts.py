"""What a run is made of, as the fronts see it: one protocol per part, and what travels between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from edge.records import (
    Arrivals,
    CroppedFrame,
    Decision,
    Detections,
    EmbeddedFrame,
    Frame,
    LiveIdentity,
    Settled,
    Tracklet,
    Tracks,
)
from edge.stages.capture import CameraState, CaptureCounts
from edge.stages.sink import WorkerRow

__all__ = [
    "Builder",
    "Cropping",
    "Detecting",
    "Drawing",
    "Embedding",
    "Identifying",
    "Outcome",
    "Parcel",
    "Reader",
    "Takers",
    "Tracking",
    "Watched",
]

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Parcel(Generic[T_co]):
    """What travels through the channels: a stage's result, and two things that go with it.

    item: the result.
    read_s: ``time.perf_counter()`` when the frame had been read.
    picture: the frame itself, carried to the end only where an annotated video is written.
    """

    item: T_co
    read_s: float
    picture: Frame | None = None


class Watched(Protocol):
    """One camera, as far as the board wants to know."""

    @property
    def name(self) -> str:
        """The camera's name."""
        ...

    @property
    def state(self) -> CameraState | None:
        """The last state reported."""
        ...

    @property
    def counts(self) -> CaptureCounts:
        """What has been read so far."""
        ...


class Reader(Watched, Protocol):
    """One camera that is read here; see :class:`edge.stages.capture.CameraReader`."""

    @property
    def is_live(self) -> bool:
        """Whether frames nobody takes in time are lost."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the source ends."""
        ...

    def stop(self) -> None:
        """End :meth:`frames` soon; from any thread."""
        ...


class Detecting(Protocol):
    """Finds people; shared by all cameras."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return one record per frame, in order."""
        ...


class Tracking(Protocol):
    """Follows people in one camera."""

    def track(self, detections: Detections) -> Tracks:
        """Take the next frame of the camera."""
        ...


class Cropping(Protocol):
    """Chooses and cuts the crops worth embedding; shared by all cameras."""

    def crop(self, frame: Frame, tracks: Tracks) -> CroppedFrame:
        """Cut people out of one frame."""
        ...


class Embedding(Protocol):
    """Turns crops into vectors; shared by all cameras."""

    def embed(self, batch: Sequence[CroppedFrame]) -> list[EmbeddedFrame]:
        """Return one record per frame, in order."""
        ...


class Builder(Protocol):
    """Sums the tracks of one camera up to tracklets."""

    def add(self, frame: EmbeddedFrame) -> list[Tracklet]:
        """Take the next frame; return tracklets that are new, grew or ended."""
        ...

    def advance(self, now_ns: int) -> list[Tracklet]:
        """No frame has come up to an event time: return tracklets that ended by that."""
        ...

    def close(self) -> list[Tracklet]:
        """End all tracklets."""
        ...


class Outcome(Protocol):
    """What identify decided."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Decisions in the order they were made."""
        ...

    @property
    def settled(self) -> tuple[Settled, ...]:
        """Boxes whose identity is final."""
        ...


class Identifying(Protocol):
    """Decides who is who, over all cameras."""

    def add(self, tracklets: Sequence[Tracklet]) -> None:
        """Take new, grown or ended tracklets."""
        ...

    def offer(self, arrivals: Arrivals) -> None:
        """Take generated views of people."""
        ...

    def advance(self, now_ns: int) -> Outcome:
        """Decide what is due at this event time."""
        ...

    def close(self) -> Outcome:
        """Decide and settle everything that is left."""
        ...

    def identity_of(self, camera: str, track: int) -> int:
        """Return who a track is believed to be; 0 while unknown."""
        ...

    @property
    def people(self) -> int:
        """Identities so far."""
        ...

    @property
    def unknown(self) -> int:
        """Tracklets that are nobody known."""
        ...

    @property
    def left_out(self) -> int:
        """Boxes that are not written because nobody can be named for them."""
        ...


class Takers(Protocol):
    """Who takes what was decided; see :class:`edge.stages.sink.Outputs`."""

    @property
    def wants_pictures(self) -> bool:
        """Whether :meth:`show` does anything."""
        ...

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Take decisions."""
        ...

    def settle(self, settled: Settled) -> None:
        """Take boxes whose identity is final."""
        ...

    def show(self, frame: Frame, live: LiveIdentity) -> None:
        """Take a picture and what is believed about it."""
        ...


class Drawing(Protocol):
    """Draws people in the background; see :class:`edge.ipg.supervisor.Supervisor`.

    :meth:`take` and :meth:`decide` never wait and never raise; the others are the main thread's.
    """

    def take(self) -> Arrivals | None:
        """Return what has been drawn since; None when nothing has."""
        ...

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Take notice of who turned out to be whom."""
        ...

    def start(self) -> None:
        """Begin."""
        ...

    def close(self) -> None:
        """End, within a few seconds whatever happens."""
        ...

    def row(self) -> WorkerRow:
        """Return the numbers so far."""
        ...
