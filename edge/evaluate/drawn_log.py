"""Prototypes as the notes of a run keep them: vectors end to end, the rest as JSON, no pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.records import Arrivals, Crop, Prototype

__all__ = ["pack_arrivals", "unpack_arrivals", "without_pictures"]

NO_PICTURE = np.zeros((0, 0, 3), np.uint8)
NO_PICTURES = np.zeros((0, 0, 0, 3), np.uint8)


def without_pictures(arrivals: Arrivals) -> Arrivals:
    """The same without any pixel."""
    bare = tuple(
        replace(
            one,
            reference=replace(one.reference, pixels=NO_PICTURE),
            pictures_bgr_mhwc=NO_PICTURES,
        )
        for one in arrivals.prototypes
    )
    return Arrivals(bare, arrivals.gone)


def pack_arrivals(arrivals: Sequence[Arrivals]) -> tuple[list[dict[str, Any]], NDArray[np.float32]]:
    """Everything but pictures, as JSON knows it, and the vectors end to end, float32 (n,)."""
    vectors: list[NDArray[np.float32]] = [np.zeros(0, np.float32)]
    told = []
    for one in arrivals:
        rows = []
        for drawn in one.prototypes:
            vectors += [drawn.real, drawn.generated.ravel()]
            crop = drawn.reference
            rows.append(
                {
                    "identity": drawn.identity,
                    "version": drawn.version,
                    "made_at_ns": drawn.made_at_ns,
                    "eta": drawn.eta,
                    "poses": drawn.poses,
                    "rejected": drawn.rejected,
                    "model": drawn.model,
                    "generator": drawn.generator,
                    "dim": len(drawn.real),
                    "shape": drawn.generated.shape,
                    "reference": [
                        crop.camera,
                        int(crop.track),
                        int(crop.frame_number),
                        int(crop.captured_at_ns),
                        float(crop.quality),
                    ],
                }
            )
        told.append({"prototypes": rows, "gone": list(one.gone)})
    return told, np.concatenate(vectors).astype(np.float32)


def unpack_arrivals(told: Sequence[Mapping[str, Any]], vectors: NDArray[np.generic]) -> list[Arrivals]:
    """What :func:`pack_arrivals` packed.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    flat = vectors.astype(np.float32)
    place = 0

    def cut(shape: Sequence[int]) -> NDArray[np.float32]:
        nonlocal place
        size = int(np.prod(shape))
        place += size
        return flat[place - size : place].reshape(tuple(shape))

    found = []
    for one in told:
        prototypes = []
        for row in one["prototypes"]:
            camera, track, frame_number, captured_at_ns, quality = row["reference"]
            real = cut([row["dim"]])
            prototypes.append(
                Prototype(
                    identity=row["identity"],
                    version=row["version"],
                    made_at_ns=row["made_at_ns"],
                    real=real,
                    generated=cut(row["shape"]),
                    eta=row["eta"],
                    poses=tuple(row["poses"]),
                    rejected=row["rejected"],
                    model=row["model"],
                    generator=row["generator"],
                    reference=Crop(camera, track, frame_number, captured_at_ns, quality, NO_PICTURE),
                    pictures_bgr_mhwc=NO_PICTURES,
                )
            )
        found.append(Arrivals(tuple(prototypes), tuple(one["gone"])))
    return found
