"""Batches to train a generator on: who is shown, what is to be drawn, and the noise it is drawn out of.

A batch depends on the seed and its number alone, so an interrupted run goes on with the very batches that it
would have had.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.ipg.album import Album
from edge.ipg.pictures import to_pose_input, to_reid_input, to_vae_input
from edge.ipg.poses import FILE_PX
from edge.ipg.schedule import LEVELS
from edge.ipg.sticks import draw_sticks
from edge.ipg.training_options import TrainingOptions
from edge.nets.ipg import IpgNets
from edge.nets.vae import encode

__all__ = ["Batch", "BatchMaker"]

_POSE_BYTES_MAX = 1 << 16  # of a pose picture that is kept; a large one is sooner drawn again


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What the nets learn from at one step; r people are shown, n pictures are drawn, on the nets' device.

    shown: float32 (r, channels, height, width)  scaled latents of the references
    features: float32 (r, dim)                   their ReID features
    owners: int64 (n,)                           which of the references is drawn
    clean: float32 (n, channels, height, width)  scaled latents of what is to be drawn
    noise: as ``clean``
    times: int64 (n,)                            levels, 0 to 999
    poses: float32 (n, 3, picture height, picture width), 0 to 1
    alone: how many of the n, the first ones, are drawn without being shown anybody
    """

    shown: Tensor
    features: Tensor
    owners: Tensor
    clean: Tensor
    noise: Tensor
    times: Tensor
    poses: Tensor
    alone: int


class BatchMaker:
    """Makes batches by number.

    What the frozen networks say of a picture is kept in memory once it is known: latents and a ReID feature,
    at the published sizes 48 kB a picture; small pose pictures likewise.

    Args:
        album: the pictures.
        nets: their VAE and ReID network are used.
        options: how.
        part: number of this process, from 0: each one learns from batches of its own.
    """

    def __init__(self, album: Album, nets: IpgNets, options: TrainingOptions, part: int = 0) -> None:
        self._album = album
        self._nets = nets
        self._options = options
        self._part = part
        self._latents: dict[int, Tensor] = {}
        self._features: dict[int, Tensor] = {}
        self._poses: dict[int, Tensor] = {}
        self._rows = [np.flatnonzero(album.people == one) for one in np.unique(album.people)]
        self._device = next(nets.vae.parameters()).device

    def __getitem__(self, number: int) -> Batch:
        """The batch of that number."""
        options = self._options
        rng = np.random.default_rng((options.seed, options.stage, self._part, number))
        people = rng.choice(len(self._rows), options.references, replace=len(self._rows) < options.references)
        shown: list[int] = []
        drawn: list[int] = []
        for person in people:
            one, others = self._pick(rng, self._rows[person])
            shown.append(one)
            drawn += others
        owners = np.repeat(np.arange(len(shown)), options.targets)
        alone = rng.random(len(drawn)) < options.dropout
        order = np.argsort(~alone, kind="stable")
        drawn = [drawn[index] for index in order]
        noise, times = self._chance(int(rng.integers(2**62)), len(drawn))
        return Batch(
            shown=self._encoded(shown),
            features=self._described(shown),
            owners=torch.from_numpy(owners[order]).to(self._device),
            clean=self._encoded(drawn),
            noise=noise.to(self._device),
            times=times.to(self._device),
            poses=torch.stack([self._pose(index) for index in drawn]).to(self._device),
            alone=int(alone.sum()),
        )

    def _pick(self, rng: np.random.Generator, rows: NDArray[np.int64]) -> tuple[int, list[int]]:
        """A picture of somebody to be shown, and others to be drawn."""
        album = self._album
        one = int(rng.choice(rows[album.shown[rows]]))
        others = rows[album.drawn[rows]]
        if (others != one).any():
            others = others[others != one]
        wanted = self._options.targets
        return one, rng.choice(others, wanted, replace=len(others) < wanted).tolist()

    def _chance(self, seed: int, count: int) -> tuple[Tensor, Tensor]:
        """Noise and levels, from the CPU's generator, so that the device changes nothing."""
        generator = torch.Generator("cpu").manual_seed(seed)
        channels = int(self._nets.sizes.unet["in_channels"])
        noise = torch.randn(count, channels, *self._nets.sizes.latent_px, generator=generator)
        noise += self._options.noise_offset * torch.randn(count, channels, 1, 1, generator=generator)
        return noise, torch.randint(0, LEVELS, (count,), generator=generator)

    def _pose(self, index: int) -> Tensor:
        if index in self._poses:
            return self._poses[index]
        sticks = draw_sticks(self._album.skeleton(index), FILE_PX)
        pose = torch.from_numpy(to_pose_input(sticks, self._nets.sizes.picture_px))
        if pose.nbytes <= _POSE_BYTES_MAX:
            self._poses[index] = pose
        return pose

    # One picture at a time: rounding depends on what else is in a batch, and that on when a run was resumed.

    @torch.no_grad()
    def _encoded(self, rows: list[int]) -> Tensor:
        return self._looked_up(self._latents, rows, self._encode)

    @torch.no_grad()
    def _described(self, rows: list[int]) -> Tensor:
        return self._looked_up(self._features, rows, self._describe)

    def _encode(self, row: int) -> Tensor:
        picture = to_vae_input(self._album.pictures[row], self._nets.sizes.picture_px)
        return encode(self._nets.vae, torch.from_numpy(picture[None]).to(self._device))[0]

    def _describe(self, row: int) -> Tensor:
        reid = self._nets.reid
        picture = to_reid_input(self._album.pictures[row], reid.sizes.picture_px)
        feature: Tensor = reid(torch.from_numpy(picture[None]).to(self._device))[0]
        return feature

    def _looked_up(self, kept: dict[int, Tensor], rows: list[int], work: Callable[[int], Tensor]) -> Tensor:
        for row in rows:
            if row not in kept:
                kept[row] = work(row).float().cpu()
        return torch.stack([kept[row] for row in rows]).to(self._device)
