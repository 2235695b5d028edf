"""edge-reid: the same person keeps the same identity in every camera, live, on an edge box."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__"]
