"""A camera's frame times without their jitter."""

from __future__ import annotations

from collections import deque

__all__ = ["SteadyTime"]

_NS_PER_S = 1e9

# How many frames the rate is reckoned over, and what it is taken to be while nothing is known.
_WINDOW = 32
_PERIOD_WHEN_UNKNOWN_S = 1 / 30
_PERIOD_MAX_S = 2.0

# Share of the difference to the camera's own time that is made up with each frame.
_PULL = 0.05

# A difference larger than both, in seconds and in frames, is no jitter but a gap.
_GAP_S = 0.5
_GAP_FRAMES = 8.0


class SteadyTime:
    """Turns frame numbers and times into times that always go forward, and evenly where frames do.

    Times of arrival jitter; some containers give two pictures the same time and the next one a triple step
    (AVI with reordered pictures); clocks are set back. A tracker's motion would take all that for movement.
    So time goes on by the camera's mean period for each frame number (dropped frames are counted in it), is
    slowly drawn to the camera's own time, and follows it at once over a real gap.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[int, int]] = deque(maxlen=_WINDOW)
        self._started_ns = 0
        self._time_s = 0.0

    def of(self, number: int, taken_ns: int) -> float:
        """Seconds since the first frame.

        Args:
            number: the frame's; greater than that of the call before.
            taken_ns: when the camera says it was taken.
        """
        if not self._recent:
            self._started_ns = taken_ns
            self._recent.append((number, taken_ns))
            return 0.0
        last_number, last_ns = self._recent[-1]
        frames = max(1, number - last_number)
        passed_s = (taken_ns - last_ns) / _NS_PER_S
        period_s = self._period_s() if len(self._recent) > 1 else _first_period_s(passed_s / frames)
        expected_s = self._time_s + frames * period_s
        self._recent.append((number, taken_ns))
        error_s = (taken_ns - self._started_ns) / _NS_PER_S - expected_s
        if abs(error_s) <= max(_GAP_S, _GAP_FRAMES * period_s):
            half_way_s = (self._time_s + expected_s) / 2
            self._time_s = max(expected_s + _PULL * error_s, half_way_s)
        else:
            self._jump(frames, taken_ns, passed_s)
        return self._time_s

    def _period_s(self) -> float:
        """The mean time between two frames of the last ones."""
        (first, first_ns), (last, last_ns) = self._recent[0], self._recent[-1]
        if last <= first or last_ns <= first_ns:
            return _PERIOD_WHEN_UNKNOWN_S
        return (last_ns - first_ns) / _NS_PER_S / (last - first)

    def _jump(self, frames: int, taken_ns: int, passed_s: float) -> None:
        """Follow the camera's time over a gap, or begin anew from here where it went back."""
        self._time_s += passed_s if passed_s > 0 else frames * _PERIOD_WHEN_UNKNOWN_S
        self._started_ns = taken_ns - round(self._time_s * _NS_PER_S)
        number = self._recent[-1][0]
        self._recent.clear()
        self._recent.append((number, taken_ns))


def _first_period_s(passed_s: float) -> float:
    """What two frames alone say about the rate."""
    return passed_s if 0 < passed_s <= _PERIOD_MAX_S else _PERIOD_WHEN_UNKNOWN_S
