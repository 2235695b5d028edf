from __future__ import annotations

import av
import numpy as np
import pytest

from edge.stages.capture.picture import BgrConverter


def decoded(width: int, height: int, colour_bgr: tuple[int, int, int]) -> av.VideoFrame:
    image = np.full((height, width, 3), colour_bgr, np.uint8)
    return av.VideoFrame.from_ndarray(image, "bgr24").reformat(format="yuv420p")


@pytest.mark.parametrize("colour_bgr", [(200, 30, 30), (30, 200, 30), (30, 30, 200)])
def test_blue_comes_first(colour_bgr: tuple[int, int, int]) -> None:
    image = BgrConverter().image_bgr_hwc(decoded(64, 48, colour_bgr))
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8
    assert np.abs(image.reshape(-1, 3).mean(0) - colour_bgr).max() < 4


def test_one_converter_follows_a_changing_size() -> None:
    converter = BgrConverter()
    for width, height in [(64, 48), (66, 50), (320, 240), (64, 48)]:
        image = converter.image_bgr_hwc(decoded(width, height, (10, 100, 200)))
        assert image.shape == (height, width, 3)
        assert image.flags.c_contiguous


def test_an_image_is_not_overwritten_by_the_next_one() -> None:
    converter = BgrConverter()
    first = converter.image_bgr_hwc(decoded(64, 48, (10, 10, 10)))
    kept = first.copy()
    for level in (50, 100, 200):
        converter.image_bgr_hwc(decoded(64, 48, (level, level, level)))
    assert np.array_equal(first, kept)
