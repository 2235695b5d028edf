"""Folders in Market-1501's layout, and the generated pictures (IPG) that belong to them.

A folder holds ``query/`` and ``bounding_box_test/`` (the gallery). A picture is called
``<person>_c<camera>s<sequence>_<frame>_<box>.jpg``, e.g. ``0002_c1s1_000451_03.jpg``; ``.jpeg``, ``.png`` and
``.bmp`` are taken as well. Person ``-1`` is junk (half a person, or a better box's double), which the
protocol ignores; person ``0000`` is a distractor, which stays in the gallery and is nobody's match.

Generated pictures lie in ``query_gen/`` and ``bounding_box_test_gen/`` and are named after their reference,
in any of these ways (``0002_c1s1_000451_03`` being the reference, 4 the pose)::

    query_gen/0002_c1s1_000451_03_4.jpg       one folder, the pose behind the name
    query_gen/0002_c1s1_000451_03/4.jpg       a folder per reference
    query_gen/pose4/0002_c1s1_000451_03.jpg   a folder per pose

A file whose name says something else is skipped, counted and listed, never guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError

__all__ = ["GALLERY", "QUERY", "MarketSet", "Picture", "Skip", "parse_name", "read_generated", "read_market"]

QUERY = "query"
GALLERY = "bounding_box_test"
JUNK = -1
DISTRACTOR = 0

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
_NOT_OURS = frozenset({"thumbs.db", "desktop.ini"})  # the published Market-1501 itself has a Thumbs.db
_NAME = re.compile(r"(-1|[0-9]{1,9})_c([0-9]{1,4})s([0-9]{1,4})_([0-9]{1,9})_([0-9]{1,4})")
_EXPECTED = "is not named like 0002_c1s1_000451_03.jpg"


@dataclass(frozen=True, slots=True)
class Picture:
    """One person in one frame, as the file's name says.

    person: 1 or more is somebody, 0 a distractor, -1 junk.
    camera, sequence, frame: where and when; frames count from the sequence's begin.
    box: number of the box within its frame.
    path: the file.
    """

    person: int
    camera: int
    sequence: int
    frame: int
    box: int
    path: Path

    @property
    def name(self) -> str:
        """The file's name without its folder and suffix."""
        return self.path.stem


@dataclass(frozen=True, slots=True)
class Skip:
    """A file that was left out, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class MarketSet:
    """What a folder holds; pictures are sorted by name.

    query: people (person 1 or more).
    gallery: people and distractors.
    junk: how many pictures of person -1 were left out, as the protocol has it.
    skips: files that were left out for any other reason.
    """

    query: tuple[Picture, ...]
    gallery: tuple[Picture, ...]
    junk: int
    skips: tuple[Skip, ...]


def parse_name(path: Path) -> Picture | None:
    """Read a file's name; None where it is not one of Market-1501's form. The file is not opened."""
    found = _NAME.fullmatch(path.stem)
    if found is None:
        return None
    person, camera, sequence, frame, box = map(int, found.groups())
    return Picture(person, camera, sequence, frame, box, path)


def read_market(folder: Path, *, gallery_only: bool = False) -> MarketSet:
    """List the pictures of a folder in Market-1501's layout; none of them is opened.

    Args:
        folder: holds ``query/`` and ``bounding_box_test/``.
        gallery_only: leave ``query/`` out; it need not be there.

    Raises:
        ConfigError: the folder, its ``query/`` or its ``bounding_box_test/`` is missing, cannot be read, or
            holds no picture that counts.
    """
    places = (GALLERY,) if gallery_only else (QUERY, GALLERY)
    _require_layout(folder, places)
    query, query_junk, query_skips = ([], 0, []) if gallery_only else _list_pictures(folder / QUERY)
    gallery, gallery_junk, gallery_skips = _list_pictures(folder / GALLERY)
    nobody = [picture for picture in query if picture.person == DISTRACTOR]
    people = tuple(picture for picture in query if picture.person != DISTRACTOR)
    skips = [*query_skips, *(Skip(one.path, "a distractor cannot be a query") for one in nobody)]
    for place, pictures, problems in ((QUERY, people, skips), (GALLERY, gallery, gallery_skips)):
        if place in places and not pictures:
            hint = f"; {len(problems)} files were skipped, the first {_show(problems[0])}" if problems else ""
            raise ConfigError(
                f"holds no picture of anybody{hint}; pictures are named like 0002_c1s1_000451_03.jpg",
                file=str(folder / place),
            )
    return MarketSet(people, tuple(gallery), query_junk + gallery_junk, (*skips, *gallery_skips))


def read_generated(
    folder: Path, references: Sequence[Picture]
) -> tuple[dict[str, tuple[Path, ...]], list[Skip]]:
    """Find the generated pictures of each reference; none of them is opened.

    Args:
        folder: ``…/query_gen`` or ``…/bounding_box_test_gen``; an absent one holds nothing.
        references: the pictures they were made from.

    Returns:
        Name of a reference -> its generated pictures, sorted; and the files that belong to none (those of
        junk are no skips).

    Raises:
        ConfigError: the folder cannot be read.
    """
    known = {picture.name for picture in references}
    found: dict[str, list[Path]] = {}
    skips: list[Skip] = []
    if not folder.exists():
        return {}, []
    for path in _files(folder, depth=2):
        if path.suffix.lower() not in _SUFFIXES:
            skips.append(_not_a_picture(path))
            continue
        name = _reference_of(path, folder)
        if name is None:
            skips.append(Skip(path, "is not named after a reference"))
        elif name in known:
            found.setdefault(name, []).append(path)
        elif not name.startswith(f"{JUNK}_"):
            skips.append(Skip(path, f"its reference {name} is not among the pictures"))
    return {name: tuple(sorted(paths)) for name, paths in sorted(found.items())}, skips


def _reference_of(path: Path, folder: Path) -> str | None:
    """The name of the reference that a generated picture was made from."""
    own = _NAME.match(path.stem)
    if own is not None and path.stem[own.end() : own.end() + 1] in ("", "_"):
        return own.group()
    above = _NAME.fullmatch(path.parent.name) if path.parent != folder else None
    return above.group() if above is not None else None


def _list_pictures(folder: Path) -> tuple[list[Picture], int, list[Skip]]:
    """Pictures that are no junk, sorted by name; how many were junk; what else there was."""
    pictures: dict[str, Picture] = {}
    skips: list[Skip] = []
    junk = 0
    for path in _files(folder, depth=1):
        picture = parse_name(path)
        if path.suffix.lower() not in _SUFFIXES:
            skips.append(_not_a_picture(path))
        elif picture is None:
            skips.append(Skip(path, _EXPECTED))
        elif picture.person == JUNK:
            junk += 1
        elif picture.name in pictures:
            skips.append(Skip(path, f"is there twice, also as {pictures[picture.name].path.name}"))
        else:
            pictures[picture.name] = picture
    return list(pictures.values()), junk, skips


def _files(folder: Path, depth: int) -> list[Path]:
    """Files of a folder and ``depth`` - 1 levels below, sorted; without those that systems leave behind."""
    try:
        entries = sorted(folder.iterdir())
        files: list[Path] = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _NOT_OURS:
                continue
            if entry.is_dir():
                files += _files(entry, depth - 1) if depth > 1 else []
            else:
                files.append(entry)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(folder)) from None
    return files


def _require_layout(folder: Path, places: Sequence[str]) -> None:
    """Raise ConfigError, with the remedy, unless the folders of pictures are there."""
    if not folder.is_dir():
        held = " and ".join(f"{place}/" for place in places)
        raise ConfigError(f"is not a folder; give the one that holds {held}", file=str(folder))
    missing = [name for name in places if not (folder / name).is_dir()]
    if not missing:
        return
    inner = [child for child in _folders(folder) if all((child / name).is_dir() for name in places)]
    hint = f"did you mean {inner[0]}?" if inner else "the layout is Market-1501's: query/, bounding_box_test/"
    raise ConfigError(f"has no folder {'/ and no folder '.join(missing)}/; {hint}", file=str(folder))


def _folders(folder: Path) -> Iterable[Path]:
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir())
    except OSError:
        return ()


def _not_a_picture(path: Path) -> Skip:
    return Skip(
        path, f"is no picture ({path.suffix or 'no suffix'}); taken are {', '.join(sorted(_SUFFIXES))}"
    )


def _show(skip: Skip) -> str:
    return f"{skip.path.name} ({skip.reason})"
