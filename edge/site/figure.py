"""The parts of a figure: a trunk, a head, arms and legs, and what is worn and carried."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from edge.site import dress
from edge.site.body import (
    FEET,
    FOREARMS,
    HANDS,
    HEAD,
    NECK,
    SHANKS,
    SKIRT,
    THIGHS,
    TORSO,
    TOTE,
    UPPER_ARMS,
    Figure,
)
from edge.site.people import Look
from edge.site.tubes import Tailor

__all__ = ["DETAIL_LEVELS", "figure_of"]

DETAIL_LEVELS = 3


@lru_cache(maxsize=2048)  # some 30 kB each
def figure_of(look: Look, level: int) -> Figure:
    """The surface of a person.

    Args:
        look: who.
        level: detail, 0 (for people of less than 40 pixels) to 2 (for close ones).
    """
    tailor = Tailor(look, level)
    _add_torso(tailor, look)
    _add_head(tailor, look)
    _add_arms(tailor, look)
    _add_legs(tailor, look)
    _add_bag(tailor, look)
    return tailor.finish(look.grain)


def _pick(level: int, *choices: int) -> int:
    return choices[level]


def _add_torso(tailor: Tailor, look: Look) -> None:
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
    along, around = tailor.tube(TORSO, profile, _pick(level, 7, 12, 16), _pick(level, 6, 9, 15), square=2.5)
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
        along, around = tailor.tube(SKIRT, profile, _pick(level, 6, 10, 16), _pick(level, 3, 4, 6))
        tailor.colour(dress.skirt_colours(look, along, around))


def _add_head(tailor: Tailor, look: Look) -> None:
    level = tailor.level
    along, _ = tailor.tube(NECK, [(-0.1, 0.058, 0.060), (0.75, 0.054, 0.056)], _pick(level, 5, 7, 10), 1)
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
    along, around = tailor.tube(HEAD, profile, _pick(level, 6, 9, 14), _pick(level, 5, 7, 11), ahead_m=-0.004)
    tailor.colour(dress.head_colours(look, along, around))
    if look.hair == "long":
        mane = [(-0.62, 0.050, 0.010), (-0.45, 0.085, 0.030), (0.10, 0.086, 0.045), (0.5, 0.060, 0.03)]
        along, _ = tailor.tube(HEAD, mane, _pick(level, 5, 7, 10), _pick(level, 2, 3, 5), ahead_m=-0.062)
        tailor.colour(dress.plain(look.hair_bgr, along))
    elif look.hair == "bun":
        ball = [(0.52, 0.004, 0.004), (0.60, 0.035, 0.035), (0.74, 0.042, 0.042), (0.9, 0.004, 0.004)]
        along, _ = tailor.tube(HEAD, ball, _pick(level, 5, 6, 8), 3, ahead_m=-0.115)
        tailor.colour(dress.plain(look.hair_bgr, along))
    if look.hat == "cap":
        brim = [(0.70, 0.055, 0.055), (0.76, 0.060, 0.060), (0.765, 0.005, 0.005)]
        along, _ = tailor.tube(HEAD, brim, _pick(level, 5, 6, 10), 2, ahead_m=0.105)
        tailor.colour(dress.plain(look.hat_bgr, along) * np.float32(0.85))


def _add_arms(tailor: Tailor, look: Look) -> None:
    level, g = tailor.level, 0.5 + 0.5 * look.girth
    more = {"jacket": 0.014, "open": 0.014, "coat": 0.016, "hoodie": 0.012, "shirt": 0.007}.get(
        look.upper, 0.0
    )
    sleeve = 0.010 if look.upper == "tee" else 0.0
    sides = _pick(level, 4, 6, 9)
    for upper, fore, hand in zip(UPPER_ARMS, FOREARMS, HANDS, strict=True):
        profile = [
            (-0.20, 0.006, 0.006),
            (-0.08, 0.048, 0.048),
            (0.12, 0.058 * g + more, 0.060 * g + more),
            (0.58, 0.049 * g + more + sleeve, 0.050 * g + more + sleeve),
            (1.03, 0.041 * g + more, 0.042 * g + more),
            (1.08, 0.012, 0.012),
        ]
        along, around = tailor.tube(upper, profile, sides, _pick(level, 3, 5, 7))
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


def _add_legs(tailor: Tailor, look: Look) -> None:
    level, g = tailor.level, look.girth
    wide = look.lower == "trousers"
    more = 0.010 + 0.012 * (look.grain % 4) / 3 if wide else 0.0
    short = 0.022 if look.lower == "shorts" else 0.0
    sides = _pick(level, 5, 7, 10)
    for thigh, shank, foot in zip(THIGHS, SHANKS, FEET, strict=True):
        profile = [
            (-0.12, 0.050, 0.060),
            (0.04, 0.081 * g, 0.092 * g),
            (0.35, 0.077 * g + more / 2 + short, 0.084 * g + more / 2 + short),
            (0.86, 0.060 * g + more + short, 0.063 * g + more + short),
            (1.04, 0.053 * g + more, 0.056 * g + more),
            (1.10, 0.015, 0.015),  # closed: a bent knee shows it
        ]
        along, around = tailor.tube(thigh, profile, sides, _pick(level, 3, 5, 8))
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


def _add_bag(tailor: Tailor, look: Look) -> None:
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
        along, around = tailor.tube(TORSO, box, sides, rings, ahead_m=-0.115 - 0.10 * look.girth, square=4.0)
    elif look.bag == "shoulder":
        box = [(-0.22, 0.02, 0.05), (-0.20, 0.045, 0.140), (0.22, 0.045, 0.140), (0.25, 0.02, 0.05)]
        along, around = tailor.tube(
            TORSO, box, sides, rings, aside_m=0.195 * look.hips * look.girth + 0.01, square=4.0
        )
    elif look.bag == "tote":
        box = [
            (0.0, 0.015, 0.02),
            (0.30, 0.03, 0.08),
            (0.32, 0.050, 0.165),
            (1.0, 0.055, 0.170),
            (1.02, 0.01, 0.05),
        ]
        along, around = tailor.tube(TOTE, box, sides, rings, aside_m=0.03, square=4.0)
    else:
        return
    tailor.colour(dress.bag_colours(look, along, around))
