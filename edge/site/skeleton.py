"""How bodies move: joint angles of walking, standing and other stances, and where the joints then are.

A person's own frame is x forward, y to the left, z up, metres; the lower foot stands on z = 0. The 18
keypoints are in OpenPose's COCO order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.site.people import Look

__all__ = [
    "JOINTS",
    "KEYPOINT_NAMES",
    "Stance",
    "articulate",
    "blend",
    "place_joints",
    "random_stance",
    "stand",
    "stride_m",
    "walk",
]

KEYPOINT_NAMES = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)
# The keypoints, and further points the surface is hung on.
JOINTS = (
    *KEYPOINT_NAMES,
    "pelvis",
    "chin",
    "crown",
    "right_hand",
    "left_hand",
    "right_heel",
    "right_toe",
    "left_heel",
    "left_toe",
    "head",
)

# Lengths as shares of the body's height (anthropometric means, rounded).
_SOLE, _SHANK, _THIGH, _TRUNK = 0.042, 0.243, 0.247, 0.292
_UPPER_ARM, _FOREARM, _HAND = 0.172, 0.148, 0.09
_SHOULDER, _HIP, _FOOT = 0.105, 0.052, 0.15
_DEG = math.pi / 180


@dataclass(frozen=True, slots=True)
class Stance:
    """Joint angles in radians; pairs are right, left.

    hip, knee, spread: flexion forward, flexion back, legs apart.
    shoulder, elbow, away, inward: arm forward, elbow bent, arm away from the body, forearm turned in.
    lean, sway: trunk forward, trunk to the left.
    twist: shoulders turned to the left against the hips.
    look_aside, nod: head to the left, head down.
    """

    hip: tuple[float, float] = (0.0, 0.0)
    knee: tuple[float, float] = (0.05, 0.05)
    spread: tuple[float, float] = (0.04, 0.04)
    shoulder: tuple[float, float] = (0.0, 0.0)
    elbow: tuple[float, float] = (0.15, 0.15)
    away: tuple[float, float] = (0.12, 0.12)
    inward: tuple[float, float] = (0.0, 0.0)
    lean: float = 0.02
    sway: float = 0.0
    twist: float = 0.0
    look_aside: float = 0.0
    nod: float = 0.0


def stride_m(look: Look, speed_m_s: float) -> float:
    """Length of two steps at a speed: people lengthen their steps as they quicken them."""
    return look.height_m * (0.42 + 0.26 * min(max(speed_m_s, 0.3), 2.2))


def walk(look: Look, phase: float, speed_m_s: float, look_aside: float = 0.0) -> Stance:
    """Joint angles of walking.

    Args:
        look: whose arms swing, hold a telephone, a strap, or are in the pockets.
        phase: 0 to 2 pi over two steps; 0 is the right heel's touch-down.
        speed_m_s: 1.3 is usual; the angles grow with it.
        look_aside: head to the left, radians.
    """
    vigour = min(max(speed_m_s / 1.35, 0.3), 1.6)
    hips, knees = zip(
        *(_leg(phase, vigour), _leg(phase + math.pi, vigour)),
        strict=True,
    )
    swing = 0.42 * vigour * math.cos(phase)
    bend = 0.25 + 0.15 * vigour
    stance = Stance(
        hip=(hips[0], hips[1]),
        knee=(knees[0], knees[1]),
        shoulder=(-swing, swing),
        elbow=(bend + 0.2 * max(0.0, -swing), bend + 0.2 * max(0.0, swing)),
        lean=0.03 + 0.03 * vigour,
        sway=0.03 * math.sin(phase),
        twist=0.10 * vigour * math.cos(phase),
        look_aside=look_aside,
    )
    return _with_habit(stance, look.arms)


def stand(look: Look, phase: float = 0.0, look_aside: float = 0.0) -> Stance:
    """Joint angles of somebody who waits; ``phase`` shifts the weight slowly."""
    shift = math.sin(phase)
    stance = Stance(
        hip=(0.03 * shift, -0.03 * shift),
        knee=(0.06 + 0.05 * max(shift, 0.0), 0.06 + 0.05 * max(-shift, 0.0)),
        spread=(0.07, 0.07),
        sway=0.02 * shift,
        twist=0.06 * shift,
        look_aside=look_aside,
    )
    return _with_habit(stance, look.arms)


def random_stance(look: Look, rng: np.random.Generator) -> Stance:
    """Any stance people are seen in: mostly walking and standing, sometimes reaching, bent or sitting."""
    kind = rng.random()
    aside = float(rng.normal(0.0, 0.35))
    phase = float(rng.uniform(0.0, 2 * math.pi))
    if kind < 0.55:
        return walk(look, phase, float(rng.uniform(0.4, 1.9)), aside)
    if kind < 0.80:
        return stand(look, phase, aside)
    u = [float(v) for v in rng.random(11)]
    reaching = Stance(
        shoulder=(2.6 * u[0] ** 2, 2.6 * u[1] ** 2),
        elbow=(1.9 * u[2], 1.9 * u[3]),
        away=(0.1 + 0.7 * u[4] ** 2, 0.1 + 0.7 * u[5] ** 2),
        inward=(u[6], u[7]),
        look_aside=aside,
        nod=0.5 * u[8],
    )
    if kind < 0.90:
        return replace(reaching, spread=(0.05 + 0.2 * u[9], 0.05 + 0.2 * u[9]), lean=0.15 * u[10])
    if kind < 0.95:  # bent over something, or crouching
        return replace(
            reaching,
            hip=(0.2 + u[9], 0.2 + 0.9 * u[9]),
            knee=(0.2 + 1.6 * u[9], 0.2 + 1.5 * u[9]),
            lean=0.3 + 0.6 * u[10],
        )
    return replace(reaching, hip=(1.5, 1.5), knee=(1.45, 1.5), spread=(0.12, 0.12), lean=0.25 * u[10])


def blend(one: Stance, other: Stance, share: float) -> Stance:
    """The stance between two, ``share`` of the way to the other."""

    def between(a: float, b: float) -> float:
        return a + share * (b - a)

    pairs = {
        name: (
            between(getattr(one, name)[0], getattr(other, name)[0]),
            between(getattr(one, name)[1], getattr(other, name)[1]),
        )
        for name in ("hip", "knee", "spread", "shoulder", "elbow", "away", "inward")
    }
    return Stance(
        **pairs,
        lean=between(one.lean, other.lean),
        sway=between(one.sway, other.sway),
        twist=between(one.twist, other.twist),
        look_aside=between(one.look_aside, other.look_aside),
        nod=between(one.nod, other.nod),
    )


def place_joints(
    joints_m: NDArray[np.float64], spot_m: tuple[float, float], heading: float
) -> NDArray[np.float64]:
    """Joints of a person's own frame in the world: turned to a heading (0 is east) and moved."""
    c, s = math.cos(heading), math.sin(heading)
    out = np.empty_like(joints_m)
    out[:, 0] = c * joints_m[:, 0] - s * joints_m[:, 1] + spot_m[0]
    out[:, 1] = s * joints_m[:, 0] + c * joints_m[:, 1] + spot_m[1]
    out[:, 2] = joints_m[:, 2]
    return out


def articulate(look: Look, stance: Stance) -> NDArray[np.float64]:
    """Where the joints are.

    Args:
        look: gives the lengths.
        stance: gives the angles.

    Returns:
        float64 (28, 3) metres, one row per name of :data:`JOINTS`; the first 18 are the keypoints. The
        pelvis is above the origin and the lowest sole or joint at z = 0.
    """
    tall = look.height_m
    joints: dict[str, tuple[float, float, float]] = {}
    trunk = _TRUNK * tall
    sin_lean, cos_lean = math.sin(stance.lean), math.cos(stance.lean)
    up = (sin_lean * math.cos(stance.sway), math.sin(stance.sway), cos_lean * math.cos(stance.sway))
    neck = (up[0] * trunk, up[1] * trunk, up[2] * trunk)
    joints["pelvis"] = (0.0, 0.0, 0.0)
    joints["neck"] = neck
    low = 0.0
    for side, (name, s) in enumerate((("right", -1.0), ("left", 1.0))):
        low = min(low, _place_leg(joints, stance, tall, name, s, side, look.hips))
        _place_arm(joints, stance, tall, name, s, side, neck, up, look.shoulders)
    _place_head(joints, stance, tall, neck, up)
    table = np.array([joints[name] for name in JOINTS])
    table[:, 2] -= low
    return table


def _leg(phase: float, vigour: float) -> tuple[float, float]:
    """Hip and knee flexion of one leg; its heel touches down at phase 0."""
    cycle = (phase / (2 * math.pi)) % 1.0
    hip = (0.10 + 0.42 * math.cos(phase)) * (0.45 + 0.55 * vigour)
    knee = 0.08 + 0.28 * _bump(cycle, 0.14, 0.09) * vigour + (0.55 + 0.5 * vigour) * _bump(cycle, 0.73, 0.11)
    return hip, knee


def _bump(cycle: float, centre: float, width: float) -> float:
    away = min(abs(cycle - centre), 1.0 - abs(cycle - centre))
    return math.exp(-0.5 * (away / width) ** 2)


def _with_habit(stance: Stance, arms: str) -> Stance:
    right, left = stance.shoulder
    if arms == "pockets":
        return replace(
            stance, shoulder=(-0.25, -0.25), elbow=(0.75, 0.75), away=(0.30, 0.30), inward=(0.55, 0.55)
        )
    if arms == "phone":
        return replace(
            stance,
            shoulder=(0.45, left),
            elbow=(1.75, stance.elbow[1]),
            away=(0.15, 0.12),
            inward=(0.45, 0.0),
            nod=0.35,
        )
    if arms == "strap":
        return replace(
            stance,
            shoulder=(right, 0.15),
            elbow=(stance.elbow[0], 2.25),
            away=(0.12, 0.25),
            inward=(0.0, 0.35),
        )
    return stance


def _place_leg(
    joints: dict[str, tuple[float, float, float]],
    stance: Stance,
    tall: float,
    name: str,
    s: float,
    side: int,
    hips: float,
) -> float:
    """Hang a leg on the pelvis and return the height of its lowest point."""
    turn = -0.4 * stance.twist
    half = _HIP * tall * hips
    hip = (-s * half * math.sin(turn), s * half * math.cos(turn), 0.0)
    angle, out = stance.hip[side], stance.spread[side]
    lateral = s * math.sin(out)
    thigh = _THIGH * tall
    knee = (
        hip[0] + thigh * math.sin(angle) * math.cos(out),
        hip[1] + thigh * lateral * abs(math.cos(angle)),
        hip[2] - thigh * math.cos(angle) * math.cos(out),
    )
    lower = angle - stance.knee[side]
    shank = _SHANK * tall
    ankle = (
        knee[0] + shank * math.sin(lower),
        knee[1] + 0.3 * shank * lateral * abs(math.cos(lower)),
        knee[2] - shank * math.cos(lower),
    )
    pitch = min(max(0.75 * lower + 0.05, -1.0), 0.35)
    ahead = (math.cos(pitch), 0.10 * s, math.sin(pitch))
    foot, drop = _FOOT * tall, 0.55 * _SOLE * tall
    heel = (
        ankle[0] - 0.28 * foot * ahead[0] + drop * ahead[2],
        ankle[1],
        ankle[2] - 0.28 * foot * ahead[2] - drop,
    )
    toe = (heel[0] + foot * ahead[0], heel[1] + foot * ahead[1], heel[2] + foot * ahead[2] - 0.1 * drop)
    joints |= {
        f"{name}_hip": hip,
        f"{name}_knee": knee,
        f"{name}_ankle": ankle,
        f"{name}_heel": heel,
        f"{name}_toe": toe,
    }
    return min(heel[2], toe[2], knee[2] - 0.01 * tall) - 0.45 * _SOLE * tall


def _place_arm(
    joints: dict[str, tuple[float, float, float]],
    stance: Stance,
    tall: float,
    name: str,
    s: float,
    side: int,
    neck: tuple[float, float, float],
    up: tuple[float, float, float],
    shoulders: float,
) -> None:
    half, down = _SHOULDER * tall * shoulders, 0.022 * tall
    twist = stance.twist
    root = (
        neck[0] - s * half * math.sin(twist) - down * up[0],
        neck[1] + s * half * math.cos(twist) - down * up[1],
        neck[2] - down * up[2] - s * half * up[1],
    )
    angle = stance.shoulder[side] + 0.6 * stance.lean
    out = stance.away[side]
    upper = _UPPER_ARM * tall
    elbow = (
        root[0] + upper * math.sin(angle) * math.cos(out),
        root[1] + upper * s * math.sin(out),
        root[2] - upper * math.cos(angle) * math.cos(out),
    )
    fold, turn = angle + stance.elbow[side], stance.inward[side]
    ahead = math.sin(fold)
    away = 0.5 * math.sin(out) - ahead * math.sin(turn)
    bone = (ahead * math.cos(turn), s * away, -math.cos(fold))
    length = math.sqrt(sum(c * c for c in bone)) or 1.0
    wrist, hand = (
        tuple(e + reach * tall * c / length for e, c in zip(elbow, bone, strict=True))
        for reach in (_FOREARM, _FOREARM + _HAND)
    )
    joints |= {
        f"{name}_shoulder": root,
        f"{name}_elbow": elbow,
        f"{name}_wrist": (wrist[0], wrist[1], wrist[2]),
        f"{name}_hand": (hand[0], hand[1], hand[2]),
    }


def _place_head(
    joints: dict[str, tuple[float, float, float]],
    stance: Stance,
    tall: float,
    neck: tuple[float, float, float],
    up: tuple[float, float, float],
) -> None:
    yaw, nod = stance.look_aside + 0.5 * stance.twist, stance.nod + 0.5 * stance.lean
    ahead = (math.cos(yaw) * math.cos(nod), math.sin(yaw) * math.cos(nod), -math.sin(nod))
    left = (-math.sin(yaw), math.cos(yaw), 0.0)
    top = (math.cos(yaw) * math.sin(nod), math.sin(yaw) * math.sin(nod), math.cos(nod))
    lift = 0.103 * tall
    centre = (
        neck[0] + lift * (0.7 * up[0] + 0.3 * top[0]) + 0.008 * tall,
        neck[1] + lift * up[1],
        neck[2] + lift * (0.7 * up[2] + 0.3 * top[2]),
    )

    def at(forward: float, aside: float, above: float) -> tuple[float, float, float]:
        x, y, z = (
            c + tall * (forward * f + aside * a + above * t)
            for c, f, a, t in zip(centre, ahead, left, top, strict=True)
        )
        return x, y, z

    joints |= {
        "head": centre,
        "chin": at(0.012, 0.0, -0.066),
        "crown": at(0.0, 0.0, 0.066),
        "nose": at(0.057, 0.0, -0.008),
        "right_eye": at(0.047, -0.018, 0.008),
        "left_eye": at(0.047, 0.018, 0.008),
        "right_ear": at(0.0, -0.041, 0.0),
        "left_ear": at(0.0, 0.041, 0.0),
    }
