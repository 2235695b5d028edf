"""The surface of a body: vertices that hang on bones, and their posing.

A surface is made once per look and level of detail (:mod:`edge.site.figure`); :func:`pose_figures` poses
those of many people in a few array operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.site.skeleton import JOINTS

__all__ = [
    "FEET",
    "FOREARMS",
    "HANDS",
    "HEAD",
    "NECK",
    "SHANKS",
    "SKIRT",
    "THIGHS",
    "TORSO",
    "TOTE",
    "UPPER_ARMS",
    "Figure",
    "pose_figures",
]

Reals = NDArray[np.float64]
_J = {name: number for number, name in enumerate(JOINTS)}


@dataclass(frozen=True, slots=True)
class _Bone:
    """A bone of the surface: from a joint to a joint, and whether it hangs down."""

    start: int
    end: int
    hangs: bool


_BONES = (
    _Bone(_J["pelvis"], _J["neck"], False),
    _Bone(_J["neck"], _J["head"], False),
    _Bone(_J["chin"], _J["crown"], False),
    *(
        _Bone(_J[f"{side}_{start}"], _J[f"{side}_{end}"], True)
        for start, end in (
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
            ("wrist", "hand"),
            ("hip", "knee"),
            ("knee", "ankle"),
            ("heel", "toe"),
        )
        for side in ("right", "left")
    ),
)
_STARTS = np.array([bone.start for bone in _BONES])
_ENDS = np.array([bone.end for bone in _BONES])
_LATERAL = np.array([*(-1.0 if bone.hangs else 1.0 for bone in _BONES), -1.0, -1.0])[:, None]
TORSO, NECK, HEAD = 0, 1, 2
UPPER_ARMS, FOREARMS, HANDS = (3, 4), (5, 6), (7, 8)
THIGHS, SHANKS, FEET = (9, 10), (11, 12), (13, 14)
SKIRT, TOTE = 15, 16  # bones that are computed, not joined
BONES = 17


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A surface that waits for a pose; row i is vertex i, or face i.

    bones: int64 (v,)        the bone a vertex hangs on
    along: float64 (v, 1)    where along the bone, 0 to 1 and a little beyond
    offsets_m: float64 (v, 2) away from the bone, forward and sideways
    faces: int64 (f, 4)      corners, anticlockwise seen from outside
    colours_bgr: float32 (f, 3)
    reach: first and last vertex (not included) of each part, a convex piece
    """

    bones: NDArray[np.int64]
    along: Reals
    offsets_m: Reals
    faces: NDArray[np.int64]
    colours_bgr: NDArray[np.float32]
    reach: tuple[tuple[int, int], ...]


def pose_figures(figures: Sequence[Figure], joints_m: Reals) -> Reals:
    """The surfaces of several people, one after the other.

    Args:
        figures: n surfaces.
        joints_m: float64 (n, 28, 3) their joints.

    Returns:
        float64 (v, 3) vertices in the frame of the joints, v the sum of the figures' vertices.
    """
    frames = _bone_frames(joints_m)
    rows = np.concatenate([one.bones + number * BONES for number, one in enumerate(figures)])
    along = np.concatenate([one.along for one in figures])
    offsets = np.concatenate([one.offsets_m for one in figures])
    frame = frames[rows]
    out = frame[:, 0:3] + along * frame[:, 3:6]
    out += offsets[:, :1] * frame[:, 6:9]
    out += offsets[:, 1:] * frame[:, 9:12]
    return np.asarray(out)


def _bone_frames(joints_m: Reals) -> Reals:
    """float64 (n * 17, 12): begin, axis, forward and sideways of every bone of n people."""
    count, joined = len(joints_m), len(_BONES)
    frames = np.empty((count, BONES, 12))
    frames[:, :joined, 0:3] = joints_m[:, _STARTS]
    frames[:, :joined, 3:6] = joints_m[:, _ENDS] - joints_m[:, _STARTS]
    pelvis, hand = joints_m[:, _J["pelvis"]], joints_m[:, _J["right_hand"]]
    frames[:, SKIRT, 0:3] = pelvis
    frames[:, SKIRT, 3:6] = 0.5 * (joints_m[:, _J["right_knee"]] + joints_m[:, _J["left_knee"]]) - pelvis
    frames[:, TOTE, 0:3] = hand
    frames[:, TOTE, 3:6] = (0.0, 0.0, -0.34)
    units = frames[:, :, 3:6] / _length(frames[:, :, 3:6])
    hips = joints_m[:, _J["left_hip"]] - joints_m[:, _J["right_hip"]]
    shoulders = joints_m[:, _J["left_shoulder"]] - joints_m[:, _J["right_shoulder"]]
    lateral = np.empty((count, BONES, 3))
    lateral[:] = hips[:, None]
    lateral[:, TORSO] = hips / _length(hips) + shoulders / _length(shoulders)
    lateral[:, 3:9] = shoulders[:, None]
    lateral[:, NECK] = lateral[:, HEAD] = joints_m[:, _J["left_ear"]] - joints_m[:, _J["right_ear"]]
    lateral *= _LATERAL
    lateral -= (lateral * units).sum(axis=2, keepdims=True) * units
    lateral /= _length(lateral)
    ahead = frames[:, :, 6:9]
    a, b = lateral, units
    ahead[:, :, 0] = a[:, :, 1] * b[:, :, 2] - a[:, :, 2] * b[:, :, 1]
    ahead[:, :, 1] = a[:, :, 2] * b[:, :, 0] - a[:, :, 0] * b[:, :, 2]
    ahead[:, :, 2] = a[:, :, 0] * b[:, :, 1] - a[:, :, 1] * b[:, :, 0]
    frames[:, :, 9:12] = lateral
    return frames.reshape(count * BONES, 12)


def _length(vectors: Reals) -> Reals:
    return np.asarray(np.maximum(np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)), 1e-6))
