"""What people look like: build, hair, skin, clothes and what they carry.

A look is plain data, so two people can be compared and a look can be a key. Front, back and side differ on
purpose: open jackets and prints in front, hoods, backpacks and hair behind, bags at one side, so that one
view of a person is not the person.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

__all__ = ["ARM_HABITS", "BagKind", "Bgr", "Look", "alike_look", "person_look", "random_look"]

Bgr = tuple[int, int, int]
BagKind = str

ARM_HABITS = ("swing", "swing", "swing", "pockets", "phone", "strap")

_LOOK_STREAM = 0x10_0C  # apart from the streams of poses and views that begin with the same seed

# Hue, saturation, value and weight of what is worn on streets; dark and grey are the most frequent.
_CLOTHES: tuple[tuple[float, float, float, float], ...] = (
    (0.00, 0.00, 0.10, 3.0),  # black
    (0.62, 0.55, 0.22, 2.2),  # navy
    (0.00, 0.00, 0.32, 1.6),  # dark grey
    (0.00, 0.00, 0.60, 1.4),  # grey
    (0.00, 0.00, 0.92, 2.0),  # white
    (0.59, 0.45, 0.45, 1.6),  # denim
    (0.10, 0.30, 0.72, 1.2),  # beige
    (0.07, 0.60, 0.35, 0.9),  # brown
    (0.99, 0.80, 0.70, 1.1),  # red
    (0.58, 0.75, 0.80, 0.9),  # blue
    (0.33, 0.55, 0.40, 0.8),  # green
    (0.22, 0.35, 0.40, 0.6),  # olive
    (0.14, 0.80, 0.90, 0.6),  # yellow
    (0.06, 0.85, 0.90, 0.5),  # orange
    (0.92, 0.45, 0.85, 0.6),  # pink
    (0.78, 0.45, 0.50, 0.5),  # purple
    (0.50, 0.60, 0.60, 0.5),  # teal
)
_SKIN: tuple[Bgr, ...] = (
    (180, 205, 235),
    (150, 185, 225),
    (125, 165, 210),
    (95, 135, 185),
    (65, 100, 150),
    (45, 70, 110),
    (35, 50, 80),
)
_HAIR: tuple[Bgr, ...] = (
    (20, 22, 25),
    (25, 35, 55),
    (35, 55, 90),
    (70, 120, 165),
    (110, 170, 205),
    (40, 70, 140),
    (150, 150, 150),
    (205, 205, 205),
)


@dataclass(frozen=True, slots=True)
class Look:
    """A person's appearance; colours are blue, green, red from 0 to 255.

    height_m: from the floor to the top of the head.
    girth: thickness of body and limbs, 1 is average.
    hips, shoulders: width of either, 1 is average.
    hair: bald, short, long, bun.
    hat: none, cap, beanie.
    upper: tee, shirt, jacket (closed), open (jacket over a shirt), hoodie, coat (to the knees), dress.
    pattern: of the upper clothes: plain, hoops, stripes, checks, yoke (coloured shoulders), sides.
    upper_bgr, second_bgr, inner_bgr: cloth, its pattern, what an open jacket shows.
    front_print, back_print: whether a patch of ``second_bgr`` is on chest or back.
    lower: trousers, shorts, skirt.
    bag: none, backpack, shoulder (at the left hip, strap across), tote (in the right hand).
    arms: what the arms do while walking, one of :data:`ARM_HABITS`.
    grain: seed of small irregularities of the cloth.
    """

    height_m: float
    girth: float
    hips: float
    shoulders: float
    skin_bgr: Bgr
    hair: str
    hair_bgr: Bgr
    hat: str
    hat_bgr: Bgr
    upper: str
    pattern: str
    upper_bgr: Bgr
    second_bgr: Bgr
    inner_bgr: Bgr
    front_print: bool
    back_print: bool
    lower: str
    lower_bgr: Bgr
    shoes_bgr: Bgr
    bag: str
    bag_bgr: Bgr
    arms: str
    grain: int


def random_look(rng: np.random.Generator) -> Look:
    """Dress somebody at random."""
    slim = rng.random() < 0.5
    upper = _pick(rng, ("tee", "shirt", "jacket", "open", "hoodie", "coat", "dress"), (5, 4, 4, 5, 3, 2, 1.0))
    lower = "skirt" if upper == "dress" else _pick(rng, ("trousers", "shorts", "skirt"), (8, 2, 1.2))
    pattern = _pick(rng, ("plain", "hoops", "stripes", "checks", "yoke", "sides"), (6, 2, 1, 1.5, 1.5, 1))
    upper_bgr = _cloth(rng)
    bag = _pick(rng, ("none", "backpack", "shoulder", "tote"), (4, 3, 2, 1.5))
    return Look(
        height_m=float(np.clip(rng.normal(1.66 if slim else 1.76, 0.075), 1.48, 2.0)),
        girth=float(np.clip(rng.normal(1.02, 0.13), 0.8, 1.45)),
        hips=float(rng.normal(1.06 if slim else 0.97, 0.04)),
        shoulders=float(rng.normal(0.94 if slim else 1.05, 0.04)),
        skin_bgr=_near(rng, _SKIN[int(rng.integers(len(_SKIN)))], 8),
        hair=_pick(rng, ("bald", "short", "long", "bun"), (0.6, 5, 4 if slim else 0.5, 1 if slim else 0.1)),
        hair_bgr=_near(rng, _HAIR[int(rng.integers(len(_HAIR)))], 10),
        hat=_pick(rng, ("none", "cap", "beanie"), (7, 1.2, 1)),
        hat_bgr=_cloth(rng),
        upper=upper,
        pattern=pattern,
        upper_bgr=upper_bgr,
        second_bgr=_contrast(rng, upper_bgr),
        inner_bgr=_contrast(rng, upper_bgr),
        front_print=bool(upper in ("tee", "hoodie", "shirt") and rng.random() < 0.45),
        back_print=bool(rng.random() < 0.25),
        lower=lower,
        lower_bgr=_cloth(rng),
        shoes_bgr=_cloth(rng),
        bag=bag,
        bag_bgr=_cloth(rng),
        arms="strap" if bag == "shoulder" and rng.random() < 0.3 else str(rng.choice(ARM_HABITS[:5])),
        grain=int(rng.integers(1 << 31)),
    )


@lru_cache(maxsize=4096)
def person_look(person_seed: int) -> Look:
    """The look that always belongs to that seed."""
    return random_look(np.random.default_rng((_LOOK_STREAM, person_seed)))


def alike_look(look: Look, rng: np.random.Generator) -> Look:
    """Somebody who is easily mistaken for ``look``: the same clothes up to a shade, another body and hair."""
    other = random_look(rng)
    return replace(
        other,
        girth=(other.girth + 2 * look.girth) / 3,
        upper=look.upper,
        pattern=look.pattern,
        lower=look.lower,
        upper_bgr=_near(rng, look.upper_bgr, 9),
        second_bgr=_near(rng, look.second_bgr, 9),
        inner_bgr=_near(rng, look.inner_bgr, 9),
        lower_bgr=_near(rng, look.lower_bgr, 9),
        front_print=look.front_print,
    )


def _pick(rng: np.random.Generator, names: tuple[str, ...], weights: tuple[float, ...]) -> str:
    edges = np.cumsum(weights)
    return names[int(np.searchsorted(edges, rng.random() * edges[-1], side="right"))]


_CLOTH_EDGES = np.cumsum([weight for *_, weight in _CLOTHES])


def _cloth(rng: np.random.Generator) -> Bgr:
    one = int(np.searchsorted(_CLOTH_EDGES, rng.random() * _CLOTH_EDGES[-1], side="right"))
    hue, saturation, value, _ = _CLOTHES[one]
    jitter = rng.normal(0.0, 1.0, 3)
    red, green, blue = colorsys.hsv_to_rgb(
        (hue + 0.025 * jitter[0]) % 1.0,
        float(np.clip(saturation + 0.10 * jitter[1], 0.0, 1.0)),
        float(np.clip(value + 0.07 * jitter[2], 0.05, 1.0)),
    )
    return round(255 * blue), round(255 * green), round(255 * red)


def _contrast(rng: np.random.Generator, other: Bgr) -> Bgr:
    """A cloth colour that stands out from ``other``."""
    best, far = other, -1.0
    for _ in range(3):
        one = _cloth(rng)
        distance = float(sum(abs(a - b) for a, b in zip(one, other, strict=True)))
        if distance > far:
            best, far = one, distance
        if far > 200:
            break
    return best


def _near(rng: np.random.Generator, colour: Bgr, sigma: float) -> Bgr:
    blue, green, red = (
        int(np.clip(c + d, 0, 255)) for c, d in zip(colour, rng.normal(0, sigma, 3), strict=True)
    )
    return blue, green, red
