"""The output folder: made, checked, and written to with errors that name the file."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import OutputError, RunError

__all__ = [
    "EVENT_SCHEMA",
    "SUMMARY_SCHEMA",
    "check_folder",
    "prepare_folder",
    "put_away",
    "replace_text",
    "writing",
]

EVENT_SCHEMA = "edge-reid/event/1"
SUMMARY_SCHEMA = "edge-reid/summary/1"

_REPLACED_FILES = ("summary.json", "report.html")
_REPLACED_FOLDERS = ("tracks", "video")


def check_folder(folder: Path) -> None:
    """Make the output folder if it is missing, and see that a run may use it; nothing in it is changed.

    Raises:
        OutputError: it cannot be made or written, or files with our names, not written by us, are
            in the way.
    """
    with _preparing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        names = ("events.jsonl", *_REPLACED_FILES, *_REPLACED_FOLDERS)
        in_the_way = [name for name in names if (folder / name).exists()]
        if in_the_way and not _is_ours(folder):
            raise OutputError(
                f"output folder '{folder}' holds '{in_the_way[0]}', not written by edge-run; "
                "give --out a new or an empty folder"
            )


def prepare_folder(folder: Path) -> None:
    """Make the output folder ready for a run.

    A folder that holds an earlier run (its ``events.jsonl`` or ``summary.json`` says so) is used again:
    ``events.jsonl`` stays, to be appended to; ``summary.json``, ``report.html``, ``tracks/`` and
    ``video/`` are removed; see :func:`put_away` for a run that was killed. Files that are not ours are never
    touched.

    Raises:
        OutputError: see :func:`check_folder`.
    """
    check_folder(folder)
    with _preparing(folder):
        for name in _REPLACED_FILES:
            (folder / name).unlink(missing_ok=True)
        for name in _REPLACED_FOLDERS:
            if (folder / name).is_dir() and not (folder / name).is_symlink():
                shutil.rmtree(folder / name)
        (folder / "tracks").mkdir(exist_ok=True)
        (folder / "events.jsonl").touch()


@contextmanager
def _preparing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"output folder '{folder}' cannot be written: {error.strerror or error}; "
            "give --out a folder you may write to"
        ) from error


def put_away(folder: Path, run: str) -> Path | None:
    """Move what a run that was killed has left into ``earlier/<run>/``, before the next one begins.

    Only when ``summary.json`` says that it was that run; if it was moved already, that place is returned.

    Returns:
        Where it is; None when it is not in this folder.

    Raises:
        OutputError: it cannot be moved.
    """
    place = folder / "earlier" / run
    try:
        found = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        is_here = isinstance(found, dict) and found.get("run") == run and _is_ours(folder)
    except (OSError, ValueError):
        is_here = False
    if not is_here:
        return place if place.is_dir() else None
    try:
        (place / "tracks").mkdir(parents=True, exist_ok=True)
        # summary.json goes last: it says whose this is.
        for name in (*_REPLACED_FOLDERS, *reversed(_REPLACED_FILES)):
            if (folder / name).exists():
                _move_into(folder / name, place / name)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot move what run {run} wrote to '{place}': {reason}") from error
    return place


def _move_into(source: Path, target: Path) -> None:
    """Move a file, or what is in a folder."""
    if source.is_dir() and target.is_dir():
        for inner in source.iterdir():
            inner.replace(target / inner.name)
        source.rmdir()
    else:
        source.replace(target)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating system's refusal inside the block into a one-line RunError naming ``path``."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"cannot write '{path}': {error.strerror or error}; free some space or give --out another folder"
        ) from error


def replace_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new content, never half of one.

    Raises:
        RunError: it cannot be written; the old file is still there.
    """
    temporary = path.with_name(f".{path.name}.new")
    with writing(path):
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def _is_ours(folder: Path) -> bool:
    """Return whether an earlier run left its mark here; an empty events.jsonl is one."""
    try:
        with (folder / "events.jsonl").open(encoding="utf-8") as events:
            line = events.readline(65536)
        if not line or _schema_of(line).startswith("edge-reid/event/"):
            return True
    except (OSError, UnicodeDecodeError):
        pass
    try:
        text = (folder / "summary.json").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return _schema_of(text).startswith("edge-reid/summary/")


def _schema_of(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    return str(found.get("schema", "")) if isinstance(found, dict) else ""
