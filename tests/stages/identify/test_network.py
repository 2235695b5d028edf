from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import unit

from edge.stages.identify.network import Network, Unit

CAMERAS = ("a", "b", "c")
SLOPE = 12.0
OFFSETS = -SLOPE * np.array([[0.65, 0.45, 0.5], [0.45, 0.65, 0.4], [0.5, 0.4, 0.65]])

Rows = NDArray[np.float32]


class Crowd:
    """Units put, changed and dropped at random, beside their visits one by one."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.network = Network(CAMERAS, SLOPE)
        self.now: dict[Unit, tuple[Rows, list[str]]] = {}

    def step(self) -> None:
        if self.now and self.rng.random() < 0.25:
            unit_ = list(self.now)[int(self.rng.integers(len(self.now)))]
            del self.now[unit_]
            self.network.drop(unit_)
            return
        one = (
            ("person", int(self.rng.integers(30)))
            if self.rng.random() < 0.5
            else ("visit", int(self.rng.integers(60)))
        )
        count = int(self.rng.integers(0, 5))
        rows = unit(self.rng.standard_normal((count, 6)) + 0.6) if count else np.zeros((0, 0), np.float32)
        cameras = [str(camera) for camera in self.rng.choice(CAMERAS, count)]
        self.now[one] = rows, cameras
        self.network.put(one, rows, cameras)

    def log_odds(self, one: Unit, other: Unit) -> float:
        """The mean over all pairs of visits, by the definition."""
        (rows, cameras), (rows2, cameras2) = self.now[one], self.now[other]
        found = [
            SLOPE * float(a.astype(float) @ b.astype(float)) + OFFSETS[CAMERAS.index(x), CAMERAS.index(y)]
            for a, x in zip(rows, cameras, strict=True)
            for b, y in zip(rows2, cameras2, strict=True)
        ]
        return float(np.mean(found)) if found else -np.inf


@pytest.mark.parametrize("seed", range(6))
def test_links_are_between_those_alike_enough_on_the_mean_of_all_pairs(seed: int) -> None:
    crowd = Crowd(seed)
    for number in range(150):
        crowd.step()
        if number % 5:
            continue
        crowd.network.relink(OFFSETS, 0.5)
        assert set(crowd.network.units) == set(crowd.now)
        for one in crowd.now:
            expected = {other: crowd.log_odds(one, other) for other in crowd.now if other != one}
            row = crowd.network.alike(one)
            for other, value in expected.items():
                assert row[list(crowd.network.units).index(other)] == pytest.approx(value, abs=1e-3)
            clear = {other for other, value in expected.items() if abs(value - 0.5) > 1e-3}
            assert crowd.network.links(one) & clear == {o for o in clear if expected[o] > 0.5}


def test_the_mean_over_others_counts_visits() -> None:
    network = Network(CAMERAS, 1.0)
    network.put(("visit", 1), np.eye(4, dtype=np.float32)[:1], ["a"])
    network.put(("person", 2), np.eye(4, dtype=np.float32)[:1].repeat(3, axis=0), ["a"] * 3)
    network.put(("person", 3), np.eye(4, dtype=np.float32)[1:2], ["a"])
    network.put(("person", 4), np.zeros((0, 0), np.float32), [])
    network.relink(np.zeros((3, 3)), 0.5)
    alike = network.alike(("visit", 1))
    assert network.mean(alike, [("person", 2), ("person", 3), ("person", 4)]) == pytest.approx(0.75)
    assert network.mean(alike, [("person", 4)]) == -np.inf
    assert network.similarity(("visit", 1), [("person", 2), ("person", 3)]) == pytest.approx(0.75)
    assert network.links(("visit", 1)) == {("person", 2)}


def test_other_offsets_link_everybody_anew() -> None:
    network = Network(CAMERAS, 1.0)
    for number in range(3):
        network.put(("visit", number), np.eye(1, 4, dtype=np.float32), [CAMERAS[number]])
    network.relink(np.zeros((3, 3)), 0.5)
    assert network.links(("visit", 0)) == {("visit", 1), ("visit", 2)}
    offsets = np.zeros((3, 3))
    offsets[0, 1] = offsets[1, 0] = -1.0
    network.relink(offsets, 0.5)
    assert network.links(("visit", 0)) == {("visit", 2)}
    network.relink(offsets, -0.5)
    assert network.links(("visit", 0)) == {("visit", 1), ("visit", 2)}
