"""Sink: everything a run writes, and the live view. docs/outputs.md describes the files."""

from __future__ import annotations

from edge.stages.sink.base import Sink
from edge.stages.sink.outputs import Outputs, open_outputs
from edge.stages.sink.summary import CameraRow, ChannelRow, RunSummary, StageRow
from edge.stages.sink.terminal import CameraLine, LiveSnapshot, StageLine, TerminalView

__all__ = [
    "CameraLine",
    "CameraRow",
    "ChannelRow",
    "LiveSnapshot",
    "Outputs",
    "RunSummary",
    "Sink",
    "StageLine",
    "StageRow",
    "TerminalView",
    "open_outputs",
]
