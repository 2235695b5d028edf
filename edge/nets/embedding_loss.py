"""What pulls pictures of one person together and others apart, while a ReID network is trained.

Two losses on unit vectors: a classifier of the training people by cosine with a margin (CosFace, Wang et al.
2018, equation 4) and smoothed labels, and the hardest positive against the hardest negative of the batch
(Hermans et al. 2017, equation 5).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CosineClassifier", "batch_hard_loss"]


class CosineClassifier(nn.Module):
    """How far vectors are from naming their person; only for training.

    Args:
        dim: length of a vector.
        people: how many people there are to tell apart.
        scale: what cosines are multiplied by before the softmax.
        margin: how much better than the others the right cosine must be.
        smoothing: share of the target that is spread over everybody.
    """

    def __init__(
        self, dim: int, people: int, *, scale: float = 24.0, margin: float = 0.2, smoothing: float = 0.1
    ) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(people, dim) * 0.1)
        self.scale, self.margin, self.smoothing = scale, margin, smoothing

    def forward(self, vectors: Tensor, persons: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the share of vectors nearest to their own person's centre.

        Args:
            vectors: (n, dim), any length.
            persons: int64 (n,), 0 to ``people`` - 1.
        """
        cosines = functional.normalize(vectors) @ functional.normalize(self.centres).T
        right = cosines.detach().argmax(dim=1) == persons
        harder = cosines - self.margin * functional.one_hot(persons, len(self.centres))
        loss = functional.cross_entropy(harder * self.scale, persons, label_smoothing=self.smoothing)
        return loss, right.float().mean()


def batch_hard_loss(vectors: Tensor, persons: Tensor, margin: float = 0.3) -> Tensor:
    """By how much the least alike picture of a person is not nearer than the most alike of another; a mean.

    Args:
        vectors: (n, dim), any length; distances are those of unit vectors, 0 to 2.
        persons: int64 (n,), each at least twice and at least two of them.
        margin: how much nearer it should be.
    """
    units = functional.normalize(vectors)
    distances = (2.0 - 2.0 * units @ units.T).clamp(min=1e-6).sqrt()
    same = persons[:, None] == persons[None, :]
    farthest = torch.where(same, distances, torch.zeros_like(distances)).amax(dim=1)
    nearest = torch.where(same, torch.full_like(distances, torch.inf), distances).amin(dim=1)
    return functional.relu(farthest - nearest + margin).mean()
