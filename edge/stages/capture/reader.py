"""Frames of one camera, whatever kind of source it is."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from edge.clock import Clock
from edge.config.secrets import redact
from edge.errors import EdgeError
from edge.records import Frame, Pixels
from edge.stages.capture.state import CameraState, CaptureCounts, StateKind, Tally

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from edge.config.cameras import Camera
    from edge.stages.capture.decoding import Decoding
    from edge.stages.capture.picture import TimedPicture

__all__ = ["CameraReader"]


class _Pictures(Protocol):
    def pictures(self) -> Generator[TimedPicture, None, None]: ...

    def wake(self) -> None: ...


class CameraReader:
    """Reads one camera: decodes, thins to ``fps_max``, converts to BGR.

    **Life.** One thread runs through :meth:`frames`, once. :meth:`stop` may be called from any thread; the
    iteration then ends within two seconds, also while connecting, waiting for a camera that is silent, or
    waiting to try again. Leaving the loop early is fine too: close the generator.

    **Loss.** Nothing is dropped here but by ``fps_max``. Put a channel that drops the oldest behind a live
    camera (:attr:`is_live`), and one that waits behind a file.

    **Failure.** A live camera is connected again and again (cams.yaml's ``reconnect``), and meanwhile only
    reports its state; it raises only when its attempts are limited and used up.

    Args:
        camera: from cams.yaml.
        clock: the time; :class:`edge.clock.SystemClock` outside tests.
        run_started_ns: wall time at the start of the run, the same for all cameras.
        on_state: called in the thread that runs :meth:`frames` for every change of state; must be quick.
        jitter: randomness of the waits between attempts.
        decoding: who decodes; the CPU unless given.
        converter: makes what turns decoded pictures into BGR, one for each camera; on the host unless given.
    """

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        run_started_ns: int,
        on_state: Callable[[CameraState], None] | None = None,
        jitter: random.Random | None = None,
        *,
        decoding: Decoding | None = None,
        converter: Callable[[], Callable[[VideoFrame], Pixels]] | None = None,
    ) -> None:
        self._camera = camera
        self._clock = clock
        self._run_started_ns = run_started_ns
        self._on_state = on_state
        self._jitter = jitter or random.Random()
        self._decoding = decoding
        self._converter = converter
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._tally = Tally()
        self._state: CameraState | None = None
        self._pictures: _Pictures | None = None
        self._epoch = 0

    @property
    def name(self) -> str:
        """The camera's name."""
        return self._camera.name

    @property
    def is_live(self) -> bool:
        """Whether pictures that nobody takes in time are lost rather than waited for."""
        return self._camera.source.is_live

    @property
    def state(self) -> CameraState | None:
        """The last state reported; None before the first."""
        return self._state

    @property
    def counts(self) -> CaptureCounts:
        """What has been read so far; may be asked from any thread."""
        return self._tally.counts()

    def stop(self) -> None:
        """End :meth:`frames` soon; from any thread, any number of times, also before it began."""
        self._stop.set()
        with self._lock:
            pictures = self._pictures
        if pictures is not None:
            pictures.wake()

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the source ends or :meth:`stop` is called.

        Raises:
            SourceError: the source cannot be opened, or holds no video.
            SourceBroken: it broke off after it had delivered frames; those were yielded.
            RuntimeError: called twice.
        """
        source = self._open()
        try:
            with closing(source.pictures()) as pictures:
                yield from self._convert(pictures)
        except EdgeError as error:
            self._report("failed", str(error).removeprefix(self._prefix), epoch=self._epoch)
            raise
        how = "stopped" if self._stop.is_set() else "ended"
        skipped = f", {self._tally.corrupt} damaged packets skipped" if self._tally.corrupt else ""
        self._report("ended", f"{how} after {self._tally.decoded} frames{skipped}", epoch=self._epoch)

    def _open(self) -> _Pictures:
        from edge.stages.capture.file import FilePictures
        from edge.stages.capture.live import LivePictures

        name, source = self._camera.name, self._camera.source
        pictures: _Pictures
        if source.kind == "file":
            pictures = FilePictures(
                name,
                source,
                self._clock,
                self._run_started_ns,
                self._stop,
                self._tally,
                self._report,
                self._decoding,
            )
        else:
            pictures = LivePictures(
                name,
                source,
                self._clock,
                self._stop,
                self._tally,
                self._report,
                self._jitter,
                self._decoding,
            )
        with self._lock:
            if self._pictures is not None:
                raise RuntimeError(f"camera '{name}': frames() may be called once")
            self._pictures = pictures
        return pictures

    def _convert(self, pictures: Iterable[TimedPicture]) -> Iterator[Frame]:
        """Number, thin and convert; conversion comes last, so a thinned picture costs only its decoding."""
        from av.error import FFmpegError

        from edge.stages.capture.picture import BgrConverter
        from edge.stages.capture.thinning import FpsLimit

        limit = FpsLimit(self._camera.fps_max)
        convert = self._converter() if self._converter is not None else BgrConverter().image_bgr_hwc
        tally = self._tally
        for picture in pictures:
            if self._stop.is_set():
                return
            tally.decoded += 1
            self._epoch = picture.epoch
            if not limit.keeps(picture.pts_s, picture.epoch):
                tally.thinned += 1
                continue
            try:
                pixels = convert(picture.frame)
            except FFmpegError:
                tally.count_corrupt()
                continue
            tally.delivered += 1
            pts_s, taken_ns = picture.pts_s, picture.captured_at_ns
            yield Frame(self.name, tally.decoded, picture.epoch, pts_s, taken_ns, pixels)

    @property
    def _prefix(self) -> str:
        return f"camera '{self._camera.name}': "

    def _report(
        self, kind: StateKind, text: str, *, epoch: int = 0, attempt: int = 0, retry_in_s: float | None = None
    ) -> None:
        message = redact(self._prefix + text)
        state = CameraState(self.name, kind, message, self._clock.now_ns(), epoch, attempt, retry_in_s)
        self._state = state
        if self._on_state is not None:
            self._on_state(state)
