"""What is fitted on a device is what OpenCV fits on the host, to within one of 255 steps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from edge.backends import open_session
from edge.backends.pictures import HostFeeder, InputBatch, Placement, place
from edge.backends.surface_input import DeviceFeeder, fit
from edge.backends.surfaces import SurfaceDevice
from edge.config.card import CardInput
from edge.errors import ModelError

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
SIZES = [(480, 360), (96, 71), (31, 200), (416, 234), (1, 1), (2, 64)]


def scene(width: int, height: int) -> np.ndarray:
    """A picture with edges, slopes and noise."""
    rng = np.random.default_rng(width * 1000 + height)
    coarse = rng.integers(0, 256, (max(1, height // 9), max(1, width // 9), 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def spec(resize: str = "letterbox", colour: str = "rgb", **others: Any) -> CardInput:
    fields = {"name": "images", "width": 96, "height": 64, "resize": resize, "colour": colour}
    return CardInput.model_validate(fields | others)


class Echo:
    """Gives back what it was fed; reads only the host's memory."""

    inputs = outputs = ()
    label = "Echo, CPU"

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: array.copy() for name, array in feeds.items()}

    def close(self) -> None: ...


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("resize", ["letterbox", "letterbox-top-left", "stretch"])
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_a_batch_of_all_sizes_is_what_opencv_makes_of_it(name: str, resize: str, colour: str) -> None:
    wanted = spec(resize, colour, scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25), pad=114)
    pictures = [scene(*size) for size in SIZES]
    host = InputBatch(wanted, len(pictures))
    placed = [host.write(slot, one) for slot, one in enumerate(pictures)]
    device = SurfaceDevice(name)
    feeder = DeviceFeeder(wanted, Echo(), device)
    tensor, placements = feeder.tensor([device.uploaded(one) for one in pictures])
    assert placements == placed
    steps = (
        np.abs(tensor.cpu().numpy() - host.view(len(pictures))) * np.array(wanted.std)[:, None, None] * 255
    )
    assert steps.max() < 1.01
    assert steps.mean() < 0.12


@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_numbers_come_in_the_type_the_network_takes(dtype: str) -> None:
    wanted = spec(dtype=dtype)
    host = InputBatch(wanted, 1)
    host.write(0, scene(200, 100))
    device = SurfaceDevice("cpu")
    tensor, _ = DeviceFeeder(wanted, Echo(), device).tensor([device.uploaded(scene(200, 100))])
    found = tensor.numpy()
    assert found.dtype == np.dtype(dtype)
    assert np.abs(found.astype(float) - host.view(1).astype(float)).max() <= 1


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    image = scene(96, 64)
    fitted = fit([torch.from_numpy(image)], [place(96, 64, spec("stretch"))], (96, 64), 0.0)
    assert np.array_equal(fitted[0].numpy(), image)


def test_it_is_torchs_grid_sample_for_one_picture() -> None:
    image = scene(150, 90)
    fitted = fit([torch.from_numpy(image)], [Placement(0, 0, 96, 64, 150, 90)], (96, 64), 0.0)
    affine = torch.eye(2, 3)[None]
    grid = torch.nn.functional.affine_grid(affine, [1, 3, 64, 96], align_corners=False)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    sampled = torch.nn.functional.grid_sample(planes, grid, padding_mode="border", align_corners=False)
    assert (fitted[0] - sampled[0].permute(1, 2, 0)).abs().max() < 0.76  # rounded, and weights of 11 bits


def test_a_card_that_bytes_cannot_hold_is_refused() -> None:
    with pytest.raises(ModelError, match="takes bytes"):
        DeviceFeeder(spec(dtype="uint8", scale=1 / 255), Echo(), SurfaceDevice("cpu"))


def test_a_session_of_the_host_gets_a_copy_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    device = SurfaceDevice("cpu")
    with caplog.at_level(logging.WARNING):
        feeder = DeviceFeeder(spec(), Echo(), device, "net")
    assert "model 'net': Echo, CPU does not read the memory of cpu" in caplog.text
    outputs, _ = feeder.run([scene(50, 50), scene(60, 40)], 4)
    assert outputs["images"].shape == (4, 3, 64, 96)
    assert np.array_equal(outputs["images"][1], outputs["images"][3])  # the last picture fills the batch


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("onnxruntime", "cpu"),
        ("torch", "cpu"),
        pytest.param("torch", "cuda", marks=pytest.mark.gpu),
        pytest.param("onnxruntime-cuda", "cuda", marks=pytest.mark.gpu),
    ],
)
def test_both_ways_to_a_network_have_the_same_result(
    small_net: tuple[Path, np.ndarray, np.ndarray], backend: str, name: str
) -> None:
    wanted = spec("stretch", width=6, height=8)
    pictures = [scene(60, 80), scene(33, 21), scene(6, 8)]
    session = open_session(small_net[0], backend=backend)
    device = SurfaceDevice(name)
    feeders: list[Callable[..., Any]] = [
        HostFeeder(wanted, session).run,
        DeviceFeeder(wanted, session, device).run,
    ]
    host, on_device = (feeder(pictures, 4)[0]["features"].copy() for feeder in feeders)
    session.close()
    assert host.shape == (4, 5)
    np.testing.assert_allclose(
        host, on_device, rtol=0.02, atol=2.0
    )  # one step of 255, through weights of about 1
