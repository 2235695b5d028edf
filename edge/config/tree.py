"""YAML nodes made into plain data under rules stricter than YAML's own.

Keys must be text, none may come twice, aliases and merge keys work but may not multiply without end, and
only the plain types are made. Whatever breaks a rule becomes a :class:`Flaw` with its line, and the walk
goes on, so that one reading finds them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from edge.config.environment import expand
from edge.config.secrets import register_secret, register_url
from edge.config.urls import is_secret_name

__all__ = ["BoundlessError", "Flaw", "Loc", "Tree", "build", "compose"]

Loc = tuple[str | int, ...]

DEPTH_MAX = 50
VALUES_MAX = 20_000

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_TEXT = frozenset({_TAG + "str", _TAG + "value", _MERGE})
_SCALARS = frozenset(_TAG + name for name in ("null", "bool", "int", "float", "timestamp"))
_READ_AS = {
    "null": "nothing",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
}
_SHOWN_ANYWAY = frozenset({"name", "pipeline", "model", "backend", "transport", "kind"})


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong in the file: where (line from 1) and what."""

    loc: Loc
    line: int
    message: str


@dataclass(slots=True, eq=False)
class Tree:
    """Nodes and the data made of them.

    templates: texts as written, by place, where they refer to environment variables.
    values: what came from the environment.
    """

    root: yaml.Node
    data: object = None
    flaws: list[Flaw] = field(default_factory=list)
    templates: dict[Loc, str] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)

    def walk(self, loc: Loc) -> tuple[Loc, int]:
        """Follow a place as far as the file goes: the parts found, and the line of the last one."""
        node, found, line = self.root, [], _line(self.root)
        for part in loc:
            step = _step(node, part)
            if step is not None:
                node, line = step
                found.append(part)
        return tuple(found), line


class _Composer(yaml.SafeLoader):
    """Composes nodes, to a depth at which Python's own stack is safe."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose one node; counts how deep it lies."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise yaml.composer.ComposerError(
                None,
                None,
                f"nested too deeply (more than {DEPTH_MAX} levels)",
                parent.start_mark if parent else None,
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def compose(text: str) -> yaml.Node | None:
    """The nodes of one YAML document; None when it has only comments.

    Raises:
        yaml.YAMLError: as PyYAML raises it; its text may quote the file.
    """
    loader = _Composer(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def build(root: yaml.Node, environ: Mapping[str, str]) -> Tree:
    """Make data of the nodes; what is wrong ends up in ``flaws``.

    Raises:
        BoundlessError: its aliases make it larger than any configuration.
    """
    tree = Tree(root)
    tree.data = _Builder(tree, environ).value(root, ())
    return tree


class BoundlessError(Exception):
    """The file grows beyond all bounds when its aliases are followed."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


class _Builder:
    """One walk over the nodes."""

    def __init__(self, tree: Tree, environ: Mapping[str, str]) -> None:
        self._tree = tree
        self._environ = environ
        self._count = 0
        self._open: list[int] = []
        self._reported: set[tuple[int, str]] = set()

    def value(self, node: yaml.Node, loc: Loc) -> object:
        """The data of one node and all below."""
        self._spend(node, loc)
        self._open.append(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, loc)
            if isinstance(node, yaml.SequenceNode):
                self._check_tag(node, loc, "seq")
                return [self.value(item, (*loc, number)) for number, item in enumerate(node.value)]
            return self._scalar(node, loc)
        finally:
            self._open.pop()

    def _spend(self, node: yaml.Node, loc: Loc) -> None:
        self._count += 1
        message = ""
        if id(node) in self._open:
            message = "an anchor '&' holds an alias '*' to itself; write the content out"
        elif self._count > VALUES_MAX or len(self._open) > DEPTH_MAX:
            message = f"more than {VALUES_MAX} values or {DEPTH_MAX} levels once its aliases '*' are followed"
        if message:
            raise BoundlessError(Flaw(loc, _line(node), message))

    def _flaw(self, loc: Loc, node: yaml.Node, message: str) -> None:
        line = _line(node)
        if (line, message) not in self._reported:
            self._reported.add((line, message))
            self._tree.flaws.append(Flaw(loc, line, message))

    def _check_tag(self, node: yaml.Node, loc: Loc, *names: str) -> None:
        if node.tag not in {_TAG + name for name in names}:
            self._flaw(loc, node, "tags ('!') are not supported; put text that begins with '!' in quotes")

    def _mapping(self, node: yaml.MappingNode, loc: Loc) -> dict[str, object]:
        self._check_tag(node, loc, "map")
        data: dict[str, object] = {}
        lines: dict[str, int] = {}
        merged: list[tuple[yaml.Node, yaml.Node]] = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged.append((key_node, value_node))
                continue
            key = self._key(key_node, loc)
            if key in data:
                self._flaw(
                    (*loc, key), key_node, f"the key is given twice (first in line {lines[key]}); keep one"
                )
                continue
            lines[key] = _line(key_node)
            data[key] = self.value(value_node, (*loc, key))
            if is_secret_name(key) and isinstance(data[key], str):
                register_secret(str(data[key]))
        for key_node, value_node in merged:
            for source in _merge_sources(value_node):
                if not isinstance(source, yaml.MappingNode):
                    self._flaw(loc, key_node, "'<<' merges mappings only: write  <<: *anchor  of a mapping")
                    continue
                self._merge(source, loc, data)
        return data

    def _merge(self, source: yaml.MappingNode, loc: Loc, data: dict[str, object]) -> None:
        self._spend(source, loc)
        self._open.append(id(source))
        for key, value in self._mapping(source, loc).items():
            data.setdefault(key, value)
        self._open.pop()

    def _key(self, node: yaml.Node, loc: Loc) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._flaw(loc, node, "a key must be one word, not a list or mapping")
            return f"line {_line(node)}"
        if node.tag not in _TEXT:
            read_as = _READ_AS.get(node.tag.removeprefix(_TAG), "a tag")
            self._flaw(
                (*loc, node.value), node, f"YAML reads this key as {read_as}; put it in quotes if it is meant"
            )
        return str(node.value)

    def _scalar(self, node: yaml.Node, loc: Loc) -> object:
        text = str(node.value)
        clock_like = ":" in text and node.tag in (_TAG + "int", _TAG + "float")  # 10:30 is no 630
        if node.tag in _TEXT or clock_like:
            return self._text(node, text, loc)
        if node.tag not in _SCALARS:
            self._check_tag(node, loc, "str")
            return text
        try:
            made: object = yaml.constructor.SafeConstructor().construct_object(node)
        except (ValueError, OverflowError, AttributeError):
            read_as = _READ_AS[node.tag.removeprefix(_TAG)]
            self._flaw(loc, node, f"YAML reads this as {read_as}, yet it is none; put text in quotes")
            return text
        return made

    def _text(self, node: yaml.Node, text: str, loc: Loc) -> str:
        shown = bool(loc) and loc[-1] in _SHOWN_ANYWAY
        expansion = expand(text, self._environ, shown_anyway=shown)
        if expansion.values:
            self._tree.templates[loc] = text
            self._tree.values.update(expansion.values)
        for message in expansion.problems:
            self._flaw(loc, node, message)
        if "@" in expansion.text or "://" in expansion.text:
            register_url(expansion.text)
        return expansion.text


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1


def _merge_sources(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    else:
        yield node


def _step(node: yaml.Node, part: str | int) -> tuple[yaml.Node, int] | None:
    """One part of a place: the node below and the line of its key or of the item; None when not there."""
    if isinstance(node, yaml.SequenceNode):
        if isinstance(part, int) and 0 <= part < len(node.value):
            return node.value[part], _line(node.value[part])
        return None
    if not isinstance(node, yaml.MappingNode):
        return None
    for key_node, value_node in node.value:
        if isinstance(key_node, yaml.ScalarNode) and key_node.tag != _MERGE and key_node.value == part:
            return value_node, _line(key_node)
    for key_node, value_node in node.value:
        if key_node.tag == _MERGE:
            for source in _merge_sources(value_node):
                step = _step(source, part)
                if step is not None:
                    return step
    return None
