"""Pictures of a video file: none lost, each with its wall time."""

from __future__ import annotations

import threading
from collections.abc import Generator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from edge.clock import Clock
from edge.errors import SourceBroken, SourceError
from edge.stages.capture.pacing import Pacer
from edge.stages.capture.picture import TimedPicture
from edge.stages.capture.state import Report, Tally
from edge.stages.capture.timeline import StreamTime
from edge.stages.capture.trouble import SourceTrouble
from edge.stages.capture.video import Video, open_video

if TYPE_CHECKING:
    from edge.config.sources import FileSource
    from edge.stages.capture.decoding import Decoding

__all__ = ["FilePictures"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_COMPLETE_SHARE = 0.98
_COMPLETE_SLACK_FRAMES = 2


class FilePictures:
    """Reads a file from ``start_s`` to its end, once or (``loop``) for ever.

    Wall time of a picture is ``starts_at`` plus its stream time; without ``starts_at`` the first picture
    delivered was taken when the run started. ``offset_s`` shifts either. A further pass of a loop is a
    new epoch, and wall time goes on by the length of the pass.

    Args:
        camera: the camera's name.
        source: from cams.yaml.
        clock: for ``realtime``.
        run_started_ns: wall time at the start of the run, the same for all cameras.
        stop: ends the reading between two pictures, and a wait of ``realtime`` at once.
        tally: told of damaged packets and passes.
        report: told once that the file has been opened.
        decoding: who decodes; the CPU unless given.
    """

    def __init__(
        self,
        camera: str,
        source: FileSource,
        clock: Clock,
        run_started_ns: int,
        stop: threading.Event,
        tally: Tally,
        report: Report,
        decoding: Decoding | None = None,
    ) -> None:
        self._camera = camera
        self._source = source
        self._stop = stop
        self._tally = tally
        self._report = report
        self._decoding = decoding
        self._pacer = Pacer(clock, stop) if source.realtime else None
        self._base_ns = run_started_ns
        if source.starts_at is not None:
            since_epoch = source.starts_at.astimezone(timezone.utc) - _EPOCH
            self._base_ns = since_epoch // timedelta(microseconds=1) * 1000 + round(source.start_s * 1e9)
        self._base_ns += round(source.offset_s * 1e9)

    def pictures(self) -> Generator[TimedPicture, None, None]:
        """Yield pictures in display order.

        Raises:
            SourceError: the file cannot be opened, or holds no picture from ``start_s`` on.
            SourceBroken: it ended early, or could not be read on; what came before was delivered.
        """
        epoch = 0
        passed_s = 0.0
        while not self._stop.is_set():
            try:
                video = open_video(self._source, self._tally.count_corrupt, None, self._decoding)
            except SourceTrouble as trouble:
                raise SourceError(f"camera '{self._camera}': {trouble}") from trouble
            try:
                passed_s += yield from self._one_pass(video, epoch, passed_s)
            finally:
                video.close()
            if not self._source.loop:
                return
            epoch += 1
            self._tally.reconnects = epoch

    def wake(self) -> None:
        """Nothing to do: the stop event alone ends every wait here."""

    def _one_pass(self, video: Video, epoch: int, passed_s: float) -> Generator[TimedPicture, None, float]:
        """Yield the pictures of one pass and return its length in seconds."""
        start_s = self._source.start_s
        origin_s = None
        if start_s > 0:
            origin_s = video.start_s or 0.0
            video.seek(origin_s + start_s)
        time = StreamTime(video.period_s, origin_s)
        count, pts_s = 0, 0.0
        corrupt_before = self._tally.corrupt
        try:
            for picture in video.pictures():
                pts_s = time.of(picture.timestamp_s)
                if self._stop.is_set():
                    break
                if pts_s < start_s - 1e-6:
                    continue
                elapsed_s = passed_s + pts_s - start_s
                if self._pacer is not None and not self._pacer.release(elapsed_s):
                    break
                if count == 0 and epoch == 0:
                    self._report("connected", f"reading {video.where} ({video.summary})")
                count += 1
                yield TimedPicture(picture.frame, epoch, pts_s, self._base_ns + round(elapsed_s * 1e9))
        except SourceTrouble as trouble:
            self._raise_broken(str(trouble), count, trouble)
        if not self._stop.is_set():
            if count == 0:
                raise SourceError(f"camera '{self._camera}': {self._nothing_in(video, pts_s)}")
            self._check_complete(video, count + self._tally.corrupt - corrupt_before, count, pts_s)
        return max(0.0, pts_s - start_s) + video.period_s

    def _raise_broken(self, reason: str, count: int, cause: Exception) -> None:
        if count == 0:
            raise SourceError(f"camera '{self._camera}': {reason}") from cause
        raise SourceBroken(f"camera '{self._camera}': {reason}; broke off after {count} frames") from cause

    def _nothing_in(self, video: Video, last_pts_s: float) -> str:
        start_s = self._source.start_s
        length_s = last_pts_s or video.duration_s or 0.0
        if start_s > 0 and length_s > 0:
            return f"start_s is {start_s:g} s, but {video.where} has only {length_s:.1f} s; choose less"
        return f"{video.where} holds no picture that can be decoded (empty or damaged)"

    def _check_complete(self, video: Video, seen: int, count: int, last_pts_s: float) -> None:
        """Raise SourceBroken when both the count and the time say that the end is missing.

        Containers are often a little wrong about themselves, hence the slack; and a file may hold fewer
        pictures than its rate promises, hence the look at the time.
        """
        promised = video.picture_count
        if promised is None:
            return
        if video.duration_s is not None:
            reached_s = last_pts_s + (1 + _COMPLETE_SLACK_FRAMES) * video.period_s
            if reached_s >= _COMPLETE_SHARE * video.duration_s:
                return
        skipped = round(self._source.start_s / video.period_s)
        expected = promised - skipped
        if seen < _COMPLETE_SHARE * expected - _COMPLETE_SLACK_FRAMES:
            reason = f"{video.where} ended early after {count} of about {expected} frames"
            raise SourceBroken(f"camera '{self._camera}': {reason}; the file is cut off or damaged")
