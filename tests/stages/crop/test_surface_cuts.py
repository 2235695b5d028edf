"""On a device people are judged and cut out as on the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from edge.backends.surfaces import DeviceSurface, SurfaceDevice
from edge.config.pipeline import CropSpec
from edge.records import CroppedFrame, Frame, Tracks
from edge.stages.crop import Cropper, surface_cuts
from edge.stages.crop.cuts import HostCuts
from edge.stages.crop.surface_cuts import SurfaceCutting, sharpness_of

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
# Left, top, right, bottom: small ones stay as they are, high ones are made smaller; some are one pixel.
BOXES = [
    (10, 20, 60, 140),
    (100, 50, 131, 114),
    (200, 0, 480, 360),
    (5, 5, 6, 6),
    (300, 100, 301, 220),
    (40, 300, 400, 303),
    (0, 0, 33, 65),
]


@pytest.fixture(scope="module")
def picture(shared: Path) -> np.ndarray:
    with av.open(str(shared / "data/video/pets09_s2l1_view1_480x360.avi")) as video:
        return next(video.decode(video=0)).to_ndarray(format="bgr24")


@pytest.mark.parametrize("name", DEVICES)
def test_people_are_as_sharp_as_on_the_host(picture: np.ndarray, name: str) -> None:
    host = HostCuts(picture, BOXES)
    found = sharpness_of(torch.from_numpy(picture).to(name), BOXES)
    assert found == pytest.approx([host.sharpness(index) for index in range(len(BOXES))], abs=0.005)
    assert 0.1 < found[0] < 1


def test_many_large_people_are_looked_at_a_few_at_a_time(
    picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = sharpness_of(torch.from_numpy(picture), BOXES)
    monkeypatch.setattr(surface_cuts, "_TOGETHER_PX", 200 * 200)
    assert len(list(surface_cuts._groups(BOXES))) > 2
    assert sharpness_of(torch.from_numpy(picture), BOXES) == pytest.approx(together, abs=1e-9)
    assert sharpness_of(torch.from_numpy(picture), []).shape == (0,)


@pytest.mark.parametrize("name", DEVICES)
def test_a_cropper_takes_the_same_people_from_a_surface(
    picture: np.ndarray, make_scene: Callable[..., tuple[Frame, Tracks]], name: str
) -> None:
    device = SurfaceDevice(name)
    croppers = Cropper(CropSpec()), Cropper(CropSpec(), SurfaceCutting(device))
    surface = device.uploaded(picture)
    people = {1: (50.2, 60.7, 90.1, 170.0), 2: (200.0, 80.0, 250.0, 230.4), 3: (300.0, 2.5, 320.0, 30.0)}
    hidden = {2: 0.6}  # too poor to be taken at first
    for time_s in (0.0, 0.3, 0.6, 1.2, 1.5):
        frame, tracks = make_scene(time_s, people, overlaps=hidden, image=picture)
        results: list[CroppedFrame] = [
            croppers[0].crop(frame, tracks),
            croppers[1].crop(replace(frame, pixels=surface), tracks),
        ]
        wanted, found = (result.crops for result in results)
        assert [one.track for one in found] == [one.track for one in wanted]
        for one, other in zip(found, wanted, strict=True):
            assert isinstance(one.pixels, DeviceSurface)
            assert one.quality == pytest.approx(other.quality, abs=0.005)
            assert np.array_equal(one.image_bgr_hwc, other.image_bgr_hwc)
    assert croppers[0].counts == croppers[1].counts
    assert croppers[0].counts.poor > 0


def test_only_people_that_are_asked_for_come_to_the_host(
    picture: np.ndarray, make_scene: Callable[..., tuple[Frame, Tracks]]
) -> None:
    device = SurfaceDevice("cpu")
    cropper = Cropper(CropSpec(), SurfaceCutting(device))
    frame, tracks = make_scene(0.0, {1: (50.0, 60.0, 90.0, 170.0)}, image=picture)
    (crop,) = cropper.crop(replace(frame, pixels=device.uploaded(picture)), tracks).crops
    assert device.counts.downloads == 0
    assert crop.image_bgr_hwc.shape == (110, 40, 3)
    assert device.counts.downloaded_bytes == 110 * 40 * 3
