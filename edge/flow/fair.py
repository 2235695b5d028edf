"""Several producers, one consumer, and nobody is starved: a channel made of lanes."""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

from edge.flow.channel import ChannelStats, Closed, FullPolicy

__all__ = ["FairChannel", "Lane"]

T = TypeVar("T")


class Lane(Generic[T]):
    """One producer's bounded queue into a :class:`FairChannel`; made by :meth:`FairChannel.lane`.

    It is the producer's end (``put``, ``close_producer``, ``fail``) with a size and a full-policy of
    its own, so a live camera may drop its own oldest frame while a file beside it waits. Items of
    one lane stay in order.
    """

    def __init__(
        self, channel: FairChannel[T], name: str, size: int, full: FullPolicy, rank: int | None
    ) -> None:
        self.name = name
        self.size = size
        self.full = full
        self._rank = rank  # among the lanes that are merged in order; None for a lane that is not
        self._channel = channel
        self._lock = channel._lock
        self._emptied = threading.Condition(self._lock)
        self._putters_waiting = 0
        self._items: deque[T] = deque()
        self._closed = False
        self._puts = 0
        self._gets = 0
        self._drops = 0

    def put(self, item: T, timeout_s: float | None = None) -> None:
        """Put one item in.

        Args:
            item: the item.
            timeout_s: longest wait for room; None waits as long as it takes.

        Raises:
            Closed: this lane or the consumer's end is closed.
            TimeoutError: no room within ``timeout_s``; the item was not put in.
            BaseException: the error given to ``fail``.
        """
        with self._lock:
            self._check_put()
            if len(self._items) >= self.size:
                if self.full is FullPolicy.DROP_OLDEST:
                    self._items.popleft()
                    self._drops += 1
                else:
                    self._wait_for_room(timeout_s)
            self._items.append(item)
            self._puts += 1
            self._channel._announce(self)

    def close_producer(self) -> None:
        """Say that no more items will come on this lane; what is inside is still taken."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._emptied.notify_all()
                self._channel._lane_closed(self)

    def fail(self, error: BaseException) -> None:
        """Fail the whole channel; see :meth:`FairChannel.fail`."""
        self._channel.fail(error)

    @property
    def depth(self) -> int:
        """Items inside now."""
        return len(self._items)

    @property
    def drops(self) -> int:
        """Items that were put in and that nobody will get."""
        return self._drops

    def stats(self) -> ChannelStats:
        """Return the counters at one instant."""
        with self._lock:
            return ChannelStats(self.name, self.size, len(self._items), self._puts, self._gets, self._drops)

    def __repr__(self) -> str:
        return f"<Lane '{self.name}' {len(self._items)}/{self.size}>"

    def _check_put(self) -> None:
        self._channel._raise_error()
        if self._closed or self._channel._consumer_closed:
            end = "producer" if self._closed else "consumer"
            raise Closed(f"lane '{self.name}' of '{self._channel.name}': the {end}'s end is closed")

    def _wait_for_room(self, timeout_s: float | None) -> None:
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while len(self._items) >= self.size:
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise TimeoutError(f"lane '{self.name}': full for {timeout_s} s")
            self._putters_waiting += 1
            try:
                self._emptied.wait(left_s)
            finally:
                self._putters_waiting -= 1
            self._check_put()

    def _take(self) -> T:
        self._gets += 1
        item = self._items.popleft()
        if self._putters_waiting:
            self._emptied.notify()
        return item

    def _discard(self) -> None:
        self._drops += len(self._items)
        self._items.clear()
        self._emptied.notify_all()


class FairChannel(Generic[T]):
    """Bounded lanes into one consumer, who takes from them in turn.

    **Size.** Each lane has its own size and full-policy; the channel holds at most their sum. A
    producer that is quicker than the others fills only its own lane: of the lanes that have
    something, each gives one item before any gives a second.

    **Order.** With ``order``, all ``WAIT`` lanes together are one sequence: of their oldest items the
    one with the smallest ``order`` is taken, and only when each of them that is still open has an item, so
    what comes out does not depend on which producer happens to be quicker. (Equal ones: the lane that was
    added first.) Within a lane nothing is reordered. Lanes that drop are not part of it and never hold it
    up; they and the sequence take turns.

    **Shutdown.** As in :class:`edge.flow.Channel`, with a producer's end per lane:

    * ``lane.close_producer()`` ends one lane; the others go on. When every lane is closed and empty,
      ``get`` raises :class:`Closed` and iteration ends. Before the first lane exists ``get`` waits.
    * :meth:`close_consumer` drops what is inside and makes ``put`` on every lane raise
      :class:`Closed`.
    * :meth:`fail` (or ``lane.fail``) drops what is inside and makes every end raise that error.

    Args:
        name: for messages and statistics.
        order: what ``WAIT`` lanes are merged by, e.g. the time of an item; None merges nothing.
    """

    def __init__(self, name: str, order: Callable[[T], float] | None = None) -> None:
        self.name = name
        self._order = order
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._getters_waiting = 0
        self._lanes: dict[str, Lane[T]] = {}
        self._open_lanes = 0
        self._ready: deque[Lane[T] | None] = deque()  # None: the turn of the merged lanes
        self._merged: list[Lane[T]] = []
        self._heads: list[tuple[float, int]] = []  # heap of (order, rank) of the merged lanes' oldest items
        self._holding_up = 0  # merged lanes that are open and empty
        self._consumer_closed = False
        self._error: BaseException | None = None
        self._error_traceback: TracebackType | None = None

    def lane(self, name: str, size: int, full: FullPolicy = FullPolicy.WAIT) -> Lane[T]:
        """Add a lane. Add all of them before the consumer starts, or at least before the last closes.

        Args:
            name: unique in this channel, e.g. the camera's name.
            size: most items inside, 1 or more.
            full: what ``put`` does when the lane is full.

        Raises:
            ValueError: the name is taken, or ``size`` is below 1.
        """
        if size < 1:
            raise ValueError(f"lane '{name}' of '{self.name}': size must be 1 or more (got {size})")
        with self._lock:
            if name in self._lanes:
                raise ValueError(f"channel '{self.name}' already has a lane '{name}'")
            merged = self._order is not None and full is FullPolicy.WAIT
            lane = Lane(self, name, size, full, len(self._merged) if merged else None)
            self._lanes[name] = lane
            self._open_lanes += 1
            if merged:
                self._merged.append(lane)
                self._hold_up(1)
            return lane

    def get(self, timeout_s: float | None = None) -> T:
        """Take the oldest item of the lane whose turn it is.

        Args:
            timeout_s: longest wait; None waits as long as it takes.

        Raises:
            Closed: all lanes are closed and empty, or this end is closed.
            TimeoutError: nothing came within ``timeout_s``.
            BaseException: the error given to :meth:`fail`.
        """
        with self._lock:
            self._wait_for_item(timeout_s)
            return self._take()

    def get_batch(self, max_items: int, wait_s: float) -> list[T]:
        """Take 1 to ``max_items`` items: wait for the first, then at most ``wait_s`` for more.

        The items come from the lanes in turn, so four cameras with one frame each make one batch of
        four. Nothing is waited for once all lanes are closed.

        Raises:
            Closed: as :meth:`get`.
            BaseException: the error given to :meth:`fail`.
        """
        batch: list[T] = []
        with self._lock:
            self._wait_for_item(None)
            deadline_s = 0.0
            while True:
                while self._ready and len(batch) < max_items:
                    batch.append(self._take())
                if len(batch) >= max_items or wait_s <= 0 or self._at_end():
                    return batch
                now_s = time.monotonic()
                deadline_s = deadline_s or now_s + wait_s
                if now_s >= deadline_s:
                    return batch
                self._wait(deadline_s - now_s)

    def close_consumer(self) -> None:
        """Say that no more items are wanted; see the class."""
        with self._lock:
            self._consumer_closed = True
            self._discard()

    def fail(self, error: BaseException) -> None:
        """Make every end raise ``error`` from now on; the first error wins. See the class."""
        with self._lock:
            if self._error is None:
                self._error = error
                self._error_traceback = error.__traceback__
            self._discard()

    @property
    def depth(self) -> int:
        """Items inside now, all lanes together."""
        with self._lock:
            return sum(len(lane._items) for lane in self._lanes.values())

    @property
    def drops(self) -> int:
        """Items that were put in and that nobody will get, all lanes together."""
        with self._lock:
            return sum(lane._drops for lane in self._lanes.values())

    def stats(self) -> ChannelStats:
        """Return the sums over all lanes at one instant."""
        with self._lock:
            lanes = list(self._lanes.values())
            return ChannelStats(
                name=self.name,
                size=sum(lane.size for lane in lanes),
                depth=sum(len(lane._items) for lane in lanes),
                puts=sum(lane._puts for lane in lanes),
                gets=sum(lane._gets for lane in lanes),
                drops=sum(lane._drops for lane in lanes),
            )

    def lane_stats(self) -> tuple[ChannelStats, ...]:
        """Return the counters of each lane, in the order they were added."""
        with self._lock:
            lanes = tuple(self._lanes.values())
        return tuple(lane.stats() for lane in lanes)

    def __iter__(self) -> Iterator[T]:
        """Take items until all lanes are closed; raises the error given to :meth:`fail`."""
        while True:
            try:
                item = self.get()
            except Closed:
                return
            yield item

    def __repr__(self) -> str:
        return f"<FairChannel '{self.name}' of {len(self._lanes)} lanes>"

    # Everything below is called with the lock held.

    def _announce(self, lane: Lane[T]) -> None:
        """Queue a lane that has just got an item for its turn, unless it queues already."""
        if len(lane._items) == 1:
            if lane._rank is not None:
                self._push_head(lane)
                self._hold_up(-1)
            elif lane not in self._ready:
                self._ready.append(lane)
        if self._getters_waiting and self._ready:
            self._filled.notify()

    def _lane_closed(self, lane: Lane[T]) -> None:
        self._open_lanes -= 1
        if lane._rank is not None and not lane._items:
            self._hold_up(-1)
        if self._open_lanes == 0 or self._ready:
            self._filled.notify_all()

    def _push_head(self, lane: Lane[T]) -> None:
        if self._order is not None and lane._rank is not None:
            heapq.heappush(self._heads, (self._order(lane._items[0]), lane._rank))

    def _hold_up(self, change: int) -> None:
        """Count how many lanes hold the merged ones up, and queue or withdraw their turn accordingly."""
        self._holding_up += change
        queued = None in self._ready
        may_go = bool(self._heads) and self._holding_up == 0
        if may_go and not queued:
            self._ready.append(None)
        elif queued and not may_go:
            self._ready.remove(None)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(self._error_traceback)

    def _at_end(self) -> bool:
        all_closed = bool(self._lanes) and self._open_lanes == 0
        return all_closed or self._consumer_closed or self._error is not None

    def _wait(self, timeout_s: float | None) -> None:
        self._getters_waiting += 1
        try:
            self._filled.wait(timeout_s)
        finally:
            self._getters_waiting -= 1

    def _wait_for_item(self, timeout_s: float | None) -> None:
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._raise_error()
            if self._ready:
                return
            if self._at_end():
                raise Closed(f"channel '{self.name}': closed and empty")
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise TimeoutError(f"channel '{self.name}': empty for {timeout_s} s")
            self._wait(left_s)

    def _take(self) -> T:
        turn = self._ready.popleft()
        lane = turn if turn is not None else self._merged[heapq.heappop(self._heads)[1]]
        item = lane._take()
        if turn is not None:
            if lane._items:
                self._ready.append(lane)
            return item
        if lane._items:
            self._push_head(lane)
        self._hold_up(0 if lane._items or lane._closed else 1)
        return item

    def _discard(self) -> None:
        self._ready.clear()
        self._heads.clear()
        for lane in self._lanes.values():
            lane._discard()
        self._filled.notify_all()
