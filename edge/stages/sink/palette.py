"""One colour per identity, the same in every output of every run."""

from __future__ import annotations

import colorsys

__all__ = ["UNKNOWN_RGB", "hex_colour", "identity_rgb", "ink_rgb"]

UNKNOWN_RGB = (140, 140, 140)

_GOLDEN_RATIO = 0.618033988749895
_SHADES = ((0.52, 0.62), (0.42, 0.70), (0.60, 0.52))  # lightness, saturation


def identity_rgb(identity: int) -> tuple[int, int, int]:
    """Return an identity's colour, 0 to 255 each, red first; grey while unknown.

    Hues step by the golden ratio, so identities with near numbers never look alike.
    """
    if identity <= 0:
        return UNKNOWN_RGB
    lightness, saturation = _SHADES[identity % len(_SHADES)]
    red, green, blue = colorsys.hls_to_rgb((identity * _GOLDEN_RATIO) % 1.0, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink_rgb(background_rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return black or white, whichever is easier to read on a background."""
    red, green, blue = background_rgb
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 125 else (255, 255, 255)


def hex_colour(rgb: tuple[int, int, int]) -> str:
    """Return a colour as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)
