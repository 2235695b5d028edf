"""Makers of records for the sinks' tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edge.records.crop import Crop
from edge.records.identity import Decision, Settled
from edge.stages.sink import CameraRow, ChannelRow, RunSummary, StageRow

START_NS = 1_714_566_605_125_000_000  # 2024-05-01T12:30:05.125Z


@pytest.fixture
def make_crop() -> Callable[..., Crop]:
    def make(camera: str = "door", quality: float = 0.5, height: int = 64, **changes: Any) -> Crop:
        rng = np.random.default_rng(7)
        fields: dict[str, Any] = {
            "track": 1,
            "frame_number": 1,
            "captured_at_ns": START_NS,
            "pixels": rng.integers(0, 255, (height, height // 2, 3), dtype=np.uint8),
        }
        return Crop(camera=camera, quality=quality, **(fields | changes))

    return make


@pytest.fixture
def make_decision() -> Callable[..., Decision]:
    def make(type: str = "identity.new", identity: int = 1, **changes: Any) -> Decision:
        fields: dict[str, Any] = {
            "time_ns": START_NS,
            "camera": "door",
            "track": 3,
            "tracklet": "door/3/0",
            "previous": 0,
            "probability": 0.9,
            "evidence": {"similarity": 0.75},
        }
        return Decision(type=type, identity=identity, **(fields | changes))

    return make


@pytest.fixture
def make_settled() -> Callable[..., Settled]:
    def make(rows: list[tuple[int, int]], camera: str = "door", frame_s: float = 0.1) -> Settled:
        """Rows are (frame, identity); every box is the same."""
        frames = np.array([frame for frame, _ in rows], np.int64)
        return Settled(
            camera=camera,
            identities=np.array([identity for _, identity in rows], np.int64),
            frames=frames,
            times_ns=START_NS + (frames * int(frame_s * 1e9)),
            boxes_px=np.tile(np.array([10.126, 20.0, 40.5, 100.25], np.float32), (len(rows), 1)),
            scores=np.full(len(rows), 0.87654, np.float32),
        )

    return make


@pytest.fixture
def summary() -> RunSummary:
    return RunSummary(
        run="r1",
        site="the <site> & co",
        started_at_ns=START_NS,
        wall_s=12.3456,
        identities=2,
        cameras={
            "door": CameraRow(frames=120, fps=9.72, dropped=0, state="ended"),
            "yard": CameraRow(frames=0, fps=0.0, dropped=3, state="lost", reconnects=4),
        },
        stages={"detect": StageRow(items=120, drops=0, p50_ms=7.81234, p95_ms=9.5, busy_s=1.0)},
        channels={"frames": ChannelRow(size=4, depth=0, puts=120, drops=0)},
        exit=0,
    )
