from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.nets.embedding_loss import CosineClassifier, batch_hard_loss  # noqa: E402

PERSONS = torch.tensor([0, 0, 1, 1, 2, 2])


def slow_batch_hard(vectors: np.ndarray, persons: list[int], margin: float) -> float:
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    losses = []
    for i, one in enumerate(units):
        far = max(np.linalg.norm(one - other) for j, other in enumerate(units) if persons[j] == persons[i])
        near = min(np.linalg.norm(one - other) for j, other in enumerate(units) if persons[j] != persons[i])
        losses.append(max(0.0, far - near + margin))
    return float(np.mean(losses))


def test_the_batch_hard_loss_is_the_one_by_the_book() -> None:
    torch.manual_seed(1)
    vectors = torch.randn(6, 5)
    expected = slow_batch_hard(vectors.numpy(), PERSONS.tolist(), 0.3)
    assert float(batch_hard_loss(vectors, PERSONS, 0.3)) == pytest.approx(expected, abs=1e-3)


def test_well_separated_people_cost_nothing() -> None:
    vectors = torch.eye(3).repeat_interleave(2, dim=0)
    assert float(batch_hard_loss(vectors, PERSONS, 0.3)) == 0.0


def test_equal_vectors_still_have_a_gradient() -> None:
    vectors = torch.ones(6, 4).requires_grad_()
    batch_hard_loss(vectors, PERSONS).backward()
    assert torch.isfinite(vectors.grad).all()


def test_the_classifier_counts_who_is_nearest_to_their_own_centre_and_asks_for_a_margin() -> None:
    easy, hard = (CosineClassifier(3, 3, margin=margin, smoothing=0.0) for margin in (0.0, 0.4))
    for classifier in (easy, hard):
        classifier.centres.data = torch.eye(3)
    vectors = torch.eye(3)[[0, 0, 1, 1, 2, 0]] * 7  # the last one looks like person 0
    loss, right = easy(vectors, PERSONS)
    assert float(right) == pytest.approx(5 / 6)
    assert hard(vectors, PERSONS)[0].item() > loss.item()
