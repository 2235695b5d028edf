from __future__ import annotations

import pytest
from quick_painter import make_job

from edge.ipg.jobs import JobQueue


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


def queue_of(size: int = 3, half_s: float = 60.0) -> tuple[JobQueue, Hands]:
    clock = Hands()
    return JobQueue(size, half_s, clock), clock


def who(queue: JobQueue, most: int = 10) -> list[int]:
    return [ticket.job.identity for ticket in queue.take(most)]


def test_the_most_valuable_come_first_and_of_equals_the_first() -> None:
    queue, _ = queue_of(size=5)
    for identity, value in ((1, 0.5), (2, 2.0), (3, 0.5), (4, 1.0)):
        assert queue.put(make_job(identity, value))
    assert who(queue, 2) == [2, 4]
    assert who(queue) == [1, 3]
    assert who(queue) == []


def test_a_full_queue_drops_the_least_valuable_even_if_it_is_the_new_one() -> None:
    queue, _ = queue_of(size=2)
    assert queue.put(make_job(1, 1.0))
    assert queue.put(make_job(2, 2.0))
    assert not queue.put(make_job(3, 0.5))
    assert queue.put(make_job(4, 3.0))
    assert who(queue) == [4, 2]
    assert queue.counts().dropped == 2


def test_waiting_halves_the_value() -> None:
    queue, clock = queue_of(half_s=60.0)
    queue.put(make_job(1, 1.0))
    clock.at_s += 61.0
    queue.put(make_job(2, 0.51))
    assert who(queue, 1) == [2]


def test_a_newer_job_of_the_same_person_replaces_the_older() -> None:
    queue, clock = queue_of()
    queue.put(make_job(1, 1.0))
    clock.at_s += 10.0
    queue.put(make_job(1, 1.5, quality=0.9))
    counts = queue.counts()
    assert (counts.depth, counts.replaced, counts.asked, counts.oldest_s) == (1, 1, 2, 0.0)
    (ticket,) = queue.take(5)
    assert ticket.job.reference.quality == 0.9


def test_after_a_failure_each_job_is_tried_alone_and_after_two_it_is_set_aside() -> None:
    queue, _ = queue_of(size=5)
    for identity in (1, 2, 3):
        queue.put(make_job(identity))
    batch = queue.take(3)
    assert queue.give_back(batch, "it died") == []
    alone = queue.take(3)
    assert [one.job.identity for one in alone] == [1]
    (aside,) = queue.give_back(alone, "it died again")
    assert (aside.identity, aside.reason, queue.set_aside) == (1, "it died again", 1)
    assert [who(queue, 3), who(queue, 3)] == [[2], [3]]
    assert not queue.put(make_job(1)), "the same crop is not tried again"
    assert queue.put(make_job(1, camera="another crop"))


def test_a_job_that_nobody_is_to_blame_for_gets_no_strike() -> None:
    queue, _ = queue_of()
    queue.put(make_job(1))
    for _ in range(5):
        tickets = queue.take(1)
        assert queue.give_back(tickets) == []
    assert who(queue) == [1]


def test_what_comes_back_makes_way_for_a_newer_job_of_the_same_person() -> None:
    queue, _ = queue_of()
    queue.put(make_job(1))
    old = queue.take(1)
    queue.put(make_job(1, quality=0.95))
    queue.give_back(old, "it died")
    (ticket,) = queue.take(5)
    assert ticket.job.reference.quality == 0.95


def test_a_job_goes_with_its_person_to_another_number() -> None:
    queue, _ = queue_of()
    queue.put(make_job(5))
    queue.rename(5, 2)
    assert who(queue) == [2]
    queue.put(make_job(5))
    queue.put(make_job(2))
    queue.rename(5, 2)
    assert who(queue) == [2]


def test_the_age_is_that_of_the_oldest() -> None:
    queue, clock = queue_of()
    assert queue.counts().oldest_s == 0.0
    queue.put(make_job(1))
    clock.at_s += 5.0
    queue.put(make_job(2))
    clock.at_s += 2.0
    assert queue.counts().oldest_s == pytest.approx(7.0)
