"""Boxes for the tests of the track stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.backends import open_session
from edge.clock import SystemClock
from edge.config.cameras import Camera
from edge.config.catalog import load_card
from edge.records import Detections, Frame
from edge.stages.capture import CameraReader
from edge.stages.detect import Detector


@pytest.fixture
def make_detections() -> Callable[..., Detections]:
    """The boxes (left, top, right, bottom) of one frame of 640x480, taken at ``time_s``."""

    def make(
        number: int,
        boxes: Sequence[Sequence[float]] = (),
        *,
        time_s: float | None = None,
        scores: Sequence[float] | None = None,
        epoch: int = 0,
        camera: str = "door",
    ) -> Detections:
        taken_ns = round((number / 10 if time_s is None else time_s) * 1e9)
        image = np.zeros((480, 640, 3), np.uint8)
        frame = Frame(camera, number, epoch, taken_ns / 1e9, taken_ns, image)
        confidences = [0.9] * len(boxes) if scores is None else scores
        return Detections(
            frame,
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(confidences, np.float32),
        )

    return make


@pytest.fixture(scope="package")
def pets_detections(shared: Path) -> list[Detections]:
    """What yolox-nano finds in the shared PETS video, as capture gives it; the pictures are blank."""
    card = load_card("yolox-nano")
    detector = Detector(card, open_session(shared / "data/models" / card.file), 0.1)
    video = shared / "data/video/pets09_s2l1_view1_480x360.avi"
    camera = Camera.model_validate({"name": "pets", "source": str(video)})
    found: list[Detections] = []
    for frame in CameraReader(camera, SystemClock(), 1_700_000_000_000_000_000).frames():
        people = detector.detect([frame])[0]
        blank = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), frame.image_bgr_hwc.shape)
        found.append(replace(people, frame=replace(frame, pixels=blank)))
    return found
