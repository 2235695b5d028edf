"""From a decoder's planes of brightness and colour to blue, green and red, on the device they lie on.

Y'CbCr as ITU-R BT.601, BT.709 and BT.2020 define it: with Kr and Kb of the standard,
R = Y + 2(1 - Kr) Cr, B = Y + 2(1 - Kb) Cb, and G from Y = Kr R + Kg G + Kb B. Limited range has Y in 16 to
235 and colour in 16 to 240, full range 0 to 255. Every colour sample counts for the pixels it was taken over,
as FFmpeg's own conversion has it.
"""

from __future__ import annotations

import torch

__all__ = ["MATRICES", "bgr_of"]

MATRICES = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""Kr and Kb of each standard."""


def bgr_of(
    luma: torch.Tensor, blue: torch.Tensor, red: torch.Tensor, *, matrix: str = "bt601", full: bool = False
) -> torch.Tensor:
    """Convert one picture.

    Args:
        luma: uint8 (height, width), or 16 bits whose upper 8 count; any strides.
        blue: the blue difference Cb, as luma, (height / a, width / b), where a and b are 1 or 2.
        red: the red difference Cr, as blue.
        matrix: one of :data:`MATRICES`.
        full: whether the numbers use the full range.

    Returns:
        uint8 (height, width, 3), blue first, contiguous; its own memory.
    """
    kr, kb = MATRICES[matrix]
    kg = 1.0 - kr - kb
    height, width = luma.shape
    bright = _eight_bits(luma)
    cb, cr = (_spread(_eight_bits(one) - 128.0, height, width) for one in (blue, red))
    if not full:
        bright = (bright - 16.0) * (255.0 / 219.0)
        cb, cr = cb * (255.0 / 224.0), cr * (255.0 / 224.0)
    planes = torch.empty((height, width, 3), dtype=torch.float32, device=luma.device)
    torch.add(bright, cb, alpha=2.0 * (1.0 - kb), out=planes[..., 0])
    green = bright - cb * (2.0 * kb * (1.0 - kb) / kg)
    torch.sub(green, cr, alpha=2.0 * kr * (1.0 - kr) / kg, out=planes[..., 1])
    torch.add(bright, cr, alpha=2.0 * (1.0 - kr), out=planes[..., 2])
    # Down, as FFmpeg's conversion does at several places; so the two are half a step apart on average.
    return planes.floor_().clamp_(0.0, 255.0).to(torch.uint8)


def _eight_bits(plane: torch.Tensor) -> torch.Tensor:
    """A plane as float32 of 0 to 255."""
    if plane.dtype == torch.uint8:
        return plane.to(torch.float32)
    return (plane.to(torch.int32) >> 8).to(torch.float32)


def _spread(plane: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """A plane in which every sample stands for one or two pixels each way, as one of (height, width)."""
    for side, count in enumerate((height, width)):
        there = plane.shape[side]
        if there != count:  # of an odd count, the last sample may be missing
            places = (torch.arange(count, device=plane.device) // 2).clamp_(max=there - 1)
            plane = plane.index_select(side, places)
    return plane
