"""Sum tracks up: pieces of one person in one camera."""

from __future__ import annotations

from edge.stages.tracklet.builder import TrackletBuilder

__all__ = ["TrackletBuilder"]
