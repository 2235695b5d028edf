from __future__ import annotations

import av
import numpy as np

from edge.stages.capture.still import StillWatch


def picture(level: int) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((48, 66, 3), level, np.uint8), "bgr24").reformat(
        format="yuv420p"
    )


def first_still_s(watch: StillWatch, level: int, start_s: int, end_s: int) -> int | None:
    return next((now for now in range(start_s, end_s) if watch.is_still(picture(level), float(now))), None)


def test_a_picture_that_changes_is_never_still() -> None:
    watch = StillWatch(3.0)
    assert not any(watch.is_still(picture(now % 200), float(now)) for now in range(50))


def test_the_same_picture_for_long_is_still() -> None:
    assert first_still_s(StillWatch(3.0), 9, 0, 50) == 3


def test_patience_doubles_while_reconnecting_does_not_help_and_recovers_when_it_does() -> None:
    watch = StillWatch(3.0)
    assert first_still_s(watch, 9, 0, 50) == 3
    watch.restart(10.0)
    assert first_still_s(watch, 9, 10, 90) == 16
    watch.restart(20.0)
    assert not watch.is_still(picture(50), 20.0)
    assert first_still_s(watch, 50, 21, 90) == 23
