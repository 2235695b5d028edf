"""Sink: everything a run writes, and the live view. docs/outputs.md describes the files."""

from __future__ import annotations

from edge.stages.sink.base import Sink
from edge.stages.sink.device import DeviceRow
from edge.stages.sink.erasure import Erased, erase_outputs
from edge.stages.sink.events import Journal, event_line, identity_max
from edge.stages.sink.folder import check_folder, put_away
from edge.stages.sink.footpaths import Ground
from edge.stages.sink.metrics import Address, MetricsServer
from edge.stages.sink.mosaic import MOSAIC
from edge.stages.sink.mot import complete_tracks
from edge.stages.sink.outputs import Judge, Outputs, open_outputs
from edge.stages.sink.summary import CameraRow, ChannelRow, RunSummary, StageRow
from edge.stages.sink.terminal import CameraLine, LiveSnapshot, StageLine, TerminalView
from edge.stages.sink.worker import WorkerRow

__all__ = [
    "MOSAIC",
    "Address",
    "CameraLine",
    "CameraRow",
    "ChannelRow",
    "DeviceRow",
    "Erased",
    "Ground",
    "Journal",
    "Judge",
    "LiveSnapshot",
    "MetricsServer",
    "Outputs",
    "RunSummary",
    "Sink",
    "StageLine",
    "StageRow",
    "TerminalView",
    "WorkerRow",
    "check_folder",
    "complete_tracks",
    "erase_outputs",
    "event_line",
    "identity_max",
    "open_outputs",
    "put_away",
]
