"""Where the joints of a body are, given its angles.

A person's own frame is x forward, y to the left, z up, metres; the lower foot stands on z = 0. The 18
keypoints are in OpenPose's COCO order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.site.people import Look
from edge.site.stance import Stance

__all__ = ["JOINTS", "KEYPOINT_NAMES", "articulate", "place_joints"]

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
