from __future__ import annotations

import numpy as np
import pytest

from edge.backends.surfaces import SurfaceDevice
from edge.errors import RunError
from edge.stages.crop.cuts import HostCuts, whole_pixels
from edge.stages.crop.quality import sharpness


def test_a_part_is_a_copy_and_as_sharp_as_it_is(texture: np.ndarray) -> None:
    cuts = HostCuts(texture, [(10, 20, 60, 140), (0, 0, 8, 8)])
    part = cuts.pixels(0)
    assert np.array_equal(part, texture[20:140, 10:60])
    assert not np.shares_memory(part, texture)
    assert cuts.pixels(0) is part
    assert cuts.sharpness(0) == sharpness(part)


def test_a_surface_is_not_for_the_host() -> None:
    surface = SurfaceDevice("cpu").uploaded(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(RunError, match="came to a cropper of the host"):
        HostCuts(surface, [])


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ((1.4, 2.6, 7.5, 9.5), (1, 3, 8, 10)),
        ((-3.0, -3.0, 2.0, 2.0), (0, 0, 2, 2)),
        ((478.0, 358.0, 500.0, 400.0), (478, 358, 480, 360)),
        ((5.0, 5.0, 5.2, 5.2), (5, 5, 6, 6)),
        ((600.0, 600.0, 700.0, 700.0), (479, 359, 480, 360)),
    ],
)
def test_a_box_becomes_whole_pixels_inside_the_picture(box: tuple[float, ...], part: tuple[int, ...]) -> None:
    assert whole_pixels(np.zeros((360, 480, 3), np.uint8), np.array(box, np.float32)) == part
