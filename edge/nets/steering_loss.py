"""Training a small ReID network from one that knows already: its features shall be alike where theirs are.

Source: Park et al., "Relational Knowledge Distillation", CVPR 2019, with cosines as the relation.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SteeringHead", "steering_loss"]


class SteeringHead(nn.Module):
    """From the small network's features to the knowing one's embedding; only training uses it."""

    def __init__(self, dim: int, known_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(dim, known_dim)

    def forward(self, features: Tensor) -> Tensor:
        """(n, dim) to (n, known_dim)."""
        out: Tensor = self.project(features)
        return out


def steering_loss(features: Tensor, known: Tensor, head: SteeringHead) -> Tensor:
    """What is to be made small.

    Args:
        features: (n, dim) of the small network.
        known: (n, known_dim), unit rows, of the network that knows.
        head: maps one to the other.
    """
    apart = 1 - functional.cosine_similarity(head(features), known, dim=1).mean()
    own = functional.normalize(features, dim=1)
    relation = (own @ own.T - known @ known.T).square().mean()
    return apart + 4 * relation
