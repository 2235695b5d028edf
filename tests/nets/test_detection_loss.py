from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.nets.detection_loss import Truth, assign, detection_loss, generalized_iou  # noqa: E402
from edge.nets.person_detector import decode_boxes, grid_cells  # noqa: E402

MIDDLES, STRIDES = grid_cells(128, 96)


def truth_of(*boxes: tuple[float, float, float, float], ignored: tuple[int, ...] = ()) -> Truth:
    flags = torch.zeros(1, len(boxes), dtype=torch.bool)
    flags[0, list(ignored)] = True
    return Truth(torch.tensor([boxes], dtype=torch.float32), ~flags, flags)


def raw_cells(score: float = 0.01) -> torch.Tensor:
    raw = torch.zeros(1, len(MIDDLES), 5)
    raw[..., 3] = math.log(2.5)
    raw[..., 4] = math.log(score / (1 - score))
    return raw


def assigned(
    truth: Truth, raw: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    raw = raw_cells() if raw is None else raw
    given = assign(decode_boxes(raw, MIDDLES, STRIDES), raw[..., 4].sigmoid(), truth, MIDDLES, STRIDES)
    return given.person[0], given.score[0], given.weight[0]


def test_cells_that_answer_for_somebody_lie_in_their_box() -> None:
    person, score, _ = assigned(truth_of((6, 8, 27, 56), (70, 10, 100, 90)))
    for number, (left, top, right, bottom) in enumerate(((6, 8, 27, 56), (70, 10, 100, 90))):
        answering = MIDDLES[(score > 0) & (person == number)]
        assert 1 <= len(answering) <= 9
        assert ((answering > torch.tensor([left, top])) & (answering < torch.tensor([right, bottom]))).all()


def test_the_best_cell_is_to_score_its_overlap() -> None:
    raw = raw_cells()
    row = 5 * 16 + 4  # middle at (36, 44)
    raw[0, row, 2:4] = torch.tensor([math.log(2.0), math.log(5.0)])  # 16 x 40
    _, score, _ = assigned(truth_of((28, 24, 44, 64)), raw)
    assert int(score.argmax()) == row
    assert float(score[row]) == pytest.approx(1.0, abs=1e-4)


def test_somebody_smaller_than_a_cell_still_has_one_that_answers() -> None:
    _, score, _ = assigned(truth_of((41, 41, 46, 55)))
    assert (score > 0).any()


def test_each_of_two_overlapping_people_has_cells_and_no_cell_has_two() -> None:
    person, score, _ = assigned(truth_of((20, 10, 44, 70), (32, 14, 56, 74)))
    assert set(person[score > 0].tolist()) == {0, 1}


def test_who_is_ignored_asks_for_nothing_and_forbids_nothing() -> None:
    _, score, weight = assigned(truth_of((20, 10, 44, 70), ignored=(0,)))
    assert (score == 0).all()
    x, y = MIDDLES.T
    inside = (x > 20) & (x < 44) & (y > 10) & (y < 70)
    assert (weight[inside] == 0).all()
    far = (MIDDLES[:, 0] < 4) | (MIDDLES[:, 0] > 60)
    assert far.any()
    assert (weight[far] == 1).all()


def test_rows_of_zeros_beyond_the_last_person_are_nobody() -> None:
    truth = Truth(
        torch.zeros(1, 3, 4), torch.zeros(1, 3, dtype=torch.bool), torch.zeros(1, 3, dtype=torch.bool)
    )
    _, score, weight = assigned(truth)
    assert (score == 0).all()
    assert (weight == 1).all()


def test_an_empty_picture_costs_less_the_less_is_claimed() -> None:
    nobody = Truth(
        torch.zeros(1, 1, 4), torch.zeros(1, 1, dtype=torch.bool), torch.zeros(1, 1, dtype=torch.bool)
    )
    quiet, loud = (detection_loss(raw_cells(s), nobody, MIDDLES, STRIDES).total.item() for s in (0.01, 0.5))
    assert 0 < quiet < loud


def test_descending_the_loss_finds_the_person() -> None:
    raw = raw_cells().requires_grad_()
    truth = truth_of((28, 20, 52, 76))
    optimizer = torch.optim.Adam([raw], lr=0.15)
    for _ in range(80):
        optimizer.zero_grad()
        detection_loss(raw, truth, MIDDLES, STRIDES).total.backward()
        optimizer.step()
    best = int(raw[0, :, 4].argmax())
    assert float(raw[0, best, 4].detach().sigmoid()) > 0.7
    found = decode_boxes(raw.detach(), MIDDLES, STRIDES)[0, best]
    np.testing.assert_allclose(found.numpy(), (28, 20, 52, 76), atol=2.0)


def test_generalized_iou_is_the_iou_where_boxes_fill_their_hull_and_negative_where_far_apart() -> None:
    box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    beside = torch.tensor([[5.0, 0.0, 15.0, 10.0]])
    far = torch.tensor([[90.0, 0.0, 100.0, 10.0]])
    assert float(generalized_iou(box, beside)) == pytest.approx(1 / 3)
    assert float(generalized_iou(box, far)) == pytest.approx(-0.8)
