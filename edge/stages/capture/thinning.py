"""``fps_max``: leave pictures out, evenly in time."""

from __future__ import annotations

__all__ = ["FpsLimit"]


class FpsLimit:
    """Decides by stream time which pictures to keep.

    Keeps the long-run rate at ``fps_max`` where the source is faster (10 of 25 fps keeps every second or
    third picture), and keeps everything where it is slower. After a pause it does not catch up.

    Args:
        fps_max: highest rate in pictures per second; None keeps everything.
    """

    def __init__(self, fps_max: float | None) -> None:
        self._period_s = 0.0 if fps_max is None else 1.0 / fps_max
        self._due_s: float | None = None
        self._epoch = 0

    def keeps(self, pts_s: float, epoch: int) -> bool:
        """Say whether to keep the next picture.

        Args:
            pts_s: its stream time in seconds.
            epoch: its connection; a new one starts afresh.
        """
        if self._period_s == 0.0:
            return True
        if self._due_s is None or epoch != self._epoch:
            self._due_s, self._epoch = pts_s, epoch
        tolerance_s = 0.01 * self._period_s  # timestamps are rounded to milliseconds or worse
        late_s = pts_s - self._due_s
        if late_s < -tolerance_s:
            return False
        self._due_s = self._due_s + self._period_s if late_s < self._period_s else pts_s + self._period_s
        return True
