"""Check a folder of DeepStream files: keys, types, ranges, and the files they name.

DeepStream itself warns of some unknown keys and passes over others in silence (the low-level tracker over
all of them), so a misspelt key otherwise costs an afternoon.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import yaml

from edge.errors import ConfigError
from edge.fronts.deepstream.codes import Version
from edge.fronts.deepstream.ini import Entry, read_ini
from edge.fronts.deepstream.rules import FileRules, Rule, all_rules, match_name
from edge.fronts.deepstream.values import fault_of

__all__ = ["check_folder", "check_text", "kind_of"]

# A section whose presence tells what a key file is for, asked in this order.
_MARKS = (
    ("message-broker", "nvmsgbroker"),
    ("sensor0", "nvmsgconv"),
    ("application", "app"),
    ("primary-gie", "app"),
    ("streammux", "app"),
)
_TRACKER_MARKS = frozenset({"BaseConfig", "TargetManagement", "DataAssociator", "StateEstimator", "ReID"})


@dataclass(frozen=True, slots=True)
class _Found:
    """A file taken apart: its kind, its sections with lines, its entries, and what could not be read."""

    kind: str
    sections: list[tuple[str, int]]
    entries: list[Entry]
    problems: list[tuple[int, str, str]]


def check_folder(folder: Path, version: Version) -> tuple[int, list[ConfigError]]:
    """Check every file in a folder that is one of DeepStream's.

    Args:
        folder: where they lie.
        version: the DeepStream they are for.

    Returns:
        How many files were checked, and all problems, by file and line.

    Raises:
        ConfigError: there is no such folder, or nothing of DeepStream's in it.
    """
    if not folder.is_dir():
        raise ConfigError("is no folder; give the one that 'edge deepstream config' wrote", file=str(folder))
    files = sorted(file for file in folder.iterdir() if file.suffix in (".txt", ".yml", ".yaml", ".cfg"))
    problems: list[ConfigError] = []
    checked = 0
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(ConfigError(f"cannot be read: {error}", file=str(file), line=1))
            continue
        if kind_of(file.name, text):
            checked += 1
            problems += check_text(text, version, file=file)
    if not checked:
        raise ConfigError("holds no DeepStream configuration", file=str(folder))
    return checked, problems


def check_text(text: str, version: Version, *, file: Path, missing: bool = True) -> list[ConfigError]:
    """Check one file's content.

    Args:
        text: the content.
        version: the DeepStream it is for.
        file: its path, for messages and for the files it names.
        missing: whether files it names have to exist.

    Returns:
        The problems in order of line.
    """
    found = _take_apart(file.name, text)
    problems = [
        ConfigError(message, file=str(file), line=line, key=key) for line, key, message in found.problems
    ]
    rules = all_rules().get(found.kind, {})
    for name, line in found.sections:
        if match_name(name, rules) is None:
            message = f"no section is called '{name}'{_hint(name, rules)}"
            problems.append(ConfigError(message, file=str(file), line=line))
            continue
        problems += _missing_keys(found, name, line, rules, file)
    for entry in found.entries:
        section = match_name(entry.section, rules)
        if section is not None:
            message = _fault(entry, rules[section], version, file.parent, missing)
            if message:
                key = f"{entry.section}.{entry.key}"
                problems.append(ConfigError(message, file=str(file), line=entry.line, key=key))
    return sorted(problems, key=lambda problem: problem.line)


def kind_of(name: str, text: str) -> str:
    """Return which plugin a file is for, by what is in it; empty when it is none of DeepStream's."""
    return _take_apart(name, text).kind


def _take_apart(name: str, text: str) -> _Found:
    if name.endswith((".yml", ".yaml")):
        return _tracker_file(text)
    sections, entries, broken = read_ini(text)
    names = {section for section, _ in sections}
    kind = next((kind for mark, kind in _MARKS if mark in names), "")
    if not kind and "property" in names:
        keys = {entry.key for entry in entries if entry.section == "property"}
        kind = "nvdsanalytics" if keys & {"config-width", "osd-mode", "config-height"} else "nvinfer"
    return _Found(kind, sections, entries, [(one.line, "", one.message) for one in broken] if kind else [])


def _tracker_file(text: str) -> _Found:
    """A tracker's YAML as sections and entries; OpenCV's ``%YAML:1.0`` line is not YAML's own."""
    lines = text.splitlines()
    if lines and lines[0].startswith("%YAML:"):
        lines[0] = "#"
    problem = None
    root: yaml.Node | None = None
    try:
        root = yaml.compose("\n".join(lines), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = (mark.line + 1 if mark else 1, "", f"not YAML: {error.problem or 'syntax error'}")
    if not isinstance(root, yaml.MappingNode):
        is_ours = any(line.rstrip(": ") in _TRACKER_MARKS for line in lines)
        return _Found("nvtracker" if is_ours else "", [], [], [problem] if problem and is_ours else [])
    sections: list[tuple[str, int]] = []
    entries: list[Entry] = []
    problems: list[tuple[int, str, str]] = []
    for name, node in root.value:
        line = name.start_mark.line + 1
        sections.append((str(name.value), line))
        if not isinstance(node, yaml.MappingNode):
            problems.append((line, str(name.value), "must hold keys, one a line"))
            continue
        seen: dict[str, int] = {}
        for key, value in node.value:
            at = key.start_mark.line + 1
            if key.value in seen:
                message = f"'{key.value}' is given twice, first in line {seen[key.value]}"
                problems.append((at, str(name.value), message))
            seen.setdefault(key.value, at)
            entries.append(Entry(str(name.value), str(key.value), _value_text(value), at))
    is_ours = bool({name for name, _ in sections} & _TRACKER_MARKS)
    return _Found("nvtracker" if is_ours else "", sections, entries, problems if is_ours else [])


def _value_text(node: yaml.Node) -> str:
    """The value as a key file would write it: list items joined by semicolons."""
    if isinstance(node, yaml.SequenceNode):
        return ";".join(str(item.value) for item in node.value)
    return str(node.value)


def _missing_keys(found: _Found, name: str, line: int, rules: FileRules, file: Path) -> Iterable[ConfigError]:
    pattern = match_name(name, rules)
    keys = rules[pattern] if pattern is not None else {}
    given = {entry.key for entry in found.entries if entry.section == name}
    for key, rule in keys.items():
        if rule.needed and key not in given:
            yield ConfigError(f"[{name}] needs the key '{key}'", file=str(file), line=line)


def _fault(entry: Entry, rules: Mapping[str, Rule], version: Version, folder: Path, missing: bool) -> str:
    """What is wrong with an entry; empty when nothing is."""
    pattern = match_name(entry.key, rules)
    if pattern is None:
        return f"no such key{_hint(entry.key, rules)}"
    rule = rules[pattern]
    if not rule.known_in(version):
        bound = f"before {rule.before}" if rule.before else f"from {rule.since} on"
        return f"DeepStream {version} does not know it; it is a key of DeepStream {bound}"
    return fault_of(entry.value, rule, folder if missing else None)


def _hint(name: str, known: Mapping[str, object]) -> str:
    """The nearest known name, its number or text as in the one given."""
    plain = [pattern.rstrip("#*") for pattern in known]
    digits = name[len(name.rstrip("0123456789")) :]
    near = get_close_matches(name, [*plain, *(f"{one}{digits}" for one in plain if digits)], n=1, cutoff=0.7)
    return f"; did you mean '{near[0]}'?" if near else ""
