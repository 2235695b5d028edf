"""What outlives a frame."""

from __future__ import annotations

from edge.stores.gallery import Exemplar, Gallery

__all__ = ["Exemplar", "Gallery"]
