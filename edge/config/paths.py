"""Paths as a configuration file writes them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["is_empty_file", "is_file", "is_path", "path_from"]


def path_from(text: str | Path, folder: Path | None) -> Path:
    """The path a file means: ``~`` is a home folder, anything relative starts at the file's own folder.

    Args:
        text: as written.
        folder: folder of the file it is written in; None: relative paths stay as they are.
    """
    path = Path(text)
    try:
        path = path.expanduser()
    except RuntimeError:
        pass  # nobody has this home folder: the path as written will not be found, and that is said
    return path if folder is None else folder / path


def is_path(text: str) -> bool:
    """Whether a text that may be a name or a YAML file's path is a path."""
    return "/" in text or text.endswith((".yaml", ".yml"))


def is_file(path: Path) -> bool:
    """Whether there is such a file; also False for what cannot be a file's name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_empty_file(path: Path) -> bool:
    """Whether there is such a file and it has no bytes."""
    try:
        return path.is_file() and path.stat().st_size == 0
    except (OSError, ValueError):
        return False
