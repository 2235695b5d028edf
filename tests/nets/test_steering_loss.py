from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.nets.steering_loss import LooksHead, contrastive_loss  # noqa: E402


def test_features_that_know_the_looks_cost_nothing() -> None:
    looks = torch.tensor([[10.0, 100.0, 7.0], [30.0, 120.0, 7.0], [20.0, 80.0, 7.0]])
    head = LooksHead(3, looks)
    with torch.no_grad():
        head.project.weight.copy_(torch.eye(3))
        head.project.bias.zero_()
    known = head.looks[[2, 0]]
    assert float(head(known, torch.tensor([2, 0])).detach()) == pytest.approx(0, abs=1e-12)
    assert float(head(known, torch.tensor([0, 2])).detach()) > 0.5


def test_looks_are_learnt_as_deviations_that_never_vary_where_nobody_does() -> None:
    head = LooksHead(2, torch.tensor([[0.0, 5.0], [4.0, 5.0]]))
    assert head.looks[:, 1].tolist() == [0, 0]
    assert float(head.looks.std()) == pytest.approx(1)
    assert "looks" not in head.state_dict()


def test_the_contrastive_loss_is_that_of_the_paper() -> None:
    features = torch.nn.functional.normalize(torch.randn(6, 5, generator=torch.Generator().manual_seed(3)))
    persons = torch.tensor([0, 0, 0, 1, 1, 0])
    found = 0.0
    for one in range(6):
        powers = [math.exp(12 * float(features[one] @ features[other])) for other in range(6)]
        rest = sum(powers) - powers[one]
        same = [other for other in range(6) if other != one and persons[other] == persons[one]]
        found -= sum(math.log(powers[other] / rest) for other in same) / len(same) / 6
    lengths = torch.arange(1.0, 7.0)[:, None]
    assert float(contrastive_loss(lengths * features, persons)) == pytest.approx(found, rel=1e-5)


def test_people_who_are_apart_cost_less_than_people_who_are_mixed_up() -> None:
    features = torch.eye(2)[[0, 0, 1, 1]]
    right = contrastive_loss(features, torch.tensor([0, 0, 1, 1]))
    assert float(right) < 0.01 < 5 < float(contrastive_loss(features, torch.tensor([0, 1, 0, 1])))
