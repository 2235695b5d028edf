"""What the denoising net is told: who is to be drawn, and in which pose.

Each is worked out once: an identity's reference is encoded once, with one row, and the keys and values of
its bank are projected once; the tokens without an identity, and the features of a pose, serve all identities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edge.ipg.pictures import Reference, to_pose_input, to_reid_input, to_vae_input
from edge.nets.ipg import IpgNets
from edge.nets.reference_attention import Bank, ReferenceReader, ReferenceWriter, write_bank
from edge.nets.vae import encode

__all__ = ["Conditioner", "Identity", "Pose"]


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """Who is to be drawn.

    reference: the picture it was made from.
    feature: float32 (dim,), the ReID feature of the reference, on the CPU.
    tokens: (tokens, width) of the cross-attention.
    bank: keys and values of the one reference.
    """

    reference: Reference
    feature: torch.Tensor
    tokens: torch.Tensor
    bank: Bank


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """How somebody is to be drawn.

    name: the pose's name.
    image_rgb: uint8 (height, width, 3), as in a picture file; see :mod:`edge.ipg.sticks`.
    features: (channels, height / 8, width / 8), what the pose guider makes of it.
    """

    name: str
    image_rgb: NDArray[np.uint8]
    features: torch.Tensor


class Conditioner:
    """Turns references and pose pictures into what the denoising net takes.

    Args:
        nets: the networks; the processors of both UNets' self-attentions are replaced.
        reader: of the denoising UNet.
        bank_half: round the bank to float16.
    """

    def __init__(self, nets: IpgNets, reader: ReferenceReader, *, bank_half: bool) -> None:
        self._nets = nets
        self._reader = reader
        self._writer = ReferenceWriter(nets.reference_unet)
        self._bank_half = bank_half
        self._nobody: torch.Tensor | None = None

    @torch.inference_mode()
    def identify(self, references: Sequence[Reference]) -> list[Identity]:
        """Encode references; those given together are one batch."""
        nets = self._nets
        features = self.describe([reference.image_rgb for reference in references])
        tokens = nets.ifr(features).to(nets.reference_unet.dtype)
        pictures = self._tensor([to_vae_input(one.image_rgb, nets.sizes.picture_px) for one in references])
        latents = encode(nets.vae, pictures.to(nets.vae.dtype)).to(nets.reference_unet.dtype)
        kept = write_bank(self._writer, nets.reference_unet, latents, tokens)
        identities = []
        for row, reference in enumerate(references):
            own = {name: rows[row : row + 1] for name, rows in kept.items()}
            bank = self._reader.project(own, half=self._bank_half)
            identities.append(Identity(reference, features[row].float().cpu(), tokens[row], bank))
        return identities

    @torch.inference_mode()
    def describe(self, images_rgb: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """ReID features (n, dim) of pictures."""
        reid = self._nets.reid
        size_px = reid.sizes.picture_px
        inputs = self._tensor([to_reid_input(image, size_px) for image in images_rgb])
        features: torch.Tensor = reid(inputs.to(next(reid.parameters()).dtype))
        return features

    @torch.inference_mode()
    def pose(self, name: str, image_rgb: NDArray[np.uint8]) -> Pose:
        """Work out a pose's features."""
        guider = self._nets.pose_guider
        picture = self._tensor([to_pose_input(image_rgb, self._nets.sizes.picture_px)])
        return Pose(name, image_rgb, guider(picture.to(next(guider.parameters()).dtype))[0])

    @torch.inference_mode()
    def nobody(self) -> torch.Tensor:
        """Tokens (tokens, width) without an identity: those of a picture that is grey all over, not zeros."""
        if self._nobody is None:
            reid = self._nets.reid
            parameter = next(reid.parameters())
            grey = torch.zeros(1, 3, *reid.sizes.picture_px, dtype=parameter.dtype, device=parameter.device)
            self._nobody = self._nets.ifr(reid(grey))[0].to(self._nets.denoising_unet.dtype)
        return self._nobody

    def _tensor(self, arrays: Sequence[NDArray[np.float32]]) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays)).to(self._nets.denoising_unet.device)
