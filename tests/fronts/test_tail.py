from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from front_parts import FakeBuilder, FakeIdentifier

from edge.fronts.tail import Association
from edge.records import Decision, EmbeddedFrame, Frame, LiveIdentity, Settled, Tracks

START_NS = 1_700_000_000_000_000_000


class NotingBuilder(FakeBuilder):
    """Notes the times it is told of, and gives its one open tracklet away at the first."""

    def __init__(self, camera: str, left: list[Tracks]) -> None:
        super().__init__(camera)
        self.times_ns: list[int] = []
        self.left = left

    def advance(self, now_ns: int) -> list[Tracks]:
        self.times_ns.append(now_ns)
        left, self.left = self.left, []
        return left


class Nobody:
    """Takes what is decided, and does nothing with it."""

    wants_pictures = False

    def decide(self, decisions: Sequence[Decision]) -> None: ...

    def settle(self, settled: Settled) -> None: ...

    def show(self, frame: Frame, live: LiveIdentity) -> None: ...


def tracks(camera: str, number: int, time_s: float) -> Tracks:
    return Tracks(
        camera,
        number,
        START_NS + int(time_s * 1e9),
        (64, 48),
        np.array([1]),
        np.array([[1, 2, 11, 32]], np.float32),
        np.array([0.9], np.float32),
        np.zeros(1, np.float32),
    )


def test_what_a_silent_camera_left_open_is_closed_by_the_others_time() -> None:
    door = NotingBuilder("door", [tracks("door", 1, 0.0)])
    yard = NotingBuilder("yard", [])
    identifier = FakeIdentifier()
    association = Association({"door": door, "yard": yard}, identifier, Nobody(), frozenset())
    for number in range(1, 32):
        association.add(EmbeddedFrame(tracks("yard", number, number / 10), ()), None)
    assert ("door", 1) in identifier.seen
    assert yard.times_ns == []
    assert len(door.times_ns) == 4, "looked at once a second, not with every frame"
    assert door.times_ns == sorted(door.times_ns)
