"""Reference attention: the denoising UNet looks at a reference picture's features beside its own.

The reference UNet is run once. The input of each of its self-attentions (the normalized tokens) is kept:
that is the *bank*. The same layer of the denoising UNet then attends to its own tokens and, in rows that
are conditional, to those of the bank. Since the bank does not change from step to step, its keys and values
are projected once per identity, not at every step.

Both nets are diffusers' own ``UNet2DConditionModel``; only the processors of their self-attentions are ours.

Source: Hu et al., "Animate Anyone", CVPR 2024, section 3.2.2 (ReferenceNet), as used by Pose2ID.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import Attention

__all__ = ["Bank", "ReferenceReader", "ReferenceWriter", "write_bank"]

SELF_ATTENTION = ".attn1.processor"


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Keys and values of one or several references, ready for the denoising UNet.

    keys, values: name of a self-attention -> (references, heads, tokens, head width).
    """

    keys: dict[str, torch.Tensor]
    values: dict[str, torch.Tensor]

    @staticmethod
    def joined(banks: Sequence[Bank]) -> Bank:
        """Several banks as one, their references in order."""
        if len(banks) == 1:
            return banks[0]
        return Bank(
            {name: torch.cat([bank.keys[name] for bank in banks]) for name in banks[0].keys},
            {name: torch.cat([bank.values[name] for bank in banks]) for name in banks[0].values},
        )

    @property
    def nbytes(self) -> int:
        """Memory that is held, in bytes."""
        tensors = [*self.keys.values(), *self.values.values()]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


class ReferenceWriter:
    """Makes every self-attention of a reference UNet keep its input.

    Args:
        unet: its processors are replaced; its output stays what it was.
    """

    def __init__(self, unet: UNet2DConditionModel) -> None:
        self._kept: dict[str, torch.Tensor] = {}
        processors = dict(unet.attn_processors)
        for name in processors:
            if name.endswith(SELF_ATTENTION):
                processors[name] = _Writing(name, self._kept)
        unet.set_attn_processor(processors)

    def take(self) -> dict[str, torch.Tensor]:
        """What the last pass left: name of a self-attention -> tokens (rows, tokens, channels)."""
        taken = dict(self._kept)
        self._kept.clear()
        return taken


@dataclass(slots=True)
class _Rows:
    """Which rows of the batch in hand look at which reference.

    unconditional: how many rows, the first ones, look at none.
    references: int64 (rows - unconditional,), each other row's index into the bank; None: in order.
    """

    bank: Bank | None = None
    unconditional: int = 0
    references: torch.Tensor | None = field(default=None)


class ReferenceReader:
    """Lets the self-attentions of a denoising UNet read a bank, inside :meth:`reading`.

    Args:
        unet: its processors are replaced; outside of :meth:`reading` it does what it did before.
    """

    def __init__(self, unet: UNet2DConditionModel) -> None:
        self._rows = _Rows()
        self._layers: dict[str, Attention] = {}
        processors = dict(unet.attn_processors)
        for name in processors:
            if name.endswith(SELF_ATTENTION):
                processors[name] = _Reading(name, self._rows)
                self._layers[name] = unet.get_submodule(name.removesuffix(".processor"))
        unet.set_attn_processor(processors)

    def project(self, tokens: dict[str, torch.Tensor], *, half: bool = False) -> Bank:
        """Turn what a :class:`ReferenceWriter` kept into keys and values.

        Args:
            tokens: name of a self-attention -> (references, tokens, channels).
            half: round the tokens to float16 first, as upstream does.

        Raises:
            ValueError: the two nets have not the same self-attentions.
        """
        if set(tokens) != set(self._layers):
            raise ValueError(
                f"the reference net has {len(tokens)} self-attentions, the denoising net {len(self._layers)}"
            )
        keys, values = {}, {}
        for name, layer in self._layers.items():
            own = layer.to_k.weight.dtype
            seen = tokens[name].half().to(own) if half else tokens[name].to(own)
            keys[name], values[name] = (_heads(project(seen), layer) for project in (layer.to_k, layer.to_v))
        return Bank(keys, values)

    @contextmanager
    def reading(
        self, bank: Bank, *, unconditional: int = 0, references: torch.Tensor | None = None
    ) -> Iterator[None]:
        """Read a bank in every pass inside the block.

        Args:
            bank: of :meth:`project`.
            unconditional: how many rows, the first ones of the batch, do not look at it.
            references: int64, for each further row which of the bank's references it looks at; in order
                unless given.
        """
        rows = self._rows
        rows.bank, rows.unconditional, rows.references = bank, unconditional, references
        try:
            yield
        finally:
            rows.bank, rows.unconditional, rows.references = None, 0, None


def write_bank(
    writer: ReferenceWriter,
    unet: UNet2DConditionModel,
    latents: torch.Tensor,
    embeds: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Run a reference UNet at time 0.

    Args:
        writer: made with ``unet``.
        unet: the reference net.
        latents: (references, 4, height, width), scaled.
        embeds: (references, tokens, width) of the cross-attention.

    Returns:
        Name of a self-attention -> tokens (references, tokens, channels).
    """
    unet(latents, torch.zeros((), dtype=torch.long, device=latents.device), encoder_hidden_states=embeds)
    return writer.take()


class _Writing:
    def __init__(self, name: str, kept: dict[str, torch.Tensor]) -> None:
        self._name = name
        self._kept = kept

    def __call__(
        self, attn: Attention, hidden_states: torch.Tensor, *args: object, **kwargs: object
    ) -> torch.Tensor:
        self._kept[self._name] = hidden_states
        return _finish(_attend(*_project(attn, hidden_states)), attn)


class _Reading:
    def __init__(self, name: str, rows: _Rows) -> None:
        self._name = name
        self._rows = rows

    def __call__(
        self, attn: Attention, hidden_states: torch.Tensor, *args: object, **kwargs: object
    ) -> torch.Tensor:
        query, key, value = _project(attn, hidden_states)
        bank, alone = self._rows.bank, self._rows.unconditional
        if bank is None:
            return _finish(_attend(query, key, value), attn)
        bank_key, bank_value = bank.keys[self._name], bank.values[self._name]
        if self._rows.references is not None:
            bank_key, bank_value = bank_key[self._rows.references], bank_value[self._rows.references]
        bank_key = bank_key.expand(len(query) - alone, -1, -1, -1)
        bank_value = bank_value.expand(len(query) - alone, -1, -1, -1)
        seen = _attend(
            query[alone:], torch.cat([key[alone:], bank_key], 2), torch.cat([value[alone:], bank_value], 2)
        )
        if alone:
            seen = torch.cat([_attend(query[:alone], key[:alone], value[:alone]), seen])
        return _finish(seen, attn)


def _project(attn: Attention, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Query, key and value, (rows, heads, tokens, head width) each."""
    query, key, value = (_heads(project(tokens), attn) for project in (attn.to_q, attn.to_k, attn.to_v))
    return query, key, value


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(query, key, value)


def _heads(rows: torch.Tensor, attn: Attention) -> torch.Tensor:
    heads: torch.Tensor = rows.unflatten(2, (attn.heads, -1)).transpose(1, 2)
    return heads


def _finish(seen: torch.Tensor, attn: Attention) -> torch.Tensor:
    """Join the heads and pass through the last projection."""
    out: torch.Tensor = attn.to_out[0](seen.transpose(1, 2).flatten(2))
    return out
