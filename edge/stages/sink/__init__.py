"""Sink: everything a run writes, and the live view. docs/outputs.md describes the files."""

from __future__ import annotations

from edge.stages.sink.base import Sink
from edge.stages.sink.footpaths import Ground
from edge.stages.sink.mosaic import MOSAIC
from edge.stages.sink.outputs import Judge, Outputs, open_outputs
from edge.stages.sink.summary import CameraRow, ChannelRow, RunSummary, StageRow
from edge.stages.sink.terminal import CameraLine, LiveSnapshot, StageLine, TerminalView
from edge.stages.sink.worker import WorkerRow

__all__ = [
    "MOSAIC",
    "CameraLine",
    "CameraRow",
    "ChannelRow",
    "Ground",
    "Judge",
    "LiveSnapshot",
    "Outputs",
    "RunSummary",
    "Sink",
    "StageLine",
    "StageRow",
    "TerminalView",
    "WorkerRow",
    "open_outputs",
]
