"""What each plugin's file may hold, read from ``keys.yaml``: one rule per key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

__all__ = ["FileRules", "Rule", "all_rules", "match_name", "parse_rule"]

_TYPES = frozenset(
    "bool int float text uris path made library ints floats polygon colour".split()  # noqa: SIM905
)
_RANGE = re.compile(r"(-?[0-9.]*?)\.\.(-?[0-9.]*)\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """What the value of one key may be.

    kind: its type.
    low, high: bounds; None where there is none.
    choices: the values there are; empty for any.
    multiple: the value is a multiple of it; 0 for any.
    length: how many numbers a list has; 0 for any.
    needed: the section is useless without the key.
    since, before: first version that knows it, first that does not; empty for any.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    multiple: int = 0
    length: int = 0
    needed: bool = False
    since: str = ""
    before: str = ""

    def known_in(self, version: str) -> bool:
        """Whether a version of DeepStream knows the key."""
        number = float(version)
        return not (self.since and number < float(self.since)) and not (
            self.before and number >= float(self.before)
        )


FileRules = Mapping[str, Mapping[str, Rule]]


@lru_cache(maxsize=1)
def all_rules() -> Mapping[str, FileRules]:
    """Return the rules by kind of file, section pattern and key pattern."""
    text = Path(__file__).with_name("keys.yaml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(text)
    return {
        kind: {
            section: {key: parse_rule(rule) for key, rule in keys.items()} for section, keys in table.items()
        }
        for kind, table in tables.items()
    }


def parse_rule(text: str) -> Rule:
    """Read one rule such as ``int 0..10 !``.

    Raises:
        ValueError: it is not of the form ``keys.yaml`` describes.
    """
    kind, *words = text.split()
    if kind not in _TYPES:
        raise ValueError(f"no such type: {kind}")
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    multiple = length = 0
    needed, since, before = False, "", ""
    for word in words:
        bounds = _RANGE.match(word)
        if word == "!":
            needed = True
        elif word.startswith(">="):
            since = word[2:]
        elif word.startswith("<"):
            before = word[1:]
        elif word.startswith("%"):
            multiple = int(word[1:])
        elif word.startswith("x"):
            length = int(word[1:])
        elif bounds is not None:
            low = float(bounds[1]) if bounds[1] else None
            high = float(bounds[2]) if bounds[2] else None
        else:
            choices = tuple(word.split("|"))
    return Rule(kind, low, high, choices, multiple, length, needed, since, before)


def match_name(name: str, patterns: Mapping[str, object]) -> str | None:
    """Return the pattern a section's or key's name fits: itself, or one with ``#`` (a number) or ``*``."""
    if name in patterns:
        return name
    for pattern in patterns:
        if "#" in pattern or "*" in pattern:
            expression = re.escape(pattern).replace(r"\#", "[0-9]+").replace(r"\*", ".+")
            if re.fullmatch(expression, name):
                return pattern
    return None
