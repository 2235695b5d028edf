"""Key files as GLib reads them, with the line of every key: read for checking, written in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Entry", "IniProblem", "Sections", "numbers", "read_ini", "text_of", "write_ini"]

Sections = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a key file.

    section, key, value: as written, without the spaces around.
    line: from 1.
    """

    section: str
    key: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class IniProblem:
    """A line that is no key file's."""

    line: int
    message: str


def read_ini(text: str) -> tuple[list[tuple[str, int]], list[Entry], list[IniProblem]]:
    """Read a key file.

    Returns:
        Sections with their lines, entries, and what could not be read. A key that comes twice is a problem:
        GLib silently takes the last.
    """
    sections: list[tuple[str, int]] = []
    entries: list[Entry] = []
    problems: list[IniProblem] = []
    seen: dict[tuple[str, str], int] = {}
    section = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if not line.endswith("]"):
                problems.append(IniProblem(number, "a section must end with ']'"))
                continue
            section = line[1:-1]
            if section in (name for name, _ in sections):
                problems.append(IniProblem(number, f"section [{section}] is there twice"))
            sections.append((section, number))
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key:
            problems.append(IniProblem(number, "must be a section, a key=value or a comment"))
        elif not section:
            problems.append(IniProblem(number, f"'{key}' stands before the first section"))
        else:
            if (section, key) in seen:
                message = f"'{key}' is given twice, first in line {seen[section, key]}"
                problems.append(IniProblem(number, message))
            seen.setdefault((section, key), number)
            entries.append(Entry(section, key, value, number))
    return sections, entries, problems


def write_ini(sections: Sections, comment: Iterable[str] = ()) -> str:
    """Return a key file's text; sections without keys are left out."""
    lines = [f"# {line}".rstrip() for line in comment]
    for name, entries in sections.items():
        if entries:
            lines += ["", f"[{name}]"]
            lines += [f"{key}={value}" for key, value in entries.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def text_of(number: float) -> str:
    """Return a number in plain digits, without loss that matters to a float32."""
    return f"{number:.9f}".rstrip("0").rstrip(".") if number and abs(number) < 1e6 else f"{number:g}"


def numbers(values: Iterable[float]) -> str:
    """Return a list of numbers as GLib writes it."""
    return ";".join(text_of(value) for value in values)
