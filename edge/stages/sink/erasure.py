"""Taking somebody out of what earlier runs have written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from edge.stages.sink.folder import writing

__all__ = ["Erased", "erase_outputs"]


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done to one file.

    removed: lines, or parts of a page, that were taken out.
    remains: what of the person is still in it, in words; empty when nothing is.
    """

    path: Path
    removed: int
    remains: str = ""


def erase_outputs(folder: Path, names: Collection[int]) -> list[Erased]:
    """Take everything about somebody out of the outputs in a folder, of earlier runs too.

    No run may be writing there. A file is replaced as a whole, so that a reader sees the old or the new one.
    Pictures in videos cannot be taken out.

    Args:
        folder: the output folder.
        names: all identities the person had.

    Returns:
        The files that told of the person, and those that may.

    Raises:
        RunError: a file cannot be written.
    """
    done = []
    for place in (folder, *sorted((folder / "earlier").glob("*/"))):
        events = place / "events.jsonl"
        if events.is_file():
            done.append(Erased(events, _filter(events, lambda line: _tells_of(line, names))))
        for tracks in sorted((place / "tracks").glob("*.txt")):
            done.append(Erased(tracks, _filter(tracks, lambda row: _is_of(row, names))))
        if (place / "report.html").is_file():
            done.append(_from_report(place / "report.html", names))
        done += [Erased(video, 0, "may show the person") for video in sorted((place / "video").glob("*.mp4"))]
    return [one for one in done if one.removed or one.remains]


def _tells_of(line: str, names: Collection[int]) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return False
    return isinstance(event, dict) and (event.get("identity") in names or event.get("previous") in names)


def _is_of(row: str, names: Collection[int]) -> bool:
    identity = row.split(",", 2)[1:2]
    return bool(identity) and identity[0].isdigit() and int(identity[0]) in names


def _filter(path: Path, is_of: Callable[[str], bool]) -> int:
    """Write a file anew without some lines; how many."""
    removed = 0
    temporary = path.with_name(f".{path.name}.new")
    with writing(path):
        try:
            with path.open("rb") as old, temporary.open("wb") as new:
                for line in old:
                    if is_of(line.decode("utf-8", "replace")):
                        removed += 1
                    else:
                        new.write(line)
            if removed:
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return removed


def _from_report(path: Path, names: Collection[int]) -> Erased:
    """Take a person's card and bars out of the page."""
    text = path.read_text(encoding="utf-8")
    removed = 0
    for name in names:
        for part in (
            rf'<article class="person" id="id-{name}".*?</article>',
            rf'<a href="#id-{name}">.*?</a>',
        ):
            text, count = re.subn(part, "", text, flags=re.DOTALL)
            removed += count
    if removed:
        temporary = path.with_name(f".{path.name}.new")
        with writing(path):
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
    drawn = any(re.search(rf"\bid {name}\b", text) for name in names)
    return Erased(path, removed, "shows the person's way on its floor plan" if drawn else "")
