from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.nets.steering_loss import SteeringHead, steering_loss  # noqa: E402


def test_features_that_are_alike_as_the_known_ones_cost_nothing() -> None:
    known = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
    head = SteeringHead(4, 4)
    with torch.no_grad():
        head.project.weight.copy_(torch.eye(4))
        head.project.bias.zero_()
        right = float(steering_loss(3 * known, known, head))
        wrong = float(steering_loss(known[[1, 0, 2, 3, 4, 5]], known, head))
    assert right == pytest.approx(0, abs=1e-5)
    assert wrong > 0.1
