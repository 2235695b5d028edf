"""A bounded channel between two threads, and how its two ends are closed."""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, TypeVar

__all__ = ["Channel", "ChannelStats", "Closed", "FullPolicy", "Inlet", "Outlet"]

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Closed(Exception):
    """The other end of a channel has gone, or this end was closed; nothing is wrong."""


class FullPolicy(enum.Enum):
    """What ``put`` does when a channel is full.

    WAIT: wait until there is room (back-pressure; nothing is lost).
    DROP_OLDEST: drop the oldest item, count it, and go on (a live camera cannot wait).
    """

    WAIT = "wait"
    DROP_OLDEST = "drop-oldest"


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """What a channel has done so far: ``puts == gets + drops + depth`` until it fails or is cut.

    depth: items in it now.
    drops: items put in that nobody will get: pushed out when full, or still inside when the
        consumer went away or the channel failed.
    """

    name: str
    size: int
    depth: int
    puts: int
    gets: int
    drops: int


class Inlet(Protocol[T_contra]):
    """The producer's end: what :class:`Channel` and :class:`edge.flow.Lane` have in common."""

    def put(self, item: T_contra, /) -> None:
        """Put one item in."""

    def close_producer(self) -> None:
        """Say that no more items will come."""

    def fail(self, error: BaseException, /) -> None:
        """Make both ends raise ``error``."""


class Outlet(Protocol[T]):
    """The consumer's end: what :class:`Channel` and :class:`edge.flow.FairChannel` have in common."""

    def get(self, timeout_s: float | None = None) -> T:
        """Take one item."""
        ...

    def get_batch(self, max_items: int, wait_s: float) -> list[T]:
        """Take 1 to ``max_items`` items."""
        ...

    def close_consumer(self) -> None:
        """Say that no more items are wanted."""

    def __iter__(self) -> Iterator[T]:
        """Take items until the producer has closed its end."""
        ...


class Channel(Generic[T]):
    """A bounded first-in first-out queue between threads.

    **Size.** At most ``size`` items wait inside. A small channel keeps latency and memory low and
    passes back-pressure on at once; a large one only hides jitter, it makes nothing faster. One or
    two items per producer are usually enough. What happens when it is full is ``full``: ``WAIT``
    makes ``put`` wait, ``DROP_OLDEST`` throws the oldest item away and counts it, so ``put`` never
    waits.

    **Shutdown.** Each end is closed by the one who uses it, and closing either end wakes everybody
    who waits at the other:

    * :meth:`close_producer`: no more items will come. The consumer still gets what is inside; then
      ``get`` raises :class:`Closed` and iteration ends.
    * :meth:`close_consumer`: nobody will take items any more. What is inside is dropped (and
      counted); ``put`` raises :class:`Closed`.
    * :meth:`fail`: something broke. What is inside is dropped; both ends raise that very error from
      now on. The first error wins.

    All three may be called from any thread, at any time, more than once. A thread that ends without
    closing its ends leaves its neighbours waiting: let :meth:`edge.flow.Workers.spawn` close them.

    Any number of threads may put and get; all putters share one producer end, so for several
    producers that end at different times use :class:`edge.flow.FairChannel`.

    Args:
        name: for messages and statistics.
        size: most items inside, 1 or more.
        full: what ``put`` does when it is full.
    """

    def __init__(self, name: str, size: int, full: FullPolicy = FullPolicy.WAIT) -> None:
        if size < 1:
            raise ValueError(f"channel '{name}': size must be 1 or more (got {size})")
        self.name = name
        self.size = size
        self.full = full
        self._drop_oldest = full is FullPolicy.DROP_OLDEST
        self._items: deque[T] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)
        self._getters_waiting = 0
        self._putters_waiting = 0
        self._puts = 0
        self._gets = 0
        self._drops = 0
        self._producer_closed = False
        self._consumer_closed = False
        self._error: BaseException | None = None
        self._error_traceback: TracebackType | None = None

    def put(self, item: T, timeout_s: float | None = None) -> None:
        """Put one item in.

        Args:
            item: the item.
            timeout_s: longest wait for room; None waits as long as it takes.

        Raises:
            Closed: one of the ends is closed.
            TimeoutError: no room within ``timeout_s``; the item was not put in.
            BaseException: the error given to :meth:`fail`.
        """
        with self._lock:
            self._check_put()
            if len(self._items) >= self.size:
                if self._drop_oldest:
                    self._items.popleft()
                    self._drops += 1
                else:
                    self._wait_for_room(timeout_s)
            self._items.append(item)
            self._puts += 1
            if self._getters_waiting:
                self._filled.notify()

    def get(self, timeout_s: float | None = None) -> T:
        """Take the oldest item.

        Args:
            timeout_s: longest wait; None waits as long as it takes.

        Raises:
            Closed: the producer's end is closed and nothing is left inside, or this end is closed.
            TimeoutError: nothing came within ``timeout_s``.
            BaseException: the error given to :meth:`fail`.
        """
        with self._lock:
            if not self._items:
                self._wait_for_item(timeout_s)
            self._gets += 1
            item = self._items.popleft()
            if self._putters_waiting:
                self._emptied.notify()
            return item

    def get_batch(self, max_items: int, wait_s: float) -> list[T]:
        """Take 1 to ``max_items`` items: wait for the first, then at most ``wait_s`` for more.

        Room is made as items are taken, so ``max_items`` may exceed the channel's size. Nothing is
        waited for once the producer's end is closed. An error that comes while more items are
        awaited is raised by the next call.

        Raises:
            Closed: as :meth:`get`.
            BaseException: the error given to :meth:`fail`.
        """
        batch: list[T] = []
        with self._lock:
            if not self._items:
                self._wait_for_item(None)
            deadline_s = 0.0
            while True:
                self._take_into(batch, max_items)
                if len(batch) >= max_items or wait_s <= 0 or self._at_end():
                    return batch
                now_s = time.monotonic()
                deadline_s = deadline_s or now_s + wait_s
                if now_s >= deadline_s:
                    return batch
                self._getters_waiting += 1
                try:
                    self._filled.wait(deadline_s - now_s)
                finally:
                    self._getters_waiting -= 1

    def close_producer(self) -> None:
        """Say that no more items will come; see the class."""
        with self._lock:
            self._producer_closed = True
            self._wake_all()

    def close_consumer(self) -> None:
        """Say that no more items are wanted; see the class."""
        with self._lock:
            self._consumer_closed = True
            self._discard()
            self._wake_all()

    def fail(self, error: BaseException) -> None:
        """Make both ends raise ``error`` from now on; see the class."""
        with self._lock:
            if self._error is None:
                self._error = error
                self._error_traceback = error.__traceback__
            self._discard()
            self._wake_all()

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

    def __iter__(self) -> Iterator[T]:
        """Take items until an end is closed; raises the error given to :meth:`fail`."""
        while True:
            try:
                item = self.get()
            except Closed:
                return
            yield item

    def __repr__(self) -> str:
        return f"<Channel '{self.name}' {len(self._items)}/{self.size}>"

    # Everything below is called with the lock held.

    def _check_put(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(self._error_traceback)
        if self._consumer_closed or self._producer_closed:
            end = "consumer" if self._consumer_closed else "producer"
            raise Closed(f"channel '{self.name}': the {end}'s end is closed")

    def _at_end(self) -> bool:
        return self._producer_closed or self._consumer_closed or self._error is not None

    def _wait_for_room(self, timeout_s: float | None) -> None:
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while len(self._items) >= self.size:
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise TimeoutError(f"channel '{self.name}': full for {timeout_s} s")
            self._putters_waiting += 1
            try:
                self._emptied.wait(left_s)
            finally:
                self._putters_waiting -= 1
            self._check_put()

    def _wait_for_item(self, timeout_s: float | None) -> None:
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            if self._error is not None:
                raise self._error.with_traceback(self._error_traceback)
            if self._items:
                return
            if self._producer_closed or self._consumer_closed:
                raise Closed(f"channel '{self.name}': closed and empty")
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise TimeoutError(f"channel '{self.name}': empty for {timeout_s} s")
            self._getters_waiting += 1
            try:
                self._filled.wait(left_s)
            finally:
                self._getters_waiting -= 1

    def _take_into(self, batch: list[T], max_items: int) -> None:
        count = min(max_items - len(batch), len(self._items))
        for _ in range(count):
            batch.append(self._items.popleft())
        self._gets += count
        if count and self._putters_waiting:
            self._emptied.notify(count)

    def _discard(self) -> None:
        self._drops += len(self._items)
        self._items.clear()

    def _wake_all(self) -> None:
        self._filled.notify_all()
        self._emptied.notify_all()
