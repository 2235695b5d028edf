"""Rendered sites in the user's cache folder, so that each is rendered once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.errors import StartError
from edge.resources import cache_dir
from edge.site import is_current, render_site

__all__ = ["cached_site"]


def cached_site(preset: str, seed: int, say: Callable[[str], None] = lambda line: None) -> Path:
    """Return the folder of a site, rendering it where it is missing, unfinished, or of another version.

    Args:
        preset: name of the site.
        seed: of everything drawn by chance.
        say: is told, in a line, when it is rendered now, and why.

    Raises:
        ConfigError: there is no such preset.
        StartError: there is no place for it.
        RunError: it cannot be written.
    """
    cache = cache_dir()
    if cache is None:
        raise StartError("there is no place to keep the rendered site; name a folder in EDGE_CACHE")
    folder = cache / "sites" / f"{preset}-{seed}"
    if is_current(folder, preset, seed):
        return folder
    why = "is of another version" if folder.exists() else "is not there yet"
    say(f"site '{preset}', seed {seed}: {folder} {why}; rendering it")
    render_site(preset, folder, seed=seed)
    return folder
