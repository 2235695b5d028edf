"""Elliptical tubes around bones: what figures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.site.body import Figure
from edge.site.people import Look

__all__ = ["Tailor"]

Reals = NDArray[np.float64]


class Tailor:
    """Collects tubes and makes a figure of them."""

    def __init__(self, look: Look, level: int) -> None:
        self.scale = look.height_m / 1.75
        self.level = level
        self._vertices: list[Reals] = []
        self._faces: list[NDArray[np.int64]] = []
        self._reach: list[tuple[int, int]] = []
        self._colours: list[NDArray[np.float32]] = []
        self._count = 0

    def tube(
        self,
        bone: int,
        profile: Sequence[tuple[float, float, float]],
        sides: int,
        rings: int,
        *,
        ahead_m: float = 0.0,
        aside_m: float = 0.0,
        square: float = 2.0,
    ) -> tuple[Reals, Reals]:
        """Add a tube; the caller then gives the colours of its faces with :meth:`colour`.

        Args:
            bone: what it hangs on.
            profile: along, half width (sideways), half depth (forward), metres at 1.75 m of height.
            sides: faces around.
            rings: faces along.
            ahead_m: its axis lies so far before the bone.
            aside_m: and so far beside it.
            square: 2 is an ellipse, more is boxier.

        Returns:
            Along and around of every face.
        """
        along, width, depth = _profile(tuple(profile), rings)
        mesh = _mesh(sides, rings, square)
        width, depth = width * self.scale, depth * self.scale
        vertices = np.empty((len(mesh.ring), 4))
        vertices[:, 0] = bone
        vertices[:, 1] = along[mesh.ring]
        vertices[:, 2] = depth[mesh.ring] * mesh.cosine + ahead_m * self.scale
        vertices[:, 3] = width[mesh.ring] * mesh.sine + aside_m * self.scale
        self._vertices.append(vertices)
        self._faces.append(mesh.faces + self._count)
        self._reach.append((self._count, self._count + len(vertices)))
        self._count += len(vertices)
        return (0.5 * (along[:-1] + along[1:]))[mesh.low], mesh.around

    def colour(self, colours: NDArray[np.float32]) -> None:
        """Colours of the tube that was added last."""
        self._colours.append(colours)

    def finish(self, grain: int) -> Figure:
        """All tubes as one figure."""
        table = np.vstack(self._vertices)
        colours = np.vstack(self._colours)
        folds = np.random.default_rng(grain).normal(1.0, 0.055, len(colours)).astype(np.float32)
        return Figure(
            bones=table[:, 0].astype(np.int64),
            along=table[:, 1:2].copy(),
            offsets_m=table[:, 2:4].copy(),
            faces=np.vstack(self._faces).astype(np.int64),
            colours_bgr=colours * folds[:, None],
            reach=tuple(self._reach),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Mesh:
    """How the vertices of a tube lie around it and make faces; the same for all tubes of one fineness.

    ring: int64 (v,)         number of a vertex's ring
    cosine, sine: float64 (v,)  its place on the ring
    faces: int64 (f, 4)
    low: int64 (f,)          the ring a face begins at
    around: float64 (f,)     the middle of a face, -pi to pi
    """

    ring: NDArray[np.int64]
    cosine: Reals
    sine: Reals
    faces: NDArray[np.int64]
    low: NDArray[np.int64]
    around: Reals


@lru_cache(maxsize=128)
def _mesh(sides: int, rings: int, square: float) -> _Mesh:
    angles = (np.arange(sides) + 0.5) * 2 * np.pi / sides
    cosine, sine = np.cos(angles), np.sin(angles)
    size = (np.abs(cosine) ** square + np.abs(sine) ** square) ** (1 / square)
    ring, side = (grid.ravel() for grid in np.meshgrid(np.arange(rings + 1), np.arange(sides), indexing="ij"))
    low, here = (grid.ravel() for grid in np.meshgrid(np.arange(rings), np.arange(sides), indexing="ij"))
    after = (here + 1) % sides
    faces = [low * sides + here, low * sides + after, (low + 1) * sides + after, (low + 1) * sides + here]
    around = (angles + np.pi / sides + np.pi) % (2 * np.pi) - np.pi
    return _Mesh(ring, (cosine / size)[side], (sine / size)[side], np.column_stack(faces), low, around[here])


def _profile(profile: tuple[tuple[float, float, float], ...], rings: int) -> tuple[Reals, Reals, Reals]:
    """Along, half width and half depth at ``rings + 1`` places of a profile."""
    along = _spread(tuple(stop[0] for stop in profile), rings)
    if len(along) == len(profile):
        table = np.array(profile)
        return table[:, 0], table[:, 1], table[:, 2]
    table = np.array(profile)
    return along, np.interp(along, table[:, 0], table[:, 1]), np.interp(along, table[:, 0], table[:, 2])


@lru_cache(maxsize=512)
def _spread(stops: tuple[float, ...], rings: int) -> Reals:
    """Ring places: all stops of a profile, with further ones where the gaps are widest."""
    places = list(stops)
    while len(places) < rings + 1:
        gaps = np.diff(places)
        widest = int(np.argmax(gaps))
        places.insert(widest + 1, places[widest] + gaps[widest] / 2)
    if len(places) > rings + 1:  # fewer than the profile has: both ends, and even steps between
        index = np.round(np.linspace(0, len(places) - 1, rings + 1)).astype(int)
        places = [places[i] for i in index]
    return np.array(places)
