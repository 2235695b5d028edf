from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

from edge.records.identity import Settled
from edge.stages.sink.timeline import Interval, Timeline, draw_lanes, pack

MakeSettled = Callable[..., Settled]


def lengths(timeline: Timeline, camera: str = "door") -> list[tuple[int, float]]:
    return [(one.identity, round((one.end_ns - one.start_ns) / 1e9, 3)) for one in timeline.of(camera)]


def test_boxes_close_in_time_are_one_interval(make_settled: MakeSettled) -> None:
    timeline = Timeline(gap_s=1.0)
    spans = timeline.settle(make_settled([(1, 1), (2, 1), (2, 2), (12, 1)]))
    timeline.settle(make_settled([(23, 1)]))
    assert lengths(timeline) == [(1, 1.1), (2, 0.0), (1, 0.0)]
    assert [(identity, (last - first) // 10**8) for identity, first, last in spans] == [(1, 11), (2, 0)]


def test_a_merge_joins_intervals_of_both(make_settled: MakeSettled) -> None:
    timeline = Timeline(gap_s=1.0)
    timeline.settle(make_settled([(1, 1), (5, 2), (50, 2)]))
    timeline.merge(2, 1)
    timeline.merge(1, 1)
    assert lengths(timeline) == [(1, 0.4), (1, 0.0)]


def test_too_many_intervals_melt_into_coarser_ones(make_settled: MakeSettled) -> None:
    timeline = Timeline(gap_s=1.0, most=10)
    timeline.settle(make_settled([(frame * 20, 1) for frame in range(100)]))
    assert timeline.coarser
    assert len(timeline.of("door")) <= 10
    assert sum(length for _, length in lengths(timeline)) > 150
    assert timeline.forgotten == 0


def test_when_melting_does_not_help_the_oldest_go(make_settled: MakeSettled) -> None:
    timeline = Timeline(gap_s=1.0, most=10)
    timeline.settle(make_settled([(frame, frame) for frame in range(1, 31)]))
    kept = [one.identity for one in timeline.of("door")]
    assert len(kept) <= 10
    assert kept[-1] == 30
    assert timeline.forgotten + len(kept) == 30


def test_packing_uses_a_new_row_only_for_those_who_overlap() -> None:
    first, second, third = Interval(1, 0, 10), Interval(2, 5, 20), Interval(3, 11, 30)
    assert pack([first, second, third]) == [[first, third], [second]]
    assert pack([first, third], room_ns=5) == [[first], [third]]


def test_the_drawing_is_well_formed_and_links_to_people_but_not_to_the_unknown() -> None:
    intervals = [Interval(4, 0, 10**10), Interval(0, 5 * 10**9, 2 * 10**10)]
    svg = ElementTree.fromstring(draw_lanes(intervals, (0, 2 * 10**10), 'camera "<a&b>"'))
    assert svg.get("aria-label") == 'camera "<a&b>"'
    assert [link.get("href") for link in svg.iter("a")] == ["#id-4"]
    titles = [title.text for title in svg.iter("title")]
    assert titles == ["id 4: 00:00:00 to 00:00:10 (10.0 s)", "unknown: 00:00:05 to 00:00:20 (15.0 s)"]


def test_a_moment_and_a_crowd_can_be_drawn() -> None:
    assert "<svg" in draw_lanes([Interval(1, 5, 5)], (5, 5), "moment")
    crowd = [Interval(number, 0, 10**9) for number in range(1, 61)]
    assert "20 more intervals did not fit in 40 rows" in draw_lanes(crowd, (0, 10**9), "crowd")
