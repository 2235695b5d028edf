"""The references of a run: a folder of pictures, or one in Market-1501's layout; and where results go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError
from edge.ipg.pictures import PICTURE_SUFFIXES

__all__ = ["GENERATED", "Source", "find_sources"]

MARKET_FOLDERS = ("query", "bounding_box_test")
GENERATED = "_gen"
_NOT_OURS = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Source:
    """One reference that is to be drawn, and where its results go.

    path: the reference's file.
    canvas: the file with the reference and all poses and pictures, written last: where it is, all is done.
    singles: the folder of the single pictures.
    """

    path: Path
    canvas: Path
    singles: Path


def find_sources(ref_dir: Path, out_dir: Path) -> tuple[list[Source], list[tuple[Path, str]]]:
    """List references, sorted by name; none is opened.

    Args:
        ref_dir: a folder of pictures; or one that holds ``query/``, ``bounding_box_test/`` or both.
        out_dir: the canvas gets the reference's own name there (with those folders, in one of the same name);
            single pictures go to ``<folder>_gen/<reference>/``.

    Returns:
        The references, and the files that are passed over, with the reason.

    Raises:
        ConfigError: no such folder, no picture in it, or it is the output folder.
    """
    if not ref_dir.is_dir():
        raise ConfigError("is not a folder; give one with pictures of people", file=str(ref_dir))
    if ref_dir.resolve() == out_dir.resolve():
        raise ConfigError("is the folder of the references; give another --out_dir", file=str(out_dir))
    parts = [name for name in MARKET_FOLDERS if (ref_dir / name).is_dir()]
    places = [(ref_dir / name, out_dir / name) for name in parts] if parts else [(ref_dir, out_dir)]
    sources: list[Source] = []
    skips: list[tuple[Path, str]] = []
    for folder, canvases in places:
        singles = out_dir / (folder.resolve().name + GENERATED)
        seen: set[str] = set()
        for path in _files(folder):
            if path.suffix.lower() not in PICTURE_SUFFIXES:
                skips.append((path, f"is no picture ({path.suffix or 'no suffix'})"))
            elif path.stem in seen:
                skips.append((path, "has the name of another reference"))
            else:
                seen.add(path.stem)
                name = path.name if path.suffix.lower() != ".bmp" else f"{path.stem}.png"
                sources.append(Source(path, canvases / name, singles / path.stem))
    if not sources:
        raise ConfigError("holds no picture of anybody (.jpg, .jpeg, .png, .bmp)", file=str(ref_dir))
    return sources, skips


def _files(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
        return [
            path
            for path in entries
            if path.is_file() and not path.name.startswith(".") and path.name.lower() not in _NOT_OURS
        ]
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(folder)) from None
