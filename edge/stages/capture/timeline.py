"""Stream time: non-decreasing seconds out of whatever timestamps a source gives."""

from __future__ import annotations

__all__ = ["StreamTime"]

_JUMP_BACK_S = 1.0


class StreamTime:
    """Turns the timestamps of one connection into seconds since its first picture.

    A missing timestamp is one frame period after the one before. A step back of more than a second
    is a discontinuity (the sender restarted its clock): time goes on by one period. A smaller step
    back is disorder: time stands still for that picture.

    Args:
        period_s: seconds per picture where timestamps do not say.
        origin_s: the source's timestamp of second 0; None takes the first picture's.
    """

    def __init__(self, period_s: float, origin_s: float | None = None) -> None:
        self._period_s = period_s
        self._origin_s = origin_s
        self._last_s: float | None = None

    def of(self, timestamp_s: float | None) -> float:
        """Return the stream time in seconds of the next picture.

        Args:
            timestamp_s: what the source says, in seconds; None when it says nothing.
        """
        last_s = self._last_s
        if timestamp_s is None:
            now_s = 0.0 if last_s is None else last_s + self._period_s
        else:
            if self._origin_s is None:
                self._origin_s = timestamp_s - (0.0 if last_s is None else last_s + self._period_s)
            now_s = timestamp_s - self._origin_s
            if last_s is not None and now_s < last_s:
                if now_s < last_s - _JUMP_BACK_S:
                    self._origin_s -= last_s + self._period_s - now_s
                    now_s = last_s + self._period_s
                else:
                    now_s = last_s
        self._last_s = now_s
        return now_s
