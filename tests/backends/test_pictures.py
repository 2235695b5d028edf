from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.backends.pictures import InputBatch, place
from edge.config.card import CardInput
from edge.errors import ModelError

RESIZES = ("letterbox", "letterbox-top-left", "stretch")
SIZES = [
    (480, 360),
    (481, 359),
    (1920, 1080),
    (37, 1003),
    (1003, 37),
    (5000, 3),
    (2, 3000),
    (416, 416),
    (1, 1),
]


def spec_of(resize: str = "letterbox-top-left", **others: object) -> CardInput:
    plain = {"name": "images", "width": 416, "height": 320, "resize": resize, "colour": "bgr"}
    return CardInput.model_validate(plain | others)


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("size", SIZES)
def test_boxes_survive_the_way_there_and_back(resize: str, size: tuple[int, int]) -> None:
    width, height = size
    placement = place(width, height, spec_of(resize))
    corners = np.random.default_rng(1).uniform(0, 1, (50, 2, 2)) * (width, height)
    boxes = np.concatenate((corners.min(axis=1), corners.max(axis=1)), axis=1).astype(np.float32)
    back = placement.to_source(placement.to_input(boxes))
    assert np.abs(back - boxes).max() < 0.01


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("size", SIZES)
def test_the_picture_lies_inside_the_input_and_keeps_its_aspect(resize: str, size: tuple[int, int]) -> None:
    width, height = size
    placement = place(width, height, spec_of(resize))
    assert placement.width_px >= 1
    assert placement.height_px >= 1
    assert placement.left_px + placement.width_px <= 416
    assert placement.top_px + placement.height_px <= 320
    if resize == "stretch":
        assert (placement.width_px, placement.height_px) == (416, 320)
    else:
        ratio = min(416 / width, 320 / height)
        assert abs(placement.width_px - max(1, width * ratio)) <= 1
        assert abs(placement.height_px - max(1, height * ratio)) <= 1


@pytest.mark.parametrize("resize", RESIZES)
def test_a_mark_in_the_picture_is_found_back_within_a_pixel(resize: str) -> None:
    image = np.zeros((733, 1277, 3), dtype=np.uint8)
    truth = np.array([[401, 203, 460, 331]], dtype=np.float32)
    image[203:331, 401:460] = 255
    batch = InputBatch(spec_of(resize, pad=0), 1)
    placement = batch.write(0, image)
    seen = batch.view(1)[0, 1] > 127
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    found = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], dtype=np.float32)
    source_pixel = max(1277 / placement.width_px, 733 / placement.height_px)
    assert np.abs(placement.to_source(found) - truth).max() <= source_pixel  # the mask's own resolution
    assert np.abs(placement.to_input(truth) - found).max() < 1


def test_top_left_and_centred_place_as_the_networks_were_trained() -> None:
    upright = place(360, 480, spec_of("letterbox-top-left", width=416, height=416))
    assert (upright.left_px, upright.top_px, upright.width_px, upright.height_px) == (0, 0, 312, 416)
    centred = place(481, 360, spec_of("letterbox", width=640, height=640))
    assert (centred.left_px, centred.top_px, centred.width_px, centred.height_px) == (0, 80, 640, 479)


def reference(image: np.ndarray, spec: CardInput) -> np.ndarray:
    """The input as the card's words define it, slowly: (3, height, width)."""
    placement = place(image.shape[1], image.shape[0], spec)
    canvas = np.full((spec.height, spec.width, 3), spec.pad, dtype=np.float64)
    resized = cv2.resize(np.ascontiguousarray(image), (placement.width_px, placement.height_px))
    top, left = placement.top_px, placement.left_px
    canvas[top : top + placement.height_px, left : left + placement.width_px] = resized
    if spec.colour == "rgb":
        canvas = canvas[:, :, ::-1]
    return ((canvas * spec.scale - np.array(spec.mean)) / np.array(spec.std)).transpose(2, 0, 1)


NORMALISED = {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "colour": "rgb"}


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize(
    ("numbers", "tolerance"),
    [
        ({}, 0),
        ({"dtype": "uint8", "colour": "rgb"}, 0),
        (NORMALISED, 1e-5),
        (NORMALISED | {"dtype": "float16"}, 3e-3),
        ({"dtype": "float16"}, 0),
        ({"mean": (104.0, 117.0, 123.0)}, 1e-4),
    ],
)
def test_input_equals_the_definition_in_the_card(
    resize: str, numbers: dict[str, object], tolerance: float
) -> None:
    spec = spec_of(resize, **numbers)
    batch = InputBatch(spec, 2)
    for image in (
        picture(300, 200),
        picture(416, 320),
        picture(90, 500),
        picture(1, 1),
        picture(300, 200, 3),
    ):
        batch.write(1, image)
        assert batch.view(2).dtype == spec.dtype
        assert np.abs(batch.view(2)[1] - reference(image, spec)).max() <= tolerance


def test_old_pictures_leave_no_trace_in_the_padding() -> None:
    spec = spec_of("letterbox")
    batch = InputBatch(spec, 1)
    for size in [(300, 20), (20, 300), (416, 320), (150, 10), (301, 20)]:
        image = picture(*size)
        batch.write(0, image)
        assert np.array_equal(batch.view(1)[0], reference(image, spec))


@pytest.mark.parametrize(
    "layout", ["mirrored", "every other pixel", "transposed", "upside down", "read-only"]
)
@pytest.mark.parametrize("size", [(640, 480), (832, 640)])
def test_any_memory_layout_is_accepted(layout: str, size: tuple[int, int]) -> None:
    plain = picture(*size)
    image = {
        "mirrored": plain[:, ::-1],
        "every other pixel": plain[::2, ::2],
        "transposed": plain.transpose(1, 0, 2),
        "upside down": plain[::-1],
        "read-only": plain,
    }[layout]
    image.flags.writeable = False
    spec = spec_of("letterbox")
    batch = InputBatch(spec, 1)
    batch.write(0, image)
    assert np.array_equal(batch.view(1)[0], reference(image, spec))


def test_slots_do_not_touch_each_other() -> None:
    spec = spec_of("letterbox")
    batch = InputBatch(spec, 3)
    images = [picture(480, 360, 1), picture(90, 500, 2), picture(480, 360, 3)]
    for slot in (2, 0, 1):
        batch.write(slot, images[slot])
    for slot, image in enumerate(images):
        assert np.array_equal(batch.view(3)[slot], reference(image, spec))


def test_many_different_sizes_keep_memory_bounded() -> None:
    batch = InputBatch(spec_of("letterbox"), 1)
    for width in range(40, 140):
        batch.write(0, picture(width, 60))
    assert len(batch._scratch) <= 8


def test_a_card_of_bytes_with_a_normalisation_is_refused() -> None:
    with pytest.raises(ModelError, match="takes bytes"):
        InputBatch(spec_of(dtype="uint8", scale=1 / 255), 1)
