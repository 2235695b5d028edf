"""Centralize the tracklets of a window (NFC), across cameras."""

from __future__ import annotations

from edge.stages.refine.refiner import Refiner

__all__ = ["Refiner"]
