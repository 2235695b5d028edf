from __future__ import annotations

import numpy as np
import pytest

from edge.evaluate.detection import PictureBoxes, score_detections

ONE, TWO, THREE = (0, 0, 10, 20), (50, 0, 60, 20), (100, 0, 110, 20)


def picture(
    true: list[tuple[int, ...]], found: list[tuple[tuple[int, ...], float]], ignored: tuple[int, ...] = ()
) -> PictureBoxes:
    flags = np.zeros(len(true), dtype=bool)
    flags[list(ignored)] = True
    boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score in found], np.float32)
    return PictureBoxes(np.array(true, np.float32).reshape(-1, 4), flags, boxes, scores)


def test_everybody_found_and_nobody_else_is_one() -> None:
    score = score_detections([picture([ONE, TWO], [(ONE, 0.9), (TWO, 0.8)]), picture([], [])])
    assert (score.ap, score.f1, score.precision, score.recall, score.people) == (1.0, 1.0, 1.0, 1.0, 2)


def test_a_false_box_costs_what_lies_behind_it() -> None:
    # right, wrong, right: precision 1 up to half of the recall, then 2/3
    score = score_detections([picture([ONE, TWO], [(ONE, 0.9), (THREE, 0.8), (TWO, 0.7)])])
    assert score.ap == pytest.approx(0.5 * 1.0 + 0.5 * 2 / 3)
    assert (score.f1, score.score_min) == (pytest.approx(0.8), pytest.approx(0.7))


def test_a_second_box_on_the_same_person_is_false() -> None:
    score = score_detections([picture([ONE], [(ONE, 0.9), (ONE, 0.8)])])
    assert score.ap == 1.0
    two = score_detections([picture([ONE, TWO], [(ONE, 0.9), (ONE, 0.8), (TWO, 0.7)])])
    assert two.ap == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_a_box_that_overlaps_by_less_than_asked_finds_nobody() -> None:
    off = (0, 8, 10, 28)  # 12 of 28
    assert score_detections([picture([ONE], [(off, 0.9)])]).ap == 0.0
    assert score_detections([picture([ONE], [(off, 0.9)])], iou_min=0.4).ap == 1.0


def test_who_is_ignored_may_be_found_or_not() -> None:
    for found in ([(ONE, 0.9)], [(ONE, 0.9), (TWO, 0.95)], [(ONE, 0.9), (TWO, 0.95), (TWO, 0.94)]):
        score = score_detections([picture([ONE, TWO], found, ignored=(1,))])
        assert (score.ap, score.people) == (1.0, 1)


def test_the_better_box_takes_the_person_whatever_their_order() -> None:
    near = (1, 0, 11, 20)
    score = score_detections([picture([ONE], [(near, 0.3), (ONE, 0.9)])])
    assert score.score_min == pytest.approx(0.9)


def test_nothing_found_and_nobody_there_are_zero() -> None:
    assert score_detections([picture([ONE], [])]).ap == 0.0
    assert score_detections([picture([], [(ONE, 0.9)])]).people == 0
