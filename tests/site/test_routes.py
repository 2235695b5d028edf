"""Routes: a graph that knows the shortest way."""

from __future__ import annotations

from edge.site.routes import Gap, Network, Routes

LINE = Routes(
    points_m={"a": (0.0, 0.0), "b": (4.0, 0.0), "c": (8.0, 0.0), "d": (4.0, 6.0), "far": (90.0, 0.0)},
    ways=(("a", "b"), ("b", "c"), ("b", "d")),
    zones=(("b",), ("d",)),
    gaps=(Gap("a", "c", 5.0, 0.5), Gap("c", "a", 5.0, 0.5)),
)


def test_the_shortest_way_is_found_and_a_missing_one_too() -> None:
    assert LINE.shortest("a", "d") == ["b", "d"]
    assert LINE.shortest("a", "a") == []
    assert LINE.shortest("a", "far") == []
    assert LINE.within_reach("a") == {"a", "b", "c", "d"}
    assert LINE.portals == ("a", "c")


def test_of_two_ways_the_shorter_one_is_taken() -> None:
    points = {"a": (0.0, 0.0), "high": (2.0, 5.0), "low": (2.0, -1.0), "b": (4.0, 0.0)}
    ways = (("a", "high"), ("high", "b"), ("a", "low"), ("low", "b"))
    assert Routes(points, ways, (("b",),), (Gap("a", "a", 1.0, 0.1),)).shortest("a", "b") == ["low", "b"]


def test_a_network_remembers_and_says_the_same() -> None:
    network = Network(LINE)
    for _ in range(2):
        assert network.shortest("c", "d") == LINE.shortest("c", "d") == ["b", "d"]
        assert network.within_reach("d") == LINE.within_reach("d")
