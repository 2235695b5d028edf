from __future__ import annotations

import threading

import pytest

from edge.flow import StageMeter
from edge.flow.meter import percentile_ms


def test_an_unused_meter_reads_zero() -> None:
    snapshot = StageMeter("detect").snapshot()
    assert (snapshot.name, snapshot.items, snapshot.drops) == ("detect", 0, 0)
    assert (snapshot.p50_ms, snapshot.p95_ms, snapshot.busy_s) == (0.0, 0.0, 0.0)


def test_percentiles_are_within_five_percent() -> None:
    meter = StageMeter("detect")
    for millisecond in range(1, 1001):
        meter.record(millisecond / 1000)
    snapshot = meter.snapshot()
    assert snapshot.p50_ms == pytest.approx(500, rel=0.05)
    assert snapshot.p95_ms == pytest.approx(950, rel=0.05)
    assert snapshot.busy_s == pytest.approx(500.5)


def test_every_item_of_a_batch_took_as_long_as_the_batch() -> None:
    meter = StageMeter("embed")
    meter.record(0.001, items=1)
    meter.record(0.1, items=9)
    snapshot = meter.snapshot()
    assert snapshot.items == 10
    assert snapshot.p50_ms == pytest.approx(100, rel=0.05)
    assert snapshot.busy_s == pytest.approx(0.101)


@pytest.mark.parametrize("seconds", [0.0, -1e-9, 1e-12, 1e6])
def test_absurd_times_land_in_the_outer_buckets(seconds: float) -> None:
    meter = StageMeter("x")
    meter.record(seconds)
    assert meter.snapshot().items == 1


def test_drops_are_counted_apart() -> None:
    meter = StageMeter("crop")
    meter.drop()
    meter.drop(4)
    assert (meter.snapshot().drops, meter.snapshot().items) == (5, 0)


def test_threads_lose_no_count() -> None:
    meter = StageMeter("x")
    threads = [threading.Thread(target=lambda: [meter.record(0.001) for _ in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.snapshot().items == 8000


def test_the_difference_of_two_histograms_is_what_came_between() -> None:
    meter = StageMeter("x")
    meter.record(1.0, items=100)
    before = meter.counts()
    meter.record(0.01, items=20)
    lately = [now - then for now, then in zip(meter.counts(), before, strict=True)]
    assert sum(lately) == 20
    assert percentile_ms(lately, 0.95) == pytest.approx(10, rel=0.05)
    assert percentile_ms([0] * 256, 0.95) == 0.0
