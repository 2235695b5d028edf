"""Colours of clothes, skin and hair over the surface of a figure.

Each function is given where the faces of one part lie: ``along`` from the part's beginning (0) to its end (1)
and ``around`` in radians, 0 in front, positive to the person's left (on limbs to the right), and returns one
colour per face.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.site.people import Bgr, Look

__all__ = [
    "bag_colours",
    "foot_colours",
    "forearm_colours",
    "head_colours",
    "plain",
    "shank_colours",
    "skirt_colours",
    "thigh_colours",
    "torso_colours",
    "upper_arm_colours",
]

Colours = NDArray[np.float32]
Reals = NDArray[np.float64]

_LONG_SLEEVES = frozenset({"shirt", "jacket", "open", "hoodie", "coat"})


def plain(colour: Bgr, along: Reals) -> Colours:
    """One colour for all faces."""
    return np.full((len(along), 3), colour, dtype=np.float32)


def torso_colours(look: Look, along: Reals, around: Reals) -> Colours:
    """Chest, belly, back and the seat of the trousers."""
    out = _patterned(look, along * 0.55, around)
    front = np.abs(around) < 0.9
    if look.upper == "open":
        out[np.abs(around) < 0.55 - 0.25 * along] = look.inner_bgr
    elif look.upper in ("jacket", "coat", "hoodie"):
        out[np.abs(around) < 0.14] *= 0.62  # the zip
    if look.front_print:
        out[front & (np.abs(around) < 0.75) & (along > 0.45) & (along < 0.78)] = look.second_bgr
    if look.back_print:
        out[(np.abs(around) > 2.3) & (along > 0.5) & (along < 0.8)] = look.second_bgr
    if look.upper == "hoodie":
        out[(np.abs(around) > 1.9) & (along > 0.82)] *= 0.72
    if look.upper in ("tee", "dress"):
        out[(np.abs(around) < 0.8) & (along > 0.97)] = look.skin_bgr
    if look.bag == "backpack":
        out[(np.abs(np.abs(around) - 0.75) < 0.22) & (along > 0.35)] = look.bag_bgr
    elif look.bag == "shoulder":
        line = 1.0 - along - 0.32 * (around + 1.6)  # from the right shoulder to the left hip
        out[front & (np.abs(line - 0.0) < 0.09)] = look.bag_bgr
        out[~front & (np.abs(np.abs(around) - 2.2) < 0.25) & (np.abs(along - 0.6) < 0.2)] = look.bag_bgr
    hem = {"jacket": -0.02, "open": -0.02, "coat": -1.0, "dress": -1.0}.get(look.upper, 0.06)
    below = along < hem
    out[below] = look.lower_bgr
    out[below & (along > hem - 0.05)] *= 0.6
    return out


def upper_arm_colours(look: Look, along: Reals, around: Reals) -> Colours:
    """Sleeves, short or long."""
    out = plain(look.upper_bgr, along)
    if look.pattern == "hoops":
        out[_bands(along * 0.30)] = look.second_bgr
    elif look.pattern == "sides" or (look.pattern == "yoke" and look.upper != "open"):
        out[(np.abs(around) > 0.6) & (np.abs(around) < 2.5) | (along < 0.2)] = look.second_bgr
    if look.upper not in _LONG_SLEEVES:
        out[along > (0.60 if look.upper == "tee" else 0.15)] = look.skin_bgr
    return out


def forearm_colours(look: Look, along: Reals, around: Reals) -> Colours:
    """Sleeves to the wrist, or skin."""
    if look.upper not in _LONG_SLEEVES:
        return plain(look.skin_bgr, along)
    out = plain(look.upper_bgr, along)
    if look.pattern == "hoops":
        out[_bands(along * 0.26 + 0.3)] = look.second_bgr
    out[along > 0.95] *= 0.75
    return out


def thigh_colours(look: Look, along: Reals, around: Reals) -> Colours:
    """Trousers or skin above the knee."""
    out = plain(look.lower_bgr, along)
    if look.lower == "skirt":
        out[along > 0.5] = look.skin_bgr
    elif look.lower == "shorts":
        out[along > 0.88] = look.skin_bgr
    return out


def shank_colours(look: Look, along: Reals, around: Reals) -> Colours:
    """Trousers or skin below the knee, and the sock."""
    if look.lower == "trousers":
        return plain(look.lower_bgr, along)
    out = plain(look.skin_bgr, along)
    if look.lower == "shorts":
        out[along > 0.82] = (225, 225, 225) if look.grain % 2 else (40, 40, 40)
    return out


def foot_colours(look: Look, along: Reals, around: Reals) -> Colours:
    """Shoes with a sole that is lighter or darker."""
    out = plain(look.shoes_bgr, along)
    sole = np.abs(around) > 2.2
    out[sole] = (220, 220, 220) if look.grain % 3 == 0 else (35, 35, 35)
    return out


def skirt_colours(look: Look, along: Reals, around: Reals) -> Colours:
    """The part of a coat, dress or skirt that hangs below the hips."""
    if look.upper == "coat":
        out = plain(look.upper_bgr, along)
        out[np.abs(around) < 0.2] *= 0.6
        return out
    if look.upper == "dress":
        return _patterned(look, along * 0.5 + 0.02, around)
    return plain(look.lower_bgr, along)


def head_colours(look: Look, along: Reals, around: Reals) -> Colours:
    """Face, hair and hat; ``along`` runs from the chin to the crown."""
    out = plain(look.skin_bgr, along)
    aside = np.abs(around)
    brow = 0.74
    hairline = {"bald": 9.0, "short": brow + 0.04, "long": brow + 0.04, "bun": brow + 0.04}[look.hair]
    hair = along > np.where(aside < 0.9, hairline, 9.0)
    if look.hair != "bald":
        hair |= (aside > 1.25) & (along > np.where(aside > 1.9, 0.22, 0.45)) & (along > 0.1)
        hair |= (aside >= 0.85) & (along > 0.70)
        if look.hair == "long":
            hair |= aside > 1.35
    out[hair] = look.hair_bgr
    face = ~hair
    out[face & (np.abs(aside - 0.38) < 0.20) & (np.abs(along - 0.55) < 0.06)] *= 0.45
    out[face & (aside < 0.3) & (np.abs(along - 0.22) < 0.06)] *= (0.65, 0.65, 0.85)
    if look.grain % 5 == 0 and look.shoulders > 1.0:
        out[face & (along < 0.26)] = look.hair_bgr
    if look.hat != "none":
        out[along > np.where(aside < 1.0, 0.70, 0.60)] = look.hat_bgr
    return out


def bag_colours(look: Look, along: Reals, around: Reals) -> Colours:
    """A bag with a darker pocket."""
    out = plain(look.bag_bgr, along)
    out[(along < 0.45) & (np.abs(around) > 2.4)] *= 0.7
    return out


def _bands(length: Reals) -> NDArray[np.bool_]:
    """Every other stretch of 6 cm, if ``length`` is about metres."""
    return np.asarray((np.floor(length / 0.062) % 2) == 1)


def _patterned(look: Look, height: Reals, around: Reals) -> Colours:
    out = plain(look.upper_bgr, height)
    if look.pattern == "hoops":
        out[_bands(height)] = look.second_bgr
    elif look.pattern == "stripes":
        out[(np.floor(around / 0.26) % 2) == 1] = look.second_bgr
    elif look.pattern == "checks":
        mix = 0.5 * ((np.floor(around / 0.35) % 2) == 1) + 0.5 * _bands(height)
        out += mix[:, None].astype(np.float32) * (np.array(look.second_bgr, np.float32) - out)
    elif look.pattern == "yoke":
        out[height > 0.41] = look.second_bgr
    elif look.pattern == "sides":
        out[np.abs(np.abs(around) - 1.57) < 0.45] = look.second_bgr
    return out
