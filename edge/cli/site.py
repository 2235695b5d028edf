"""Bodies of ``edge site …``."""

from __future__ import annotations

import json as jsonlib
import sys
from dataclasses import asdict
from pathlib import Path

__all__ = ["render"]


def render(
    preset: str,
    out: Path,
    seed: int = 0,
    duration_s: float | None = None,
    pixels: bool | None = None,
    json: bool = False,
) -> int:
    """Render a site into a folder, unless exactly that site is there already.

    Args:
        preset: name of the site.
        out: the folder.
        seed: who the people are, and where they walk.
        duration_s: other than the preset's own.
        pixels: whether there are videos; the preset's own choice when None.
        json: print one JSON object instead of lines.

    Returns:
        0.

    Raises:
        ConfigError: the preset, the seed or the duration is wrong.
        OutputError: the folder cannot be written, holds something else, or the disk is full.
    """
    from edge.cli.progress import processors, progress_bars
    from edge.site import render_site, why_stale

    stale = why_stale(out, preset, seed, duration_s)
    if (out / "site.json").exists():
        if not stale and not pixels:
            print(f"{out} is up to date; nothing to do", file=sys.stderr)
        elif stale:
            print(f"{out} {stale}; rendering it anew", file=sys.stderr)
    if not stale and not pixels:
        facts = jsonlib.loads((out / "site.json").read_text(encoding="utf-8"))
        if json:
            print(jsonlib.dumps(facts | {"folder": str(out), "rendered": False}))
        return 0
    with progress_bars() as progress_of:
        site = render_site(
            preset,
            out,
            seed=seed,
            duration_s=duration_s,
            pixels=pixels,
            workers=min(processors(), 8),
            progress=progress_of(f"site '{preset}'"),
        )
    facts = asdict(site.manifest) | {
        "folder": str(out),
        "rendered": True,
        "boxes": site.boxes,
        "size_bytes": site.size_bytes,
        "wall_s": round(site.wall_s, 2),
    }
    if json:
        print(jsonlib.dumps(facts))
        return 0
    made = site.manifest
    print(
        f"{out}: {len(made.cameras)} cameras, {made.people} people, {made.duration_s:g} s, "
        f"{site.boxes} boxes, {site.size_bytes / 1e6:.1f} MB in {site.wall_s:.1f} s"
    )
    if made.pixels:
        print(f"edge-run --cameras {site.cameras_file}")
    return 0
