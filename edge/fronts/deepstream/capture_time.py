"""When a frame was taken, out of what DeepStream knows of it."""

from __future__ import annotations

import logging

from edge.clock import Clock
from edge.config.cameras import Camera

__all__ = ["CaptureTime"]

_log = logging.getLogger(__name__)

_WRONG_CLOCK_NS = 3600 * 10**9


class CaptureTime:
    """Wall time of one camera's frames; each is later than the one before.

    A live camera's is its RTCP sender time. Until the first sender report, and from a camera whose clock is
    more than an hour off, it is the time of arrival. A file's is its stream time from its start on.

    Args:
        camera: from cams.yaml.
        clock: the machine's time.
        run_started_ns: wall time of the run's start, where a file has none of its own.
    """

    def __init__(self, camera: Camera, clock: Clock, run_started_ns: int) -> None:
        self._name = camera.name
        self._clock = clock
        self._file_starts_ns: int | None = None
        source = camera.source
        if source.kind == "file":
            starts_at = source.starts_at
            starts_ns = run_started_ns if starts_at is None else round(starts_at.timestamp() * 1e6) * 1000
            self._file_starts_ns = starts_ns + round(source.offset_s * 1e9)
        self._last_ns = 0
        self._told = False

    def of(self, pts_ns: int, ntp_ns: int) -> int:
        """Return a frame's wall time in nanoseconds.

        Args:
            pts_ns: its stream time.
            ntp_ns: its RTCP sender time; 0 when unknown.
        """
        if self._file_starts_ns is not None:
            taken_ns = self._file_starts_ns + pts_ns
        else:
            taken_ns = self._live(ntp_ns)
        self._last_ns = max(taken_ns, self._last_ns + 1)
        return self._last_ns

    def _live(self, ntp_ns: int) -> int:
        now_ns = self._clock.now_ns()
        if ntp_ns <= 0:
            return now_ns
        if abs(now_ns - ntp_ns) <= _WRONG_CLOCK_NS:
            return ntp_ns
        if not self._told:
            self._told = True
            hours = (ntp_ns - now_ns) / (3600 * 1e9)
            _log.warning(
                "camera '%s': its clock is off by %.1f h; the time of arrival is taken (set its NTP server)",
                self._name,
                hours,
            )
        return now_ns
