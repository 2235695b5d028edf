"""The denoising UNet as a network of its own: the reference bank comes in as tensors, row by row chosen.

What :class:`~edge.nets.reference_attention.ReferenceReader` does with Python state, this does with inputs, so
that it can be exported: each row of the batch names the reference it looks at, or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from edge.nets.reference_attention import SELF_ATTENTION, Bank

if TYPE_CHECKING:
    from diffusers.models.attention_processor import Attention

    from edge.nets.unets import DenoisingUNet

__all__ = ["BankedUNet"]

NOWHERE = -1e4  # added to a score nobody may have; half precision holds it, and its exponential is 0


class BankedUNet(nn.Module):
    """A denoising UNet whose inputs are everything it depends on.

    Inputs, in order (see :attr:`input_names`):

    * latents: float (rows, 4, height, width)
    * time: int64 (), the step
    * embeds: float (rows, tokens, width) of the cross-attention
    * pose: float (rows, channels, height, width), added after the first layer
    * reference: int64 (rows,), which reference of the bank each row looks at; -1: none
    * key_0, value_0, key_1, …: float (references, heads, tokens, head width), for each self-attention in
      the order of :attr:`layers`

    Output: float (rows, 4, height, width).

    Args:
        unet: its self-attentions' processors are replaced.
    """

    def __init__(self, unet: DenoisingUNet) -> None:
        super().__init__()
        self.unet = unet
        self._chosen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._mask = torch.zeros(0)
        processors = dict(unet.attn_processors)
        self.layers = [name for name in processors if name.endswith(SELF_ATTENTION)]
        for name in self.layers:
            processors[name] = _Masked(name, self)
        unet.set_attn_processor(processors)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in order."""
        bank = [f"{kind}_{number}" for number in range(len(self.layers)) for kind in ("key", "value")]
        return ["latents", "time", "embeds", "pose", "reference", *bank]

    def bank_inputs(self, bank: Bank) -> list[torch.Tensor]:
        """A bank's tensors in the order of the inputs."""
        return [part[name] for name in self.layers for part in (bank.keys, bank.values)]

    def forward(
        self,
        latents: torch.Tensor,
        time: torch.Tensor,
        embeds: torch.Tensor,
        pose: torch.Tensor,
        reference: torch.Tensor,
        *bank: torch.Tensor,
    ) -> torch.Tensor:
        """What the net predicts."""
        row = reference.clamp(min=0)
        self._chosen = {
            name: (bank[2 * number].index_select(0, row), bank[2 * number + 1].index_select(0, row))
            for number, name in enumerate(self.layers)
        }
        self._mask = (reference < 0).to(latents.dtype) * NOWHERE
        return self.unet.denoise(latents, time, embeds, pose)

    def chosen(self, name: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Keys and values of each row's reference, and what is added to the scores of each row."""
        return (*self._chosen[name], self._mask)


class _Masked:
    def __init__(self, name: str, owner: BankedUNet) -> None:
        self._name = name
        self._owner = owner

    def __call__(
        self, attn: Attention, hidden_states: torch.Tensor, *args: object, **kwargs: object
    ) -> torch.Tensor:
        def heads(rows: torch.Tensor) -> torch.Tensor:
            split: torch.Tensor = rows.unflatten(2, (attn.heads, -1)).transpose(1, 2)
            return split

        query, key, value = (heads(make(hidden_states)) for make in (attn.to_q, attn.to_k, attn.to_v))
        bank_key, bank_value, away = self._owner.chosen(self._name)
        seen = functional.scaled_dot_product_attention(
            query,
            torch.cat([key, bank_key], 2),
            torch.cat([value, bank_value], 2),
            attn_mask=torch.cat([_spread(away * 0, key), _spread(away, bank_key)], 2).unsqueeze(1),
        )
        out: torch.Tensor = attn.to_out[0](seen.transpose(1, 2).flatten(2))
        return out


def _spread(away: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """One number for each row as (rows, 1, tokens of ``key``); how many rows stays open in an export."""
    return away[:, None, None] + key.new_zeros(1, 1, key.shape[2])
