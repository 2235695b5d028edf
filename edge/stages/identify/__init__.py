"""Decide who is who: within a camera, across absences, and across cameras."""

from __future__ import annotations

from edge.stages.identify.gates import GroundPlane
from edge.stages.identify.identifier import Identifier, Outcome
from edge.stages.identify.prototypes import Asker, Prototypes
from edge.stages.identify.travel import TravelTime

__all__ = ["Asker", "GroundPlane", "Identifier", "Outcome", "Prototypes", "TravelTime"]
