"""Pictures to calibrate and to check with, drawn once."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from edge.site.samples import random_crop, random_scene

PEOPLE, VIEWS = 24, 4


@pytest.fixture(scope="session")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``edge site calibration`` makes it, smaller."""
    folder = tmp_path_factory.mktemp("int8")
    for kind, count in (("crops", 48), ("scenes", 16)):
        (folder / kind).mkdir()
        for number in range(count):
            seed = 30_000_000 + number
            image = random_crop(seed, 0) if kind == "crops" else random_scene(seed, (320, 180)).image_bgr_hwc
            cv2.imwrite(str(folder / kind / f"{number:03d}.png"), image)
    return folder


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retrieval set of drawn people, each view another camera; the first view asks."""
    folder = tmp_path_factory.mktemp("market")
    for place in ("query", "bounding_box_test"):
        (folder / place).mkdir()
    for person in range(1, PEOPLE + 1):
        for view in range(VIEWS):
            place = "query" if view == 0 else "bounding_box_test"
            name = f"{person:04d}_c{view + 1}s1_{view:06d}_01.png"
            cv2.imwrite(str(folder / place / name), random_crop(40_000_000 + person, view))
    return folder
