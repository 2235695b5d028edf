"""Readers of cameras that are described as in cams.yaml."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from edge.clock import Clock, SystemClock
from edge.config.cameras import Camera
from edge.stages.capture import CameraReader, CameraState

RUN_STARTED_NS = 1_800_000_000_000_000_000


def _reader_of(
    source: object,
    clock: Clock | None = None,
    on_state: Callable[[CameraState], None] | None = None,
    **camera: Any,
) -> CameraReader:
    model = Camera.model_validate({"name": "door", "source": source, **camera})
    return CameraReader(model, clock or SystemClock(), RUN_STARTED_NS, on_state, random.Random(1))


@pytest.fixture(scope="session")
def reader_of() -> Callable[..., CameraReader]:
    """A function: source, clock, on_state, and the camera's other keys, to its reader."""
    return _reader_of
