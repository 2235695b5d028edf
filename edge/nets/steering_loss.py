"""Training the ReID network that steers a generator: who somebody is, and what they look like in plain light.

Sources: Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, equation 2, for who; a linear
regression of the person's mean portrait for the looks, since IFR, which reads the features, is linear too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["LooksHead", "contrastive_loss"]


class LooksHead(nn.Module):
    """From features to a person's looks; only training uses it.

    Args:
        dim: length of a feature.
        looks: (people, numbers), what each person looks like, to be learnt; standardized by one mean for
            each number and one deviation for all, so that what never varies counts for nothing.
    """

    looks: Tensor

    def __init__(self, dim: int, looks: Tensor) -> None:
        super().__init__()
        self.project = nn.Linear(dim, looks.shape[1])
        looks = looks - looks.mean(dim=0)
        self.register_buffer("looks", looks / looks.std().clamp_min(1e-6), persistent=False)

    def forward(self, features: Tensor, persons: Tensor) -> Tensor:
        """Mean squared error of what the features say.

        Args:
            features: (n, dim)
            persons: int64 (n,), rows of ``looks``.
        """
        return functional.mse_loss(self.project(features), self.looks[persons])


def contrastive_loss(features: Tensor, persons: Tensor, scale: float = 12.0) -> Tensor:
    """How far each picture is from naming the other pictures of its person among all of the batch.

    Args:
        features: (n, dim), any length; cosines are compared.
        persons: int64 (n,), each at least twice.
        scale: what cosines are multiplied by before the softmax, the inverse of the temperature.
    """
    units = functional.normalize(features, dim=1)
    itself = torch.eye(len(units), dtype=torch.bool, device=units.device)
    cosines = (scale * units @ units.T).masked_fill(itself, -torch.inf)
    others = (persons[:, None] == persons[None, :]) & ~itself
    likely = (cosines - cosines.logsumexp(dim=1, keepdim=True)).masked_fill(~others, 0.0)
    return -(likely.sum(dim=1) / others.sum(dim=1)).mean()
