"""One connection to a live source, read by a thread that may be left behind.

FFmpeg's open and read, a name look-up and a USB driver can each block for seconds, and no other thread can
wake them. So they run in a thread of their own, and whoever wants pictures waits on a channel instead,
which can be closed from anywhere. This is the one thread that capture owns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.clock import Clock
from edge.flow.channel import Channel, Closed
from edge.stages.capture.picture import Picture
from edge.stages.capture.trouble import SourceTrouble
from edge.stages.capture.video import open_video

if TYPE_CHECKING:
    from edge.config.sources import DeviceSource, HttpSource, RtspSource
    from edge.stages.capture.decoding import Decoding

__all__ = ["Arrival", "Connection", "Opened"]

_WAITING_PICTURES = 2


@dataclass(frozen=True, slots=True)
class Opened:
    """The source answered.

    summary: size and codec.
    period_s: seconds per picture, as far as known.
    finite: it is a recording with an end, not a live picture.
    """

    summary: str
    period_s: float
    finite: bool


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A picture and the wall time at which it had been decoded."""

    picture: Picture
    arrived_ns: int


class Connection:
    """Opens a live source and reads it until it ends or is given up; starts at once.

    At most two pictures wait to be taken; then the reading waits too.

    Args:
        camera: the camera's name, for the thread's name.
        source: from cams.yaml.
        clock: for the wall time of each picture.
        silence_s: longest silence before the native call gives up by itself, which bounds how long the
            thread lives on after :meth:`abandon` (a USB driver may block it for ever; it is a daemon).
        on_corrupt: called from the thread for every damaged packet.
        decoding: who decodes; the CPU unless given.
    """

    def __init__(
        self,
        camera: str,
        source: RtspSource | HttpSource | DeviceSource,
        clock: Clock,
        silence_s: float,
        on_corrupt: Callable[[], None],
        decoding: Decoding | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._silence_s = silence_s
        self._on_corrupt = on_corrupt
        self._decoding = decoding
        self._reason = "the stream ended"
        self._failure: BaseException | None = None
        self._channel: Channel[Opened | Arrival] = Channel(f"{camera} connection", _WAITING_PICTURES)
        self._thread = threading.Thread(target=self._run, name=f"connection {camera}", daemon=True)
        self._thread.start()

    def get(self, timeout_s: float) -> Opened | Arrival:
        """Take what comes next: once :class:`Opened`, then pictures.

        Raises:
            TimeoutError: nothing came within ``timeout_s``.
            Closed: it is over (see :attr:`reason`), or was abandoned.
        """
        try:
            return self._channel.get(timeout_s)
        except Closed:
            if self._failure is not None:
                raise self._failure from None
            raise

    @property
    def reason(self) -> str:
        """Why it is over, in a few words without credentials."""
        return self._reason

    def abandon(self) -> None:
        """Give it up; returns at once, from any thread, any number of times.

        Wakes whoever waits in :meth:`get`. The thread lets the source go as soon as the native call it
        is in returns.
        """
        self._channel.close_consumer()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to end, at most ``timeout_s``; it ends by itself sooner or later."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._read()
        except Closed:
            pass  # abandoned
        except SourceTrouble as trouble:
            self._reason = str(trouble)
        except BaseException as error:  # noqa: BLE001 - the thread's outermost edge: raised again in get()
            self._failure = error
        finally:
            self._channel.close_producer()

    def _read(self) -> None:
        video = open_video(self._source, self._on_corrupt, self._silence_s, self._decoding)
        try:
            self._reason = f"{video.where} ended the stream"
            self._channel.put(Opened(video.summary, video.period_s, video.duration_s is not None))
            for picture in video.pictures():
                self._channel.put(Arrival(picture, self._clock.now_ns()))
        finally:
            video.close()
