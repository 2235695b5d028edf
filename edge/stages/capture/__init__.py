"""Capture: pictures out of files, network cameras and USB cameras.

:class:`CameraReader` is the whole of it; the other names are what it reports.
"""

from __future__ import annotations

from edge.stages.capture.decoding import Decoding, nvdec_problem
from edge.stages.capture.reader import CameraReader
from edge.stages.capture.state import CameraState, CaptureCounts, StateKind

__all__ = ["CameraReader", "CameraState", "CaptureCounts", "Decoding", "StateKind", "nvdec_problem"]
