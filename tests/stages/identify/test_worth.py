from __future__ import annotations

import math
from dataclasses import replace

import pytest
from synthetic_people import tracklet_of

from edge.stages.identify.strand import Strand
from edge.stages.identify.worth import Facts, doubt_of, view_of, worth

BASE = Facts(quality=0.8, doubt=0.3, views=2, cameras=2)


def test_views_are_worth_more_of_who_is_in_doubt_well_seen_and_seen_from_few_sides() -> None:
    for better in (
        replace(BASE, doubt=0.6),
        replace(BASE, quality=0.9),
        replace(BASE, views=1),
        replace(BASE, cameras=1),
    ):
        assert worth(better) > worth(BASE)
    assert worth(replace(BASE, views=4)) == worth(BASE) / 2
    assert worth(Facts(1.0, 1.0, 1, 1)) == 2.25


def test_who_is_surely_known_from_all_sides_is_not_worth_asking_for() -> None:
    assert worth(Facts(0.8, 0.02, 4, 3)) < 0.2 < worth(Facts(0.6, 0.1, 1, 1))


@pytest.mark.parametrize(
    ("probability", "similarity", "runner_up", "doubt"),
    [
        (0.9, math.nan, math.nan, 0.1),
        (0.9, 0.9, 0.2, 0.1),  # far behind
        (0.9, 0.8, 0.74, 0.8),  # close
        (0.9, 0.7, 0.75, 1.0),  # another one is more similar
        (0.0, math.nan, 0.5, 1.0),
    ],
)
def test_doubt_comes_from_the_probability_or_from_a_close_runner_up(
    probability: float, similarity: float, runner_up: float, doubt: float
) -> None:
    assert doubt_of(probability, similarity, runner_up) == pytest.approx(doubt)


@pytest.mark.parametrize(
    ("end", "view"),
    [
        ((500.0, 240.0), "right"),
        ((20.0, 260.0), "left"),
        ((110.0, 440.0), "front"),
        ((90.0, 100.0), "back"),
        ((104.0, 242.0), "still"),
    ],
)
def test_the_side_is_told_by_where_somebody_goes_in_the_picture(end: tuple[float, float], view: str) -> None:
    walk = tracklet_of(1, 0.0, 4.0, begin=(100.0, 240.0), end=end)
    assert view_of(Strand.begin(1, walk)) == view
