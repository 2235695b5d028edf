"""Pictures of a live source that comes and goes."""

from __future__ import annotations

import random
import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edge.clock import Clock
from edge.errors import SourceBroken, SourceError
from edge.flow.channel import Closed
from edge.stages.capture.connection import Arrival, Connection, Opened
from edge.stages.capture.pacing import Pacer
from edge.stages.capture.picture import TimedPicture
from edge.stages.capture.state import Report, Tally
from edge.stages.capture.still import StillWatch
from edge.stages.capture.timeline import StreamTime
from edge.stages.capture.video import DEVICE_TIMEOUT_S

if TYPE_CHECKING:
    from edge.config.sources import DeviceSource, HttpSource, Reconnect, RtspSource
    from edge.stages.capture.decoding import Decoding

__all__ = ["Backoff", "LivePictures"]

_JITTER_SHARE = 0.1
_STILL_FACTOR = 6
_NATIVE_SLACK_S = 1.0
_ANALYSIS_S = 3.0
_LINGER_S = 1.0


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a connection ended; ``good`` when it had given at least one picture."""

    kind: Literal["lost", "frozen"]
    reason: str
    good: bool


class Backoff:
    """How long to wait before each attempt: ``first_s``, then ``factor`` times longer up to ``max_s``.

    Each wait is changed by up to a tenth at random, so that many cameras behind one switch do not come back
    in step.

    Args:
        reconnect: from cams.yaml.
        jitter: source of the random tenth.
    """

    def __init__(self, reconnect: Reconnect, jitter: random.Random) -> None:
        self._reconnect = reconnect
        self._jitter = jitter
        self._next_s = reconnect.first_s
        self.attempt = 0

    def reset(self) -> None:
        """Begin again at ``first_s``: a connection was good."""
        self._next_s = self._reconnect.first_s
        self.attempt = 0

    def next_wait_s(self) -> float | None:
        """Return the seconds to wait before the next attempt; None when all attempts are used up."""
        allowed = self._reconnect.attempts
        if allowed is not None and self.attempt >= allowed:
            return None
        self.attempt += 1
        wait_s = self._next_s * self._jitter.uniform(1 - _JITTER_SHARE, 1 + _JITTER_SHARE)
        self._next_s = min(self._reconnect.max_s, self._next_s * self._reconnect.factor)
        return min(self._reconnect.max_s, wait_s)


class LivePictures:
    """Connects, reads, notices when nothing comes any more, and connects again.

    A picture's wall time is when it arrived. A recording served over HTTP would arrive all at once; it is
    taken at its own speed instead, as if it were live.

    Args:
        camera: the camera's name.
        source: from cams.yaml.
        clock: the time, and how to wait between attempts.
        stop: ends everything; call :meth:`wake` after setting it.
        tally: told of damaged packets and reconnections.
        report: told of every change of state.
        jitter: randomness of the waits between attempts.
        decoding: who decodes; the CPU unless given.
    """

    def __init__(
        self,
        camera: str,
        source: RtspSource | HttpSource | DeviceSource,
        clock: Clock,
        stop: threading.Event,
        tally: Tally,
        report: Report,
        jitter: random.Random,
        decoding: Decoding | None = None,
    ) -> None:
        self._camera = camera
        self._source = source
        self._clock = clock
        self._stop = stop
        self._tally = tally
        self._report = report
        self._decoding = decoding
        self._backoff = Backoff(source.reconnect, jitter)
        self._still = StillWatch(_STILL_FACTOR * source.frozen_s)
        self._where = source.label
        self._epoch = -1
        self._last_ns = 0
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def pictures(self) -> Generator[TimedPicture, None, None]:
        """Yield pictures as they arrive, over all connections.

        Raises:
            SourceError: all attempts are used up and there was never a picture.
            SourceBroken: all attempts are used up.
        """
        try:
            yield from self._all_connections()
        finally:
            if self._connection is not None:
                self._connection.join(
                    _LINGER_S
                )  # one that is not blocked ends at once; no other is waited for

    def _all_connections(self) -> Generator[TimedPicture, None, None]:
        while not self._stop.is_set():
            ending = yield from self._one_connection()
            if self._stop.is_set():
                return
            if ending.good:
                self._backoff.reset()
                self._report(ending.kind, ending.reason, epoch=self._epoch)
            wait_s = self._backoff.next_wait_s()
            attempt = self._backoff.attempt
            if wait_s is None:
                tries = f"{attempt + 1} attempts" if attempt else "one attempt"
                text = f"camera '{self._camera}': {ending.reason}; gave up after {tries}"
                raise SourceError(text) if self._epoch < 0 else SourceBroken(text)
            self._report(
                "retrying",
                f"{ending.reason}; retrying in {_seconds(wait_s)} s",
                epoch=max(0, self._epoch),
                attempt=attempt,
                retry_in_s=wait_s,
            )
            if self._clock.wait(self._stop, wait_s):
                return

    def wake(self) -> None:
        """End the wait for a picture; call it from any thread after ``stop`` was set."""
        with self._lock:
            if self._connection is not None:
                self._connection.abandon()

    def _one_connection(self) -> Generator[TimedPicture, None, _Ending]:
        source = self._source
        open_limit_s = DEVICE_TIMEOUT_S if source.kind == "device" else source.timeout_s + _ANALYSIS_S
        with self._lock:
            if self._stop.is_set():
                return _Ending("lost", "stopped", good=False)
            silence_s = max(source.frozen_s, open_limit_s) + _NATIVE_SLACK_S
            connection = Connection(
                self._camera, source, self._clock, silence_s, self._tally.count_corrupt, self._decoding
            )
            self._connection = connection
        try:
            try:
                opened = connection.get(open_limit_s)
            except TimeoutError:
                return _Ending("lost", f"no answer from {self._where} in {open_limit_s:g} s", good=False)
            except Closed:
                return _Ending("lost", connection.reason, good=False)
            if not isinstance(opened, Opened):
                raise TypeError("a connection begins with Opened")
            return (yield from self._read(connection, opened))
        finally:
            connection.abandon()

    def _read(self, connection: Connection, opened: Opened) -> Generator[TimedPicture, None, _Ending]:
        frozen_s = self._source.frozen_s
        time = StreamTime(opened.period_s)
        pacer = Pacer(self._clock, self._stop) if opened.finite else None
        self._still.restart(self._clock.monotonic_s())
        good = False
        while True:
            try:
                arrival = connection.get(frozen_s)
            except TimeoutError:
                return _Ending("frozen", f"no picture from {self._where} for {frozen_s:g} s", good)
            except Closed:
                return _Ending("lost", connection.reason, good)
            if not isinstance(arrival, Arrival):
                raise TypeError("a connection gives pictures once it is open")
            if not good:
                good = True
                self._connected(opened)
            frame = arrival.picture.frame
            pts_s = time.of(arrival.picture.timestamp_s)
            arrived_ns = arrival.arrived_ns
            if pacer is not None:
                if not pacer.release(pts_s):
                    return _Ending("lost", "stopped", good)
                arrived_ns = self._clock.now_ns()
            self._last_ns = max(self._last_ns, arrived_ns)
            yield TimedPicture(frame, self._epoch, pts_s, self._last_ns)
            now_s = self._clock.monotonic_s()
            if self._still.is_still(frame, now_s):
                return _Ending("frozen", f"{self._where} repeats the same picture", good)

    def _connected(self, opened: Opened) -> None:
        self._epoch += 1
        self._tally.reconnects = self._epoch
        again = " again" if self._epoch else ""
        self._report("connected", f"connected{again} to {self._where} ({opened.summary})", epoch=self._epoch)


def _seconds(wait_s: float) -> str:
    return f"{wait_s:.0f}" if wait_s >= 1 else f"{wait_s:.1f}"
