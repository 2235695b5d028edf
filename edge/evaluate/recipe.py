"""What is done to a retrieval set's features before they are compared.

In this order, each step only where asked for: generated pictures are added (IPG), each camera's mean is
removed, neighbours are added (NFC). Generated pictures come from no camera, so they are added first and the
means are those of the sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError

__all__ = ["SCOPES", "Floats", "Recipe", "Scope", "Side", "centralize"]

Floats = NDArray[np.float32]
Scope = Literal["separate", "joint", "gallery"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_FUSED_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The features of the query, or of the gallery; row i is one picture.

    vectors:   float32 (n, d)  finite, not zero
    cameras:   int64 (n,)
    generated: float32 (m, d)  features of generated pictures, of all references
    owned:     n sequences of rows of ``generated``: those made from picture i; empty: none anywhere
    """

    vectors: Floats
    cameras: NDArray[np.int64]
    generated: Floats | None = None
    owned: Sequence[Sequence[int]] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which steps are taken.

    nfc: (k1, k2) of neighbor feature centralization; None leaves it out.
    scope: whose neighbours count. ``separate``: the query's among the query, the gallery's among the gallery
        (as upstream); ``joint``: both together; ``gallery``: only the gallery is centralized.
    cross_camera: neighbours only from other cameras.
    camera_mean: remove the mean of each camera's pictures, query and gallery together.
    eta: weight of generated pictures.
    """

    nfc: tuple[int, int] | None = None
    scope: Scope = "separate"
    cross_camera: bool = False
    camera_mean: bool = False
    eta: float = 1.0


def centralize(recipe: Recipe, query: Side, gallery: Side) -> tuple[Floats, Floats]:
    """Apply a recipe.

    Returns:
        The features of the query and of the gallery, float32 (q, d) and (g, d), unit length.

    Raises:
        ConfigError: the recipe asks for what these features cannot give (more neighbours than pictures, the
            mean of a camera with one picture).
    """
    split = len(query.vectors)
    both = np.concatenate([_fused(query, recipe.eta), _fused(gallery, recipe.eta)])
    cameras = np.concatenate([query.cameras, gallery.cameras])
    if recipe.camera_mean:
        both = _without_camera_means(both, cameras)
    if recipe.nfc is not None:
        parts = {
            "separate": [("the query", slice(0, split)), ("the gallery", slice(split, None))],
            "joint": [("the query and gallery", slice(0, None))],
            "gallery": [("the gallery", slice(split, None))],
        }
        for name, part in parts[recipe.scope]:
            both[part] = _with_neighbours(both[part], cameras[part], recipe, recipe.nfc, name)
    units = _unit(both)
    return units[:split], units[split:]


def _fused(side: Side, eta: float) -> Floats:
    """Unit vectors, with the generated pictures' added where there are any, (n, d)."""
    rows = _unit(side.vectors)
    if side.generated is None or not any(side.owned):
        return rows
    from edge.centralize import fuse_generated

    generated = _unit(side.generated)
    most = max(len(owned) for owned in side.owned)
    for start in range(0, len(rows), _FUSED_AT_ONCE):
        owned = side.owned[start : start + _FUSED_AT_ONCE]
        mask = np.zeros((len(owned), most), dtype=bool)
        pictures = np.zeros((len(owned), most, rows.shape[1]), dtype=np.float32)
        for row, which in enumerate(owned):
            mask[row, : len(which)] = True
            pictures[row, : len(which)] = generated[list(which)]
        stop = start + len(owned)
        try:
            rows[start:stop] = fuse_generated(rows[start:stop], pictures, eta=eta, mask=mask)
        except ValueError as error:
            raise ConfigError(f"of pictures {start} to {stop - 1}: {error}", key="--ipg") from None
    return rows


def _without_camera_means(rows: Floats, cameras: NDArray[np.int64]) -> Floats:
    from edge.centralize import remove_camera_mean

    names, counts = np.unique(cameras, return_counts=True)
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        if count < 2:
            raise ConfigError(
                f"camera {name} has one picture, and nothing is left of it without its camera's mean; "
                "leave the option or the picture out",
                key="--camera-mean",
            )
    try:
        return remove_camera_mean(rows, cameras)
    except ValueError as error:
        raise ConfigError(str(error), key="--camera-mean") from None


def _with_neighbours(
    rows: Floats, cameras: NDArray[np.int64], recipe: Recipe, k: tuple[int, int], name: str
) -> Floats:
    from edge.centralize import neighbor_centralize

    k1, k2 = k
    if k1 >= len(rows):
        raise ConfigError(
            f"K1 must be less than the number of pictures (got {k1}, {name} has {len(rows)}); "
            "take a smaller one, or another --scope",
            key="--nfc",
        )
    if recipe.cross_camera and len(np.unique(cameras)) < 2:
        raise ConfigError(f"{name} comes from one camera, so there are no others", key="--cross-camera")
    groups = cameras if recipe.cross_camera else None
    try:
        return neighbor_centralize(rows, k1, k2, groups=groups)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}", key="--nfc") from None


def _unit(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float32)
