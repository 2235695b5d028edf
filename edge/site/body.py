"""The surface of a figure: elliptical tubes hung on the bones, as faces with four corners.

The surface is made once per look and level of detail (:func:`figure_of`); :func:`pose_figures` poses those of
many people in a few array operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.site import dress
from edge.site.people import Look
from edge.site.skeleton import JOINTS

__all__ = ["DETAIL_LEVELS", "Figure", "figure_of", "pose_figures"]

Reals = NDArray[np.float64]
DETAIL_LEVELS = 3

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
_TORSO, _NECK, _HEAD = 0, 1, 2
_UPPER_ARMS, _FOREARMS, _HANDS = (3, 4), (5, 6), (7, 8)
_THIGHS, _SHANKS, _FEET = (9, 10), (11, 12), (13, 14)
_SKIRT, _TOTE = 15, 16  # bones that are computed, not joined
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
    frames[:, _SKIRT, 0:3] = pelvis
    frames[:, _SKIRT, 3:6] = 0.5 * (joints_m[:, _J["right_knee"]] + joints_m[:, _J["left_knee"]]) - pelvis
    frames[:, _TOTE, 0:3] = hand
    frames[:, _TOTE, 3:6] = (0.0, 0.0, -0.34)
    units = frames[:, :, 3:6] / _length(frames[:, :, 3:6])
    hips = joints_m[:, _J["left_hip"]] - joints_m[:, _J["right_hip"]]
    shoulders = joints_m[:, _J["left_shoulder"]] - joints_m[:, _J["right_shoulder"]]
    lateral = np.empty((count, BONES, 3))
    lateral[:] = hips[:, None]
    lateral[:, _TORSO] = hips / _length(hips) + shoulders / _length(shoulders)
    lateral[:, 3:9] = shoulders[:, None]
    lateral[:, _NECK] = lateral[:, _HEAD] = joints_m[:, _J["left_ear"]] - joints_m[:, _J["right_ear"]]
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


class _Tailor:
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


@lru_cache(maxsize=8192)
def figure_of(look: Look, level: int) -> Figure:
    """The surface of a person.

    Args:
        look: who.
        level: detail, 0 (for people of less than 40 pixels) to 2 (for close ones).
    """
    tailor = _Tailor(look, level)
    _add_torso(tailor, look)
    _add_head(tailor, look)
    _add_arms(tailor, look)
    _add_legs(tailor, look)
    _add_bag(tailor, look)
    return tailor.finish(look.grain)


def _pick(level: int, *choices: int) -> int:
    return choices[level]


def _add_torso(tailor: _Tailor, look: Look) -> None:
    thick = {"jacket": 0.022, "open": 0.022, "coat": 0.026, "hoodie": 0.018, "tee": 0.006, "shirt": 0.008}
    more = thick.get(look.upper, 0.004)
    g, hips, chest = look.girth, look.hips, look.shoulders
    belly = max(0.0, g - 1.0) * 0.06
    profile = [
        (-0.16, 0.060, 0.050),
        (-0.10, 0.125 * hips * g, 0.100 * g),
        (0.00, 0.160 * hips * g + more / 2, 0.112 * g + more / 2),
        (0.20, 0.145 * (0.6 * hips + 0.4 * chest) * g + more, 0.100 * g + more + belly),
        (0.40, 0.138 * chest * g + more, 0.100 * g + more + belly),
        (0.62, 0.158 * chest * g + more, 0.115 * g + more),
        (0.80, 0.172 * chest + more, 0.112 * g + more),
        (0.92, 0.160 * chest + more, 0.090 * g + more),
        (1.00, 0.085, 0.065),
        (1.05, 0.055, 0.052),
    ]
    level = tailor.level
    along, around = tailor.tube(_TORSO, profile, _pick(level, 7, 12, 16), _pick(level, 6, 9, 15), square=2.5)
    tailor.colour(dress.torso_colours(look, along, around))
    if look.upper in ("coat", "dress") or look.lower == "skirt":
        long = {"coat": 1.08, "dress": 1.0}.get(look.upper, 0.82)
        flare = 0.03 if look.upper == "coat" else 0.05
        profile = [
            (-0.10, 0.158 * hips * g + more, 0.110 * g + more),
            (0.25, 0.178 * hips * g + more, 0.130 * g + more),
            (long, 0.185 * hips * g + more + flare, 0.150 * g + more + flare),
            (long + 0.02, 0.08, 0.06),
        ]
        along, around = tailor.tube(_SKIRT, profile, _pick(level, 6, 10, 16), _pick(level, 3, 4, 6))
        tailor.colour(dress.skirt_colours(look, along, around))


def _add_head(tailor: _Tailor, look: Look) -> None:
    level = tailor.level
    along, _ = tailor.tube(_NECK, [(-0.1, 0.058, 0.060), (0.75, 0.054, 0.056)], _pick(level, 5, 7, 10), 1)
    tailor.colour(dress.plain(look.skin_bgr, along))
    puff = 0.0 if look.hair == "bald" else 0.008
    profile = [
        (-0.03, 0.015, 0.020),
        (0.04, 0.044, 0.062),
        (0.22, 0.062, 0.084),
        (0.45, 0.073 + puff / 2, 0.093 + puff / 2),
        (0.68, 0.078 + puff, 0.097 + puff),
        (0.86, 0.066 + puff, 0.082 + puff),
        (0.97, 0.036 + puff, 0.045 + puff),
        (1.02 + puff * 2, 0.004, 0.004),
    ]
    along, around = tailor.tube(
        _HEAD, profile, _pick(level, 6, 9, 14), _pick(level, 5, 7, 11), ahead_m=-0.004
    )
    tailor.colour(dress.head_colours(look, along, around))
    if look.hair == "long":
        mane = [(-0.62, 0.050, 0.010), (-0.45, 0.085, 0.030), (0.10, 0.086, 0.045), (0.5, 0.060, 0.03)]
        along, _ = tailor.tube(_HEAD, mane, _pick(level, 5, 7, 10), _pick(level, 2, 3, 5), ahead_m=-0.062)
        tailor.colour(dress.plain(look.hair_bgr, along))
    elif look.hair == "bun":
        ball = [(0.52, 0.004, 0.004), (0.60, 0.035, 0.035), (0.74, 0.042, 0.042), (0.9, 0.004, 0.004)]
        along, _ = tailor.tube(_HEAD, ball, _pick(level, 5, 6, 8), 3, ahead_m=-0.115)
        tailor.colour(dress.plain(look.hair_bgr, along))
    if look.hat == "cap":
        brim = [(0.70, 0.055, 0.055), (0.76, 0.060, 0.060), (0.765, 0.005, 0.005)]
        along, _ = tailor.tube(_HEAD, brim, _pick(level, 5, 6, 10), 2, ahead_m=0.105)
        tailor.colour(dress.plain(look.hat_bgr, along) * np.float32(0.85))


def _add_arms(tailor: _Tailor, look: Look) -> None:
    level, g = tailor.level, 0.5 + 0.5 * look.girth
    more = {"jacket": 0.014, "open": 0.014, "coat": 0.016, "hoodie": 0.012, "shirt": 0.007}.get(
        look.upper, 0.0
    )
    sleeve = 0.010 if look.upper == "tee" else 0.0
    sides = _pick(level, 4, 6, 9)
    for upper, fore, hand in zip(_UPPER_ARMS, _FOREARMS, _HANDS, strict=True):
        profile = [
            (-0.20, 0.006, 0.006),
            (-0.08, 0.048, 0.048),
            (0.12, 0.058 * g + more, 0.060 * g + more),
            (0.58, 0.049 * g + more + sleeve, 0.050 * g + more + sleeve),
            (1.05, 0.041 * g + more, 0.042 * g + more),
        ]
        along, around = tailor.tube(upper, profile, sides, _pick(level, 3, 4, 7))
        tailor.colour(dress.upper_arm_colours(look, along, around))
        profile = [
            (-0.05, 0.041 * g + more, 0.042 * g + more),
            (0.30, 0.042 * g + more, 0.042 * g + more),
            (1.00, 0.029 * g + more, 0.027 * g + more),
        ]
        along, around = tailor.tube(fore, profile, sides, _pick(level, 1, 2, 5))
        tailor.colour(dress.forearm_colours(look, along, around))
        profile = [(-0.05, 0.028, 0.022), (0.50, 0.042, 0.024), (1.05, 0.018, 0.012)]
        along, _ = tailor.tube(hand, profile, _pick(level, 4, 5, 6), _pick(level, 2, 2, 3))
        tailor.colour(dress.plain(look.skin_bgr, along))


def _add_legs(tailor: _Tailor, look: Look) -> None:
    level, g = tailor.level, look.girth
    wide = look.lower == "trousers"
    more = 0.010 + 0.012 * (look.grain % 4) / 3 if wide else 0.0
    short = 0.022 if look.lower == "shorts" else 0.0
    sides = _pick(level, 5, 7, 10)
    for thigh, shank, foot in zip(_THIGHS, _SHANKS, _FEET, strict=True):
        profile = [
            (-0.12, 0.050, 0.060),
            (0.04, 0.081 * g, 0.092 * g),
            (0.35, 0.077 * g + more / 2 + short, 0.084 * g + more / 2 + short),
            (0.86, 0.060 * g + more + short, 0.063 * g + more + short),
            (1.05, 0.053 * g + more, 0.056 * g + more),
        ]
        along, around = tailor.tube(thigh, profile, sides, _pick(level, 3, 4, 8))
        tailor.colour(dress.thigh_colours(look, along, around))
        profile = [
            (-0.07, 0.050 * g + more, 0.052 * g + more),
            (0.28, 0.053 * g + more, 0.058 * g + more),
            (0.85, 0.037 * g + 1.3 * more, 0.041 * g + 1.3 * more),
            (1.04, 0.037 * g + 1.3 * more, 0.041 * g + 1.3 * more),
        ]
        along, around = tailor.tube(shank, profile, sides, _pick(level, 2, 3, 6))
        tailor.colour(dress.shank_colours(look, along, around))
        profile = [
            (-0.04, 0.020, 0.026),
            (0.06, 0.037, 0.043),
            (0.68, 0.047, 0.032),
            (1.00, 0.020, 0.012),
        ]
        along, around = tailor.tube(foot, profile, _pick(level, 4, 5, 7), _pick(level, 2, 3, 5))
        tailor.colour(dress.foot_colours(look, along, around))


def _add_bag(tailor: _Tailor, look: Look) -> None:
    level = tailor.level
    sides, rings = _pick(level, 6, 8, 12), _pick(level, 4, 5, 7)
    if look.bag == "backpack":
        box = [
            (0.14, 0.04, 0.02),
            (0.18, 0.135, 0.075),
            (0.70, 0.140, 0.075),
            (0.90, 0.10, 0.055),
            (0.95, 0.02, 0.02),
        ]
        along, around = tailor.tube(_TORSO, box, sides, rings, ahead_m=-0.115 - 0.10 * look.girth, square=4.0)
    elif look.bag == "shoulder":
        box = [(-0.22, 0.02, 0.05), (-0.20, 0.045, 0.140), (0.22, 0.045, 0.140), (0.25, 0.02, 0.05)]
        along, around = tailor.tube(
            _TORSO, box, sides, rings, aside_m=0.195 * look.hips * look.girth + 0.01, square=4.0
        )
    elif look.bag == "tote":
        box = [
            (0.0, 0.015, 0.02),
            (0.30, 0.03, 0.08),
            (0.32, 0.050, 0.165),
            (1.0, 0.055, 0.170),
            (1.02, 0.01, 0.05),
        ]
        along, around = tailor.tube(_TOTE, box, sides, rings, aside_m=0.03, square=4.0)
    else:
        return
    tailor.colour(dress.bag_colours(look, along, around))
