from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from edge.flow import Channel, Closed, FairChannel, FullPolicy, Lane

PATIENCE_S = 10.0


def wait_until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to that"
        time.sleep(0.001)


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


def filled(channel: Channel[int]) -> Channel[int]:
    for number in range(channel.size):
        channel.put(number)
    return channel


def test_items_come_out_in_the_order_they_went_in() -> None:
    channel: Channel[int] = Channel("c", 3)
    for number in (1, 2, 3):
        channel.put(number)
    assert [channel.get(), channel.get(), channel.get()] == [1, 2, 3]


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="channel 'c': size must be 1 or more"):
        Channel("c", 0)
    with pytest.raises(ValueError, match="lane 'door'"):
        FairChannel[int]("c").lane("door", 0)


def test_put_waits_for_room_and_then_goes_on() -> None:
    channel = filled(Channel("c", 2))
    attempt = Attempt(lambda: channel.put(9))
    wait_until(lambda: channel._putters_waiting)
    assert channel.get() == 0
    assert attempt.end().error is None
    assert [channel.get(), channel.get()] == [1, 9]


def test_put_and_get_give_up_after_their_timeout_and_lose_nothing() -> None:
    channel = filled(Channel("c", 1))
    with pytest.raises(TimeoutError, match="'c': full"):
        channel.put(5, timeout_s=0.01)
    assert channel.get() == 0
    with pytest.raises(TimeoutError, match="'c': empty"):
        channel.get(timeout_s=0.01)
    assert channel.stats().puts == channel.stats().gets == 1


def test_drop_oldest_keeps_the_newest_and_counts_the_rest() -> None:
    channel: Channel[int] = Channel("c", 2, FullPolicy.DROP_OLDEST)
    for number in range(5):
        channel.put(number)
    assert [channel.get(), channel.get()] == [3, 4]
    stats = channel.stats()
    assert (stats.puts, stats.gets, stats.drops, stats.depth) == (5, 2, 3, 0)


def test_closing_the_producer_end_lets_the_consumer_drain() -> None:
    channel = filled(Channel("c", 2))
    channel.close_producer()
    channel.close_producer()
    assert list(channel) == [0, 1]
    with pytest.raises(Closed):
        channel.get()
    with pytest.raises(Closed, match="producer"):
        channel.put(1)


def test_closing_the_producer_end_wakes_a_waiting_consumer() -> None:
    channel: Channel[int] = Channel("c", 1)
    single, batch = Attempt(channel.get), Attempt(lambda: channel.get_batch(4, 60.0))
    wait_until(lambda: channel._getters_waiting == 2)
    channel.close_producer()
    assert isinstance(single.end().error, Closed)
    assert isinstance(batch.end().error, Closed)


def test_closing_the_consumer_end_wakes_a_waiting_producer() -> None:
    channel = filled(Channel("c", 1))
    attempt = Attempt(lambda: channel.put(9))
    wait_until(lambda: channel._putters_waiting)
    channel.close_consumer()
    assert isinstance(attempt.end().error, Closed)
    assert channel.stats().drops == 1
    with pytest.raises(Closed):
        channel.get()


@pytest.mark.parametrize("full", FullPolicy)
def test_put_after_the_consumer_end_is_closed_raises_closed(full: FullPolicy) -> None:
    channel: Channel[int] = Channel("c", 1, full)
    channel.close_consumer()
    with pytest.raises(Closed, match="consumer"):
        channel.put(1)


def test_failing_makes_both_ends_raise_that_very_error() -> None:
    full, empty = filled(Channel("full", 1)), Channel[int]("empty", 1)
    putter, getter = Attempt(lambda: full.put(9)), Attempt(empty.get)
    wait_until(lambda: full._putters_waiting and empty._getters_waiting)
    error = RuntimeError("lens fell off")
    for channel in (full, empty):
        channel.fail(error)
        channel.fail(KeyError("later"))
    assert putter.end().error is error
    assert getter.end().error is error
    for call in (full.get, lambda: full.put(1), lambda: full.get_batch(2, 0.0), lambda: list(full)):
        with pytest.raises(RuntimeError, match="lens fell off"):
            call()
    assert full.stats().drops == 1


def test_raising_an_error_often_does_not_lengthen_its_traceback() -> None:
    channel: Channel[int] = Channel("c", 1)
    error = RuntimeError("once")
    channel.fail(error)
    lengths = []
    for _ in range(5):
        with pytest.raises(RuntimeError):
            channel.get()
        traceback, length = error.__traceback__, 0
        while traceback:
            traceback, length = traceback.tb_next, length + 1
        lengths.append(length)
    assert len(set(lengths)) == 1


def test_a_batch_takes_what_is_there_without_waiting() -> None:
    channel = filled(Channel("c", 5))
    assert channel.get_batch(3, 0.0) == [0, 1, 2]
    assert channel.get_batch(3, 0.0) == [3, 4]


def test_a_batch_waits_for_its_first_item_and_then_for_more() -> None:
    channel: Channel[int] = Channel("c", 1)
    attempt = Attempt(lambda: channel.get_batch(3, PATIENCE_S))
    for number in range(3):
        channel.put(number)
    assert attempt.end().result == [0, 1, 2]


def test_a_batch_is_given_out_when_the_wait_is_over() -> None:
    channel = filled(Channel("c", 1))
    started_s = time.monotonic()
    assert channel.get_batch(3, 0.02) == [0]
    assert time.monotonic() - started_s >= 0.02


def test_a_batch_does_not_wait_for_a_producer_that_has_closed() -> None:
    channel = filled(Channel("c", 2))
    channel.close_producer()
    started_s = time.monotonic()
    assert channel.get_batch(8, 60.0) == [0, 1]
    assert time.monotonic() - started_s < 30


def test_nothing_is_lost_or_doubled_between_several_threads() -> None:
    channel: Channel[int] = Channel("c", 3)
    producers = [
        Attempt(lambda start=start: [channel.put(n) for n in range(start, start + 500)])
        for start in (0, 500, 1000)
    ]
    consumers = [Attempt(lambda: list(channel)) for _ in range(2)]
    for producer in producers:
        producer.end()
    channel.close_producer()
    taken = [n for consumer in consumers for n in consumer.end().result]  # type: ignore[attr-defined]
    assert sorted(taken) == list(range(1500))


def lanes(*sizes: int) -> tuple[FairChannel[str], list[Lane[str]]]:
    channel: FairChannel[str] = FairChannel("frames")
    return channel, [channel.lane(name, size) for name, size in zip("abc", sizes, strict=False)]


def test_a_fair_channel_takes_from_its_lanes_in_turn() -> None:
    channel, (a, b, c) = lanes(4, 4, 4)
    for item in ("a1", "a2", "a3", "a4"):
        a.put(item)
    for item in ("b1", "b2"):
        b.put(item)
    c.put("c1")
    assert channel.get() == "a1"
    assert channel.get_batch(4, 0.0) == ["b1", "c1", "a2", "b2"]
    assert channel.get_batch(4, 0.0) == ["a3", "a4"]


def test_two_lanes_of_one_name_are_refused() -> None:
    channel, _ = lanes(1)
    with pytest.raises(ValueError, match="already has a lane 'a'"):
        channel.lane("a", 1)


def test_a_live_lane_drops_its_oldest_while_a_file_lane_waits() -> None:
    channel: FairChannel[str] = FairChannel("frames")
    live = channel.lane("live", 1, FullPolicy.DROP_OLDEST)
    file = channel.lane("file", 1)
    for number in range(3):
        live.put(f"live{number}")
    file.put("file0")
    attempt = Attempt(lambda: file.put("file1"))
    wait_until(lambda: file._putters_waiting)
    assert [channel.get() for _ in range(3)] == ["live2", "file0", "file1"]
    assert attempt.end().error is None
    assert {stats.name: stats.drops for stats in channel.lane_stats()} == {"live": 2, "file": 0}
    stats = channel.stats()
    assert (stats.puts, stats.gets, stats.drops, stats.depth) == (5, 3, 2, 0)


def test_one_closed_lane_leaves_the_others_open() -> None:
    channel, (a, b) = lanes(2, 2)
    a.put("a1")
    a.close_producer()
    a.close_producer()
    with pytest.raises(Closed, match="lane 'a'"):
        a.put("a2")
    b.put("b1")
    assert channel.get_batch(2, 0.0) == ["a1", "b1"]
    attempt = Attempt(channel.get)
    wait_until(lambda: channel._getters_waiting)
    b.put("b2")
    assert attempt.end().result == "b2"


def test_the_consumer_ends_when_the_last_lane_is_closed_and_empty() -> None:
    channel, (a, b) = lanes(2, 2)
    a.put("a1")
    a.close_producer()
    b.close_producer()
    assert list(channel) == ["a1"]
    with pytest.raises(Closed):
        channel.get_batch(2, 1.0)


def test_closing_the_last_lane_wakes_a_waiting_consumer() -> None:
    channel, (a,) = lanes(1)
    attempt = Attempt(lambda: channel.get_batch(2, 60.0))
    wait_until(lambda: channel._getters_waiting)
    a.close_producer()
    assert isinstance(attempt.end().error, Closed)


def test_a_fair_channel_without_lanes_waits_for_one() -> None:
    channel, _ = lanes()
    with pytest.raises(TimeoutError):
        channel.get(timeout_s=0.01)
    channel.lane("late", 1).put("x")
    assert channel.get() == "x"


def test_closing_the_consumer_end_wakes_the_producers_of_all_lanes() -> None:
    channel, (a, b) = lanes(1, 1)
    a.put("a1")
    b.put("b1")
    attempts = [Attempt(lambda: a.put("a2")), Attempt(lambda: b.put("b2"))]
    wait_until(lambda: a._putters_waiting and b._putters_waiting)
    channel.close_consumer()
    for attempt in attempts:
        assert isinstance(attempt.end().error, Closed)
    assert (channel.drops, channel.depth) == (2, 0)
    with pytest.raises(Closed):
        channel.get()


def test_failing_one_lane_fails_every_end() -> None:
    channel, (a, b) = lanes(1, 1)
    b.put("b1")
    putter = Attempt(lambda: b.put("b2"))
    wait_until(lambda: b._putters_waiting)
    error = OSError("unplugged")
    a.fail(error)
    assert putter.end().error is error
    with pytest.raises(OSError, match="unplugged"):
        channel.get()
    with pytest.raises(OSError, match="unplugged"):
        a.put("a1")
    waiting = FairChannel[str]("other")
    getter = Attempt(waiting.get)
    wait_until(lambda: waiting._getters_waiting)
    waiting.fail(error)
    assert getter.end().error is error


def test_drop_oldest_lanes_never_queue_twice_for_one_turn() -> None:
    channel: FairChannel[int] = FairChannel("frames")
    a, b = (channel.lane(name, 1, FullPolicy.DROP_OLDEST) for name in "ab")
    for number in range(10):
        a.put(number)
    b.put(100)
    assert channel.get_batch(10, 0.0) == [9, 100]


def test_lanes_fed_by_threads_lose_nothing_and_keep_their_order() -> None:
    channel: FairChannel[tuple[str, int]] = FairChannel("frames")
    feeders = []
    for name in "abc":
        lane = channel.lane(name, 2)

        def feed(lane: Lane[tuple[str, int]] = lane, name: str = name) -> None:
            for number in range(300):
                lane.put((name, number))
            lane.close_producer()

        feeders.append(Attempt(feed))
    taken: list[tuple[str, int]] = []
    while True:
        try:
            taken += channel.get_batch(4, 0.005)
        except Closed:
            break
    for feeder in feeders:
        assert feeder.end().error is None
    for name in "abc":
        assert [number for lane_name, number in taken if lane_name == name] == list(range(300))
