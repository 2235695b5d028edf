"""The generator: identities and poses to pictures.

One call draws any number of identities in any number of poses. Rows of a batch are (identity, pose) pairs; at
a guided step each pair is there twice, first without an identity (and without the bank), then with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from edge.errors import RunError
from edge.ipg.conditioning import Conditioner, Identity, Pose
from edge.ipg.devices import free_bytes, is_out_of_memory, release_memory
from edge.ipg.options import Options
from edge.ipg.pictures import Reference
from edge.ipg.schedule import make_sampler
from edge.nets.ipg import IpgNets
from edge.nets.reference_attention import Bank, ReferenceReader
from edge.nets.vae import decode

__all__ = ["Generator", "OutOfMemory", "Pair"]

# Numbers held for one row of a batch, per number of the first layer's output: the skips and one feed-forward
# layer at full size make about 30. An estimate; a batch that does not fit is halved anyway.
ROW_FACTOR = 45

_Item = TypeVar("_Item")
_Out = TypeVar("_Out")

# Called after each step with its number, from 0, and the latents (pairs, 4, height, width) it led to.
OnStep = Callable[[int, torch.Tensor], None]


class OutOfMemory(RunError):
    """Not even one pair fits into the device's memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One picture to draw.

    identity: index into the identities.
    pose: index into the poses.
    noise: float32 (4, height, width) of the latents.
    """

    identity: int
    pose: int
    noise: torch.Tensor


class Generator:
    """Draws people.

    Args:
        nets: of :func:`edge.nets.checkpoints.load_nets`, on one device. They belong to the newest generator
            that was made with them.
        options: how.
    """

    def __init__(self, nets: IpgNets, options: Options) -> None:
        self.nets = nets
        self.options = options
        self._reader = ReferenceReader(nets.denoising_unet)
        self._conditioner = Conditioner(nets, self._reader, bank_half=options.bank_half)
        self._layout = torch.channels_last if options.channels_last else torch.contiguous_format
        for net in (nets.denoising_unet, nets.reference_unet, nets.pose_guider, nets.vae):
            move: Any = net.to  # torch's types do not know this argument alone
            move(memory_format=self._layout)
        if options.compile:
            nets.denoising_unet.compile()
        self._pairs_max = max(self._rows_max() // (2 if options.guidance > 1 else 1), 1)

    @property
    def device(self) -> torch.device:
        """Where it draws."""
        device: torch.device = self.nets.denoising_unet.device
        return device

    @property
    def pairs_max(self) -> int:
        """How many pairs one batch holds; halved whenever the memory has turned out to be too small."""
        return self._pairs_max

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one picture's latents, and so of its noise."""
        return (int(self.nets.sizes.unet["in_channels"]), *self.nets.sizes.latent_px)

    def identify(self, references: Sequence[Reference]) -> list[Identity]:
        """Encode references, in smaller batches where the memory is too small.

        Raises:
            OutOfMemory: not even one fits.
        """
        return self._in_batches(list(references), self._conditioner.identify, "encode")

    def pose(self, name: str, image_rgb: NDArray[np.uint8]) -> Pose:
        """Work out a pose: once, for all identities."""
        return self._conditioner.pose(name, image_rgb)

    def describe(self, images_rgb: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """ReID features (n, dim) of pictures, by the net that steers the generator."""
        features = [self._conditioner.describe([image])[0].float().cpu().numpy() for image in images_rgb]
        return np.stack(features) if features else np.zeros((0, self.nets.reid.sizes.dim), np.float32)

    def draw(
        self,
        identities: Sequence[Identity],
        poses: Sequence[Pose],
        pairs: Sequence[Pair],
        *,
        on_step: OnStep | None = None,
    ) -> list[NDArray[np.uint8]]:
        """Draw pictures.

        Args:
            identities: of :meth:`identify`.
            poses: of :meth:`pose`.
            pairs: what to draw; each is a row of a batch.
            on_step: called after each step of each batch.

        Returns:
            uint8 (height, width, 3), red first, for each pair.

        Raises:
            OutOfMemory: not even one pair fits.
        """

        def draw(part: list[Pair]) -> list[NDArray[np.uint8]]:
            return self._pictures(self.latents(identities, poses, part, on_step=on_step))

        return self._in_batches(list(pairs), draw, "draw")

    @torch.inference_mode()
    def latents(
        self,
        identities: Sequence[Identity],
        poses: Sequence[Pose],
        pairs: Sequence[Pair],
        *,
        on_step: OnStep | None = None,
    ) -> torch.Tensor:
        """Denoise one batch: float32 (pairs, 4, height, width), scaled as the VAE's are."""
        net, options = self.nets.denoising_unet, self.options
        sampler = make_sampler(options)
        used = sorted({pair.identity for pair in pairs})
        places = torch.tensor([used.index(pair.identity) for pair in pairs], device=self.device)
        bank = Bank.joined([identities[index].bank for index in used])
        pose = self._arranged(torch.stack([poses[pair.pose].features for pair in pairs]))
        somebody = torch.stack([identities[pair.identity].tokens for pair in pairs])
        nobody = self._conditioner.nobody().expand_as(somebody)
        latents = torch.stack([pair.noise for pair in pairs]).to(self.device, torch.float32)
        count, pushed = len(pairs), 0
        push: torch.Tensor | None = None  # what the identity changes about the prediction

        def predict(rows: torch.Tensor, tokens: torch.Tensor, alone: int) -> torch.Tensor:
            """What the net says to rows of which the first ``alone`` do not look at the bank."""
            given = self._arranged(rows.to(net.dtype))
            drawn = pose if len(rows) == count else torch.cat([pose, pose])
            references = None if len(used) == 1 else places
            if alone == len(rows):
                return net.denoise(given, at, tokens, drawn).float()
            with self._reader.reading(bank, unconditional=alone, references=references):
                return net.denoise(given, at, tokens, drawn).float()

        for index, time in enumerate(sampler.times):
            at = torch.tensor(time, device=self.device)
            if options.guided(time):
                if push is None or pushed % options.guidance_every == 0:
                    both = predict(torch.cat([latents, latents]), torch.cat([nobody, somebody]), count)
                    without, with_ = both[:count], both[count:]
                    push = with_ - without
                    prediction = without + options.guidance * push
                else:
                    prediction = predict(latents, somebody, 0) + (options.guidance - 1) * push
                pushed += 1
            elif options.unguided == "unconditional" and options.guidance <= 1:
                prediction = predict(latents, nobody, count)
            else:
                prediction = predict(latents, somebody, 0)
            latents = sampler.step(index, prediction, latents)
            if on_step is not None:
                on_step(index, latents)
        return latents

    @torch.inference_mode()
    def _pictures(self, latents: torch.Tensor) -> list[NDArray[np.uint8]]:
        if self._decodes_half:
            latents = functional.avg_pool2d(latents, 2)
        vae = self.nets.vae
        decoded = decode(vae, self._arranged(latents.to(vae.dtype)), rows=self.options.decode_rows)
        levels = (decoded.float().cpu().permute(0, 2, 3, 1) * 255).to(
            torch.uint8
        )  # cut off, as upstream does
        return list(levels.numpy())

    @property
    def _decodes_half(self) -> bool:
        sizes = self.nets.sizes
        if self.options.decode == "auto":
            return all(
                side >= 2 * seen for side, seen in zip(sizes.picture_px, sizes.reid.picture_px, strict=True)
            )
        return self.options.decode == "half"

    def _arranged(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous(memory_format=self._layout)

    def _rows_max(self) -> int:
        """How many rows of a batch fit into the memory figure."""
        high, wide = self.nets.sizes.latent_px
        weight = next(self.nets.denoising_unet.parameters())
        numbers = self.nets.sizes.unet["block_out_channels"][0] * high * wide
        row_bytes = ROW_FACTOR * numbers * weight.element_size()
        budget = self.options.memory_bytes or free_bytes(self.device) // 2
        return max(int(budget // row_bytes), 1)

    def _in_batches(
        self, items: list[_Item], work: Callable[[list[_Item]], list[_Out]], what: str
    ) -> list[_Out]:
        """Work through items in batches; one that does not fit is tried again in halves."""
        done: list[_Out] = []
        while len(done) < len(items):
            part = items[len(done) : len(done) + self._pairs_max]
            try:
                done += work(part)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise OutOfMemory(
                        f"not enough memory on '{self.device}' to {what} even one picture at a time"
                    ) from None
                self._pairs_max = len(part) // 2
            release_memory(self.device)
        return done
