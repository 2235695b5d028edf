"""The synthetic site: people, places and cameras that are drawn, so that the truth about them is known.

Seeded: the same preset and seed give the same bytes. ``docs/site.md`` describes the folder that is written.
"""

from __future__ import annotations

from edge.site.manifest import Manifest, is_current, why_stale
from edge.site.presets import PRESETS, build_site
from edge.site.render import RenderedSite, render_site

__all__ = ["PRESETS", "Manifest", "RenderedSite", "build_site", "is_current", "render_site", "why_stale"]
