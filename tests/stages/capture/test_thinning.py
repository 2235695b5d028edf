from __future__ import annotations

import pytest

from edge.stages.capture.thinning import FpsLimit


def kept(fps_max: float | None, stamps: list[float]) -> list[float]:
    limit = FpsLimit(fps_max)
    return [stamp for stamp in stamps if limit.keeps(stamp, 0)]


def test_no_limit_keeps_everything() -> None:
    stamps = [index / 30 for index in range(30)]
    assert kept(None, stamps) == stamps


def test_a_slower_source_keeps_everything() -> None:
    stamps = [index / 10 for index in range(50)]
    assert kept(10.0, stamps) == stamps
    assert kept(25.0, stamps) == stamps


@pytest.mark.parametrize(("fps", "fps_max"), [(30, 10), (25, 10), (30, 29), (60, 7), (10, 0.5), (12.5, 5)])
def test_the_long_run_rate_is_the_limit(fps: float, fps_max: float) -> None:
    stamps = [round(index / fps, 3) for index in range(int(fps * 60))]
    assert len(kept(fps_max, stamps)) == pytest.approx(60 * fps_max, abs=2)


def test_a_whole_divisor_keeps_every_third() -> None:
    stamps = [index / 30 for index in range(300)]
    assert kept(10.0, stamps) == stamps[::3]


def test_a_pause_is_not_caught_up() -> None:
    stamps = [0.0, 5.0, 5.02, 5.04, 5.06, 5.1]
    assert kept(10.0, stamps) == [0.0, 5.0, 5.1]


def test_a_new_connection_starts_afresh() -> None:
    limit = FpsLimit(1.0)
    assert [limit.keeps(9.0, 0), limit.keeps(9.5, 0), limit.keeps(0.0, 1), limit.keeps(0.5, 1)] == [
        True,
        False,
        True,
        False,
    ]
