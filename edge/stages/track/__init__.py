"""Follow people within one camera: boxes in frame order in, boxes with a track id out."""

from __future__ import annotations

from edge.stages.track.tracker import CameraTracker

__all__ = ["CameraTracker"]
