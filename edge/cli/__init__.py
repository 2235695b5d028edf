"""The command lines `edge-run` and `edge`; the only place that prints."""

from __future__ import annotations

__all__: list[str] = []
