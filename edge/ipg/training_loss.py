"""What the generator's networks learn: from a noisy picture, its pose and a reference, to predict v.

Sources: v (Salimans & Ho, ICLR 2022, appendix D); min-SNR weights (Hang et al., ICCV 2023); dropped
conditions for guidance (Ho & Salimans, 2022); the schedule is that of :mod:`edge.ipg.schedule`, whose last
level is nothing but noise.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from edge.ipg.schedule import alphas_cumprod
from edge.ipg.training_batches import Batch
from edge.nets.ipg import IpgNets
from edge.nets.reference_attention import ReferenceReader, ReferenceWriter, write_bank

__all__ = ["Learner", "min_snr_weights"]


def min_snr_weights(levels: Tensor, gamma: float) -> Tensor:
    """How much each level counts, for a network that predicts v.

    ``min(snr + 1, gamma) / (snr + 1)``: an error of v is one of the picture times ``snr + 1``. A level
    without any signal counts fully, so the first step of a drawing is learnt too.

    Args:
        levels: share of the picture in the squared signal, 0 to 1, of any shape.
        gamma: levels count less where the ratio of signal to noise, plus one, is more; 0: none does.
    """
    if gamma <= 0:
        return torch.ones_like(levels)
    more = 1 / (1 - levels).clamp_min(1e-8)  # snr + 1
    return more.clamp_max(gamma) / more


class Learner(nn.Module):
    """The networks that learn, and their loss.

    Args:
        nets: of whom IFR, the pose guider and both UNets are used; the processors of the UNets'
            self-attentions are replaced.
        stage: see :class:`~edge.ipg.training_options.TrainingOptions`; it decides which weights learn.
        gamma: see :func:`min_snr_weights`.
    """

    def __init__(self, nets: IpgNets, stage: int, gamma: float) -> None:
        super().__init__()
        self.ifr = nets.ifr
        self.pose_guider = nets.pose_guider
        self.reference_unet = nets.reference_unet
        self.denoising_unet = nets.denoising_unet
        self._learns_reference = stage == 1
        self._gamma = gamma
        self._writer = ReferenceWriter(nets.reference_unet)
        self._reader = ReferenceReader(nets.denoising_unet)
        self.register_buffer("_levels", alphas_cumprod(), persistent=False)
        grey = torch.zeros(1, 3, *nets.reid.sizes.picture_px, device=next(nets.reid.parameters()).device)
        with torch.no_grad():
            self.register_buffer("_nobody", nets.reid(grey), persistent=False)  # as Conditioner has it
        self.denoising_unet.requires_grad_(True)
        self.pose_guider.requires_grad_(True)
        self.reference_unet.requires_grad_(self._learns_reference)
        self.ifr.requires_grad_(self._learns_reference)

    def forward(self, batch: Batch) -> Tensor:
        """The mean loss of a batch."""
        levels = cast(Tensor, self._levels)[batch.times]
        signal, dirt = (share.sqrt()[:, None, None, None] for share in (levels, 1 - levels))
        noisy = signal * batch.clean + dirt * batch.noise
        wanted = signal * batch.noise - dirt * batch.clean
        alone = batch.alone
        with torch.set_grad_enabled(self._learns_reference and torch.is_grad_enabled()):
            known = self.ifr(torch.cat([cast(Tensor, self._nobody), batch.features]))
            kept = write_bank(self._writer, self.reference_unet, batch.shown, known[1:])
        nobody = known[:1].expand(alone, -1, -1)
        tokens = torch.cat([nobody, known[1:][batch.owners[alone:]]])
        pose = self.pose_guider(batch.poses)
        if alone == len(noisy):
            predicted = self.denoising_unet.denoise(noisy, batch.times, tokens, pose)
        else:
            bank = self._reader.project(kept)
            with self._reader.reading(bank, unconditional=alone, references=batch.owners[alone:]):
                predicted = self.denoising_unet.denoise(noisy, batch.times, tokens, pose)
        errors = (predicted.float() - wanted).square().flatten(1).mean(dim=1)
        return (errors * min_snr_weights(levels, self._gamma)).mean()
