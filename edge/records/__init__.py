"""What flows between the stages: frozen records without logic."""

from __future__ import annotations

from edge.records.crop import Crop, CroppedFrame, EmbeddedFrame, Embedding
from edge.records.detections import Detections
from edge.records.frame import Frame, Pixels, Surface, size_of
from edge.records.identity import Decision, LiveIdentity, Settled
from edge.records.prototype import Arrivals, IpgJob, Prototype
from edge.records.tracklet import Tracklet
from edge.records.tracks import Tracks

__all__ = [
    "Arrivals",
    "Crop",
    "CroppedFrame",
    "Decision",
    "Detections",
    "EmbeddedFrame",
    "Embedding",
    "Frame",
    "IpgJob",
    "LiveIdentity",
    "Pixels",
    "Prototype",
    "Settled",
    "Surface",
    "Tracklet",
    "Tracks",
    "size_of",
]
