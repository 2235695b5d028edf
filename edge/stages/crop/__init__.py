"""Choose which people of a frame are worth an embedding now, and cut them out."""

from __future__ import annotations

from edge.stages.crop.cropper import CropCounts, Cropper
from edge.stages.crop.cuts import HostCuts

__all__ = ["CropCounts", "Cropper", "HostCuts"]
