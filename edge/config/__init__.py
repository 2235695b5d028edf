"""What the user writes, checked before any camera opens: cams.yaml, pipeline.yaml, card.yaml.

Nothing is imported here, so that the parts without pydantic (:mod:`edge.config.secrets`) stay cheap.
"""

from __future__ import annotations

__all__: list[str] = []
