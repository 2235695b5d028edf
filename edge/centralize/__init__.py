"""Feature centralization: pull an embedding towards the centre of its identity, without training."""

from __future__ import annotations

from edge.centralize.nfc import neighbor_centralize
from edge.centralize.space import FeatureSpace

__all__ = ["FeatureSpace", "neighbor_centralize"]
