"""Describe the people cut out of frames by vectors."""

from __future__ import annotations

from edge.stages.embed.embedder import Embedder

__all__ = ["Embedder"]
