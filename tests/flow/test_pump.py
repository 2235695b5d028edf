from __future__ import annotations

import pytest

from edge.flow import Channel, Closed, StageMeter, pump, pump_batches


def full_of(*items: int) -> Channel[int]:
    channel: Channel[int] = Channel("source", max(1, len(items)))
    for item in items:
        channel.put(item)
    channel.close_producer()
    return channel


def test_pump_passes_on_zero_or_more_results_and_what_the_stage_still_holds() -> None:
    target: Channel[int] = Channel("target", 10)
    meter = StageMeter("stage")
    pump(full_of(0, 1, 2), lambda item: [item] * item, target, meter, finish=lambda: [99])
    target.close_producer()
    assert list(target) == [1, 2, 2, 99]
    assert meter.snapshot().items == 3


def test_pump_batches_gives_the_stage_lists() -> None:
    seen: list[list[int]] = []
    meter = StageMeter("stage")

    def work(batch: list[int]) -> list[int]:
        seen.append(batch)
        return []

    pump_batches(full_of(1, 2, 3), work, None, meter, max_items=2, wait_s=1.0, finish=list)
    assert seen == [[1, 2], [3]]
    assert meter.snapshot().items == 3


def test_a_consumer_that_has_gone_ends_the_pump() -> None:
    target: Channel[int] = Channel("target", 1)
    target.close_consumer()
    with pytest.raises(Closed):
        pump(full_of(1), lambda item: [item], target, StageMeter("stage"))


def test_an_error_of_the_stage_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        pump(full_of(0), lambda item: [1 // item], None, StageMeter("stage"))


def test_a_stage_that_raises_closed_itself_is_not_mistaken_for_the_end_of_its_source() -> None:
    def work(item: int) -> list[int]:
        raise Closed("downstream")

    with pytest.raises(Closed, match="downstream"):
        pump(full_of(1), work, None, StageMeter("stage"))
