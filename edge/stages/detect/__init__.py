"""Find people in frames: picture to network input, outputs to boxes, duplicates suppressed."""

from __future__ import annotations

from edge.stages.detect.detector import Detector

__all__ = ["Detector"]
