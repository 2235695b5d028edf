"""Lanes that are merged in order; lanes as such are tested with the channels."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from edge.flow import Closed, FairChannel, FullPolicy, Lane

PATIENCE_S = 10.0


class Attempt:
    """A call made in a thread of its own, and what came of it."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.result: object = None
        self.error: BaseException | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:  # noqa: BLE001 - the thread's outermost edge
            self.error = error

    def end(self) -> Attempt:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "it hangs"
        return self


def merged(*names: str, size: int = 4) -> tuple[FairChannel[float], list[Lane[float]]]:
    channel: FairChannel[float] = FairChannel("frames", order=lambda item: item)
    return channel, [channel.lane(name, size) for name in names]


def fill(lane: Lane[float], *items: float, close: bool = False) -> None:
    for item in items:
        lane.put(item)
    if close:
        lane.close_producer()


def test_the_earliest_item_of_all_waiting_lanes_comes_first() -> None:
    channel, (a, b) = merged("a", "b")
    fill(a, 1, 4, 5, close=True)
    fill(b, 2, 3, 6, close=True)
    assert list(channel) == [1, 2, 3, 4, 5, 6]


def test_equal_items_come_in_the_order_of_their_lanes() -> None:
    channel: FairChannel[tuple[int, str]] = FairChannel("frames", order=lambda item: item[0])
    lanes = [channel.lane(name, 2) for name in "abc"]
    for lane in reversed(lanes):
        lane.put((1, lane.name))
        lane.put((2, lane.name))
        lane.close_producer()
    assert [name for _, name in channel] == list("abcabc")


def test_nothing_comes_out_while_an_open_lane_is_empty() -> None:
    channel, (a, b) = merged("a", "b")
    fill(a, 1, 2)
    with pytest.raises(TimeoutError):
        channel.get(timeout_s=0.01)
    b.put(1.5)
    assert channel.get_batch(8, 0.0) == [1, 1.5]  # then b is empty again
    with pytest.raises(TimeoutError):
        channel.get(timeout_s=0.01)


def test_a_lane_that_closes_holds_nobody_up_any_more() -> None:
    channel, (a, b) = merged("a", "b")
    fill(a, 1, 2)
    attempt = Attempt(lambda: [channel.get(), channel.get()])
    b.close_producer()
    assert attempt.end().result == [1, 2]
    a.close_producer()
    with pytest.raises(Closed):
        channel.get()


def test_a_full_lane_waits_until_the_slower_one_has_caught_up() -> None:
    channel, (a, b) = merged("a", "b", size=1)
    a.put(1)
    attempt = Attempt(lambda: a.put(3))
    b.put(2)
    assert channel.get() == 1
    attempt.end()
    assert channel.get() == 2
    b.close_producer()
    assert channel.get() == 3


def test_items_of_one_lane_are_never_reordered() -> None:
    channel, (a, b) = merged("a", "b")
    fill(a, 5, 1, close=True)
    fill(b, 2, close=True)
    assert list(channel) == [2, 5, 1]


def test_a_lane_that_drops_is_not_held_up_by_the_merged_ones() -> None:
    channel, (a, b) = merged("a", "b")
    live = channel.lane("live", 2, FullPolicy.DROP_OLDEST)
    a.put(1)  # b has nothing, so a waits
    fill(live, 100, 101, 102)
    assert [channel.get(), channel.get()] == [101, 102]
    assert live.drops == 1
    b.close_producer()
    assert channel.get() == 1


def test_the_merged_lanes_and_a_lane_that_drops_take_turns() -> None:
    channel, (a, b) = merged("a", "b")
    live = channel.lane("live", 3, FullPolicy.DROP_OLDEST)
    fill(live, 100, 101, 102, close=True)
    fill(a, 1, 3, close=True)
    fill(b, 2, close=True)
    assert list(channel) == [100, 1, 101, 2, 102, 3]


def test_a_lane_added_late_is_waited_for_too() -> None:
    channel, (a,) = merged("a")
    fill(a, 1, 2)
    late = channel.lane("late", 1)
    with pytest.raises(TimeoutError):
        channel.get(timeout_s=0.01)
    late.put(0.5)
    assert channel.get() == 0.5


def test_closing_the_consumer_end_frees_a_producer_whose_lane_is_held_up() -> None:
    channel, (a, _) = merged("a", "b", size=1)
    a.put(1)
    attempt = Attempt(lambda: a.put(2))
    channel.close_consumer()
    assert isinstance(attempt.end().error, Closed)
    a.close_producer()
    with pytest.raises(Closed):
        channel.get()


def test_an_error_wakes_a_consumer_that_waits_for_the_slowest_lane() -> None:
    channel, (a, b) = merged("a", "b")
    a.put(1)
    attempt = Attempt(channel.get)
    b.fail(ValueError("broken"))
    assert isinstance(attempt.end().error, ValueError)


def test_what_comes_out_does_not_depend_on_who_is_quicker() -> None:
    results = []
    for seed in range(4):
        channel, lanes = merged("a", "b", "c", size=2)
        chance = random.Random(seed)

        def produce(lane: Lane[float], step: float, pauses: random.Random) -> None:
            for index in range(200):
                if pauses.random() < 0.05:
                    threading.Event().wait(0.0005)
                lane.put(index * step)
            lane.close_producer()

        threads = [
            threading.Thread(target=produce, args=(lane, step, random.Random(chance.random())), daemon=True)
            for lane, step in zip(lanes, (1.0, 2.5, 0.7), strict=True)
        ]
        for thread in threads:
            thread.start()
        found: list[float] = []
        attempt = Attempt(lambda channel=channel, found=found: found.extend(channel))
        assert attempt.end().error is None
        assert found == sorted(found)
        results.append(found)
    assert all(result == results[0] for result in results)
    assert len(results[0]) == 600
