"""Y'CbCr to colours: against the standards' own forward equations."""

from __future__ import annotations

import pytest
import torch

from edge.backends.colours import MATRICES, bgr_of

COLOURS_BGR = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 30, 60), (10, 220, 40), (30, 60, 240)]


def encoded(bgr: tuple[int, int, int], matrix: str, full: bool) -> tuple[float, float, float]:
    """Y, Cb and Cr of a colour, as the standard defines them."""
    kr, kb = MATRICES[matrix]
    blue, green, red = (channel / 255 for channel in bgr)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    if full:
        return 255 * luma, 255 * cb + 128, 255 * cr + 128
    return 219 * luma + 16, 224 * cb + 128, 224 * cr + 128


def plane(value: float, height: int, width: int, bits: int = 8) -> torch.Tensor:
    if bits == 8:
        return torch.full((height, width), round(value), dtype=torch.uint8)
    return torch.full((height, width), round(value * 256), dtype=torch.int32).to(torch.uint16)


@pytest.mark.parametrize("matrix", list(MATRICES))
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("bgr", COLOURS_BGR)
def test_a_colour_comes_back(matrix: str, full: bool, bits: int, bgr: tuple[int, int, int]) -> None:
    luma, cb, cr = encoded(bgr, matrix, full)
    image = bgr_of(
        plane(luma, 4, 6, bits), plane(cb, 2, 3, bits), plane(cr, 2, 3, bits), matrix=matrix, full=full
    )
    assert image.shape == (4, 6, 3)
    assert image.dtype == torch.uint8
    assert (image.to(torch.int32) - torch.tensor(bgr)).abs().max() <= 3  # rounded planes, rounded down


def test_numbers_outside_the_range_stay_within_a_byte() -> None:
    extreme = bgr_of(plane(255, 2, 2), plane(255, 1, 1), plane(0, 1, 1))
    assert extreme[0, 0].tolist()[0] == 255
    dark = bgr_of(plane(0, 2, 2), plane(128, 1, 1), plane(128, 1, 1))
    assert dark.max() == 0


def test_a_colour_sample_counts_for_the_four_pixels_it_was_taken_over() -> None:
    cr = torch.tensor([[128, 200]], dtype=torch.uint8)
    image = bgr_of(plane(100, 2, 4), plane(128, 1, 2), cr)
    assert torch.equal(image[:, 0], image[:, 1])
    assert torch.equal(image[:, 2], image[:, 3])
    assert image[0, 2, 2] > image[0, 1, 2]
    assert image.is_contiguous()
