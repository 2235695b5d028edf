"""Rendered sites in the user's cache folder, so that each is rendered once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import OutputError, StartError

if TYPE_CHECKING:
    from edge.site.render import Progress

__all__ = ["cached_site"]


def cached_site(
    preset: str,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
    progress: Progress | None = None,
) -> Path:
    """Return the folder of a site, rendering it where it is missing, unfinished, or of another version.

    Args:
        preset: name of the site.
        seed: who the people are, and where they walk.
        say: is told, in a line, when it is rendered now, and why.
        progress: see :func:`edge.site.render.render_site`.

    Raises:
        ConfigError: there is no such preset, or the seed is wrong.
        StartError: there is no place for it, or it cannot be written.
    """
    from edge.resources import cache_dir
    from edge.site import render_site, why_stale

    cache = cache_dir()
    if cache is None:
        raise StartError("there is no place to keep the rendered site; name a folder in EDGE_CACHE")
    folder = cache / "sites" / f"{preset}-{seed}"
    stale = why_stale(folder, preset, seed)
    if stale:
        say(f"rendering site '{preset}', seed {seed}: {folder} {stale}")
        try:
            _render_aside(folder, lambda aside: render_site(preset, aside, seed=seed, progress=progress))
        except OutputError as error:
            raise OutputError(f"{error}; for this folder, the cache, by EDGE_CACHE") from None
    return folder


def _render_aside(folder: Path, render: Callable[[Path], object]) -> None:
    """Render into a folder of this process and move it in when complete: another one may be at it too."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
            render(Path(name) / "site")
            shutil.rmtree(folder, ignore_errors=True)
            (Path(name) / "site").replace(folder)
    except OSError as error:
        raise OutputError(
            f"cannot write '{folder}': {error.strerror or error}; choose another place"
        ) from error
