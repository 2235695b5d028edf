"""Neighbor feature centralization where the features lie: on a CUDA device.

The same three steps as :mod:`edge.centralize.neighbors`, with torch: float32 blocks, then float64 for the
rows in doubt, and what float64 cannot tell apart (copies) goes to the CPU. Tensors on the CPU do not come
here: NumPy works on their memory, and is faster (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge.centralize.neighbors import Allowed, Indices, Rows, block_rows, first_nearest, mutual, parts

if TYPE_CHECKING:
    import torch

__all__ = ["centralize_on_device"]

# Rows that are in float64 at a time.
AT_ONCE = 8192
# What a float32 product may round its factors to: torch.set_float32_matmul_precision.
ROUNDOFF = {"highest": 2.0**-24, "high": 2.0**-11, "medium": 2.0**-8}


def centralize_on_device(
    feats: torch.Tensor, k1: int, k2: int, *, normalize: bool, allowed: Allowed, mask: torch.Tensor | None
) -> torch.Tensor:
    """One round of NFC.

    Args:
        feats: float32 or float64 (n, d), finite.
        k1: neighbours that are looked at.
        k2: how many of theirs must hold the row.
        normalize: compare directions, and give unit rows.
        allowed: who may be whose neighbour.
        mask: ``allowed`` as a bool tensor (n, n) on the same device, where that is what was given.

    Returns:
        float32 (n, d) on the same device.
    """
    import torch

    near = _nearest(feats, (min(k1, k2), k1), normalize=normalize, allowed=allowed, mask=mask)
    seen = torch.from_numpy(mutual(near, k2)).to(feats.device)
    others = torch.from_numpy(near).to(feats.device)
    norms = _norms(feats) if normalize else None
    out = torch.empty(feats.shape, dtype=torch.float32, device=feats.device)
    for part in parts(len(feats), AT_ONCE):
        total = _exact(feats, norms, part)
        for place in range(near.shape[1]):
            some = seen[part, place].nonzero()[:, 0]
            total[some] += _exact(feats, norms, others[part, place][some])
        if normalize:
            total /= torch.linalg.vector_norm(total, dim=1, keepdim=True).clamp_min(1e-12)
        out[part] = total
    return out


def _nearest(
    feats: torch.Tensor,
    borders: Sequence[int],
    *,
    normalize: bool,
    allowed: Allowed,
    mask: torch.Tensor | None,
) -> Indices:
    """As :func:`edge.centralize.neighbors.nearest`."""
    import torch

    count = len(feats)
    borders = sorted({min(k, count) for k in borders})
    k = borders[-1]
    space = _Space(feats, normalize)
    codes = None if allowed.codes is None else torch.from_numpy(allowed.codes).to(feats.device)
    near = np.full((count, k), -1, dtype=np.int64)
    copied: Rows | None = None
    step = block_rows(count)
    for low in range(0, count, step):
        high = min(low + step, count)
        banned = _banned(allowed, mask, codes, low, high, feats.device)
        which = torch.arange(low, high, device=feats.device)
        found, unsure = space.largest(which, banned, borders, exact=False)
        if unsure.numel():
            again, still = space.largest(
                which[unsure], None if banned is None else banned[unsure], borders, exact=True
            )
            found[unsure] = again
            stuck = unsure[still]
        else:
            stuck = unsure
        near[low:high] = found.cpu().numpy()
        for row in stuck.tolist():
            copied = copied or Rows(feats.cpu().numpy(), normalize=normalize)
            one = None if banned is None else banned[row : row + 1]
            candidates = space.candidates(which[row : row + 1], one, k).cpu().numpy()
            best = first_nearest(copied, low + row, candidates, k)
            near[low + row] = -1
            near[low + row, : len(best)] = best
    return near


class _Space:
    """The rows on the device, in float32 and, a part at a time, in float64."""

    def __init__(self, feats: torch.Tensor, normalize: bool) -> None:
        import torch

        self._feats = feats
        self._norms = _norms(feats) if normalize else None
        self._centre = torch.zeros(feats.shape[1], dtype=torch.float64, device=feats.device)
        self._scale = 1.0
        self._raw = 1.0
        self._size = torch.ones(len(feats), dtype=torch.float64, device=feats.device)
        if not normalize:
            self._centre = feats.mean(dim=0, dtype=torch.float64)
            sizes = torch.cat([self.placed(part).norm(dim=1) for part in parts(len(feats), AT_ONCE)])
            largest = float(sizes.max())
            self._scale = 1.0 / largest if largest > 0.0 else 1.0
            self._size = sizes * self._scale
            self._raw = (float(self._centre.abs().max()) + largest) * self._scale
        self._quick = torch.empty(feats.shape, dtype=torch.float32, device=feats.device)
        for part in parts(len(feats), AT_ONCE):
            self._quick[part] = self.placed(part).float()
        self._bias = None if normalize else 0.5 * self._size**2
        product = torch.get_float32_matmul_precision()
        self._roundoff = ROUNDOFF.get(product, ROUNDOFF["medium"])

    def placed(self, which: slice | torch.Tensor) -> torch.Tensor:
        rows = _exact(self._feats, self._norms, which)
        return rows if self._norms is not None else (rows - self._centre) * self._scale

    def doubt(self, which: torch.Tensor, exact: bool) -> torch.Tensor:
        """See ``Rows.doubt``; a product of rounded factors adds twice their rounding."""
        size = self._size[which]
        unit = 2.0**-53 if exact else 2.0**-24
        bias = 0.0 if self._bias is None else 4.0
        error = unit * ((self._feats.shape[1] + 8) * size + bias * (1.0 + size))
        if not exact and self._roundoff > unit:
            error = error + 3.0 * self._roundoff * size
        return 1.01 * error + 4.0 * 2.0**-53 * self._raw * (1.0 + size) + 1e-37

    def values(self, which: torch.Tensor, banned: torch.Tensor | None, exact: bool) -> torch.Tensor:
        """(b, n), larger is nearer; -inf where not allowed and at oneself."""
        import torch

        if exact:
            asked = self.placed(which)
            values = torch.cat(
                [asked @ self.placed(part).T for part in parts(len(self._feats), AT_ONCE)], dim=1
            )
        else:
            values = self._quick[which] @ self._quick.T
        if self._bias is not None:
            values -= self._bias.to(values.dtype)
        if banned is not None:
            values.masked_fill_(banned, float("-inf"))
        values.scatter_(1, which[:, None], float("-inf"))
        return values

    def largest(
        self, which: torch.Tensor, banned: torch.Tensor | None, borders: Sequence[int], *, exact: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The nearest of some rows, (b, k), and which of these rows (numbers within) are in doubt."""
        import torch

        k = borders[-1]
        values, found = self.values(which, banned, exact).topk(min(k + 1, len(self._feats)), dim=1)
        twice = 2.0 * self.doubt(which, exact)
        unsure = torch.zeros(len(which), dtype=torch.bool, device=values.device)
        for border in borders:
            if border < values.shape[1]:
                near_tie = values[:, border] >= values[:, border - 1] - twice
                unsure |= near_tie & values[:, border].isfinite()
        found = torch.where(values.isfinite(), found, -1)[:, :k]
        return found, unsure.nonzero()[:, 0]

    def candidates(self, which: torch.Tensor, banned: torch.Tensor | None, k: int) -> torch.Tensor:
        """Who float64 cannot exclude from the k nearest of one row: int64 (m,)."""
        values = self.values(which, banned, True)
        least = values.topk(k, dim=1).values[0, -1] - 2.0 * self.doubt(which, True)[0]
        return ((values[0] >= least) & values[0].isfinite()).nonzero()[:, 0]


def _banned(
    allowed: Allowed,
    mask: torch.Tensor | None,
    codes: torch.Tensor | None,
    low: int,
    high: int,
    device: torch.device,
) -> torch.Tensor | None:
    """Who may not be a neighbour of rows low to high: bool (b, n); None: nobody but oneself."""
    import torch

    banned = None if mask is None else ~mask[low:high]
    if mask is None and (asked := allowed.asked(low, high)) is not None:
        banned = ~torch.from_numpy(asked).to(device)
    if codes is not None:
        same = codes[low:high, None] == codes[None, :]
        banned = same if banned is None else banned | same
    return banned


def _norms(feats: torch.Tensor) -> torch.Tensor:
    import torch

    norms = [torch.linalg.vector_norm(feats[part].double(), dim=1) for part in parts(len(feats), AT_ONCE)]
    return torch.cat(norms).clamp_min(1e-12)


def _exact(feats: torch.Tensor, norms: torch.Tensor | None, which: slice | torch.Tensor) -> torch.Tensor:
    """Rows in float64, of unit length where norms are given."""
    rows = feats[which].double()
    return rows if norms is None else rows / norms[which][:, None]
