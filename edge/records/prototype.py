"""What the background worker is asked for, and what it gives: generated views of a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.records.crop import Crop

__all__ = ["Arrivals", "IpgJob", "Prototype"]


@dataclass(frozen=True, slots=True, eq=False)
class IpgJob:
    """One person whose further views are to be generated.

    identity: the global id.
    reference: the crop the pictures are drawn from, the best where there are several.
    real: float32 (d,)  quality-weighted mean of the person's embeddings, unit length.
    model: fingerprint of the ReID model that ``real`` comes from.
    value: what having the pictures is worth; among several jobs the one of highest value goes first.
    asked_at_ns: event time at which it was asked for.
    further: other crops of the same person, the most telling first; the poses are drawn from the reference
        and these in turn, so that what one crop does not show does not spoil all pictures.
    """

    identity: int
    reference: Crop
    real: NDArray[np.float32]
    model: str
    value: float
    asked_at_ns: int
    further: tuple[Crop, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Prototype:
    """A person's centralized prototype: the real part and the generated part, with what they were made of.

    identity: the global id.
    version: counts the prototypes of one identity, from 1; 0 before the store has counted it.
    made_at_ns: wall time.
    real: float32 (d,)          the job's; unit length
    generated: float32 (m, d)   embeddings of the generated pictures that were kept, unit length, by the same
        ReID model as ``real``; m may be 0, when the fidelity gate kept none.
    eta: weight of each generated picture in the fusion (:func:`edge.centralize.fuse_generated`).
    poses: names of the m poses.
    rejected: pictures that were drawn and not kept.
    model: fingerprint of the ReID model.
    generator: fingerprint of the generator: its weights, its settings and the pose set.
    reference: the crop the pictures were drawn from, the best of them where there were several.
    pictures_bgr_mhwc: uint8 (m, h, w, 3), blue first; generated, not photographs.
    """

    identity: int
    version: int
    made_at_ns: int
    real: NDArray[np.float32]
    generated: NDArray[np.float32]
    eta: float
    poses: tuple[str, ...]
    rejected: int
    model: str
    generator: str
    reference: Crop
    pictures_bgr_mhwc: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """What has changed among the prototypes since somebody last looked.

    prototypes: new ones, and newer versions; without pictures.
    gone: identities that have none any more.
    """

    prototypes: tuple[Prototype, ...]
    gone: tuple[int, ...] = ()
