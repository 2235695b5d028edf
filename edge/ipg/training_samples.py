"""Pictures drawn while a generator is trained: people of its album, in poses of theirs and standard ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.ipg.album import Album
from edge.ipg.generator import Generator, Pair
from edge.ipg.noise import NamedNoise
from edge.ipg.options import Options
from edge.ipg.pictures import Reference, save_picture
from edge.ipg.poses import FILE_PX, pose_pictures
from edge.ipg.skeleton import standard_skeletons
from edge.nets.ipg import IpgNets

__all__ = ["draw_grid"]

PEOPLE = 6
STANDARD = ("1", "3", "5", "7")
SHOWN_PX = (128, 64)
# As the preset fast, but without a gate, and the same on every device.
HOW = Options(
    steps=8, scheduler="dpmpp", guidance=2.0, unguided="conditional", bank_half=False, vae_half=False, seed=1
)


def draw_grid(nets: IpgNets, album: Album, path: Path) -> NDArray[np.uint8]:
    """Draw some people, a row each: what is shown, a picture of the album, the same drawn, standard poses.

    Args:
        nets: the processors of both UNets' self-attentions are replaced.
        album: the people with the lowest numbers are drawn.
        path: the picture's file.

    Returns:
        uint8 (height, width, 3), red first.

    Raises:
        RunError: the file cannot be written.
    """
    generator = Generator(nets, HOW)
    skeletons = [one for one in standard_skeletons() if one.name in STANDARD]
    standard = [generator.pose(one.name, one.image_rgb) for one in pose_pictures(skeletons)]
    noise = NamedNoise(HOW.seed)
    rows = []
    for person in np.unique(album.people)[:PEOPLE]:
        own = np.flatnonzero(album.people == person)
        shown = int(own[album.shown[own]][0])
        others = own[album.drawn[own]]
        wanted = int(others[others != shown][0]) if (others != shown).any() else int(others[0])
        [picture] = pose_pictures([album.skeleton(wanted)], FILE_PX)
        poses = [generator.pose("own", picture.image_rgb), *standard]
        identities = generator.identify([Reference(str(person), str(person), album.pictures[shown])])
        noises = noise.draw(str(person), [pose.name for pose in poses], generator.latent_shape)
        pairs = [Pair(0, number, noises[number]) for number in range(len(poses))]
        drawn = generator.draw(identities, poses, pairs)
        rows.append(
            np.concatenate(
                [_sized(one) for one in (album.pictures[shown], album.pictures[wanted], *drawn)], 1
            )
        )
    grid = np.concatenate(rows)
    save_picture(grid, path)
    return grid


def _sized(image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    high, wide = SHOWN_PX
    return np.asarray(Image.fromarray(image_rgb).resize((wide, high), Image.Resampling.BICUBIC))
