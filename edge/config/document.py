"""One YAML file as plain Python data that still knows its lines.

:func:`load_document` reads it, refuses what is ambiguous (duplicate keys, keys that are not text), expands
``${NAME}`` and bounds what a hostile file can cost. Every problem it or :mod:`edge.config.validate` reports
is a :class:`~edge.errors.ConfigError` with the file, the line and the dotted key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from edge.config.secrets import redact
from edge.config.tree import BoundlessError, Flaw, Loc, Tree, build, compose
from edge.errors import ConfigError

__all__ = ["Document", "Loc", "load_document", "problems_of", "read_document", "refuse"]

SIZE_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Document:
    """A YAML file that has been read.

    file: its name as the user gave it, for messages.
    folder: the folder it lies in; relative paths inside the file start there.
    data: its content: dict, list, str, int, float, bool, date, datetime or None; ``${NAME}`` expanded.
    secrets: the values that came from the environment.
    """

    file: str
    folder: Path
    data: object
    secrets: frozenset[str]
    _tree: Tree

    def __repr__(self) -> str:
        """Name the file and nothing of its content."""
        return f"Document({self.file!r})"

    def line_of(self, loc: Loc) -> int:
        """Line, from 1, of the key or list item at a place such as ``("cameras", 0, "name")``.

        A part that is not in the file (a missing key, the tag of a union) is passed over, so the answer
        is the line of the nearest thing that is there.
        """
        return self._tree.walk(loc)[1]

    def key_of(self, loc: Loc) -> str:
        """The same place as dotted text, without the parts that are not in the file."""
        return ".".join(str(part) for part in self._tree.walk(loc)[0])

    def has(self, loc: Loc) -> bool:
        """Whether the file has exactly this place."""
        return self._tree.walk(loc)[0] == loc

    def template_of(self, loc: Loc) -> str:
        """The text as written, if it refers to environment variables; else empty."""
        return self._tree.templates.get(self._tree.walk(loc)[0], "")

    def problem(self, loc: Loc, message: str) -> ConfigError:
        """An error at a place of this file, credentials masked; the caller raises it."""
        return ConfigError(
            redact(message), file=redact(self.file), line=self.line_of(loc), key=redact(self.key_of(loc))
        )


def load_document(path: str | Path, environ: Mapping[str, str] | None = None) -> Document:
    """Read a YAML file.

    Args:
        path: the file; errors show it as given.
        environ: where ``${NAME}`` is looked up; the process's environment when None.

    Raises:
        ConfigError: the first problem; :func:`problems_of` gives all of them.
    """
    document, problems = read_document(path, environ)
    refuse(problems)
    return document


def read_document(
    path: str | Path, environ: Mapping[str, str] | None = None
) -> tuple[Document, tuple[ConfigError, ...]]:
    """Read a YAML file and go on behind what can be repaired, for a command that lists all problems.

    Returns:
        The document, and its duplicate keys, unset variables and so on in order of line. Where there is a
        problem, the data hold a guess (the first of two keys, the reference as written).

    Raises:
        ConfigError: the file cannot be read, is not text, or is not YAML at all.
    """
    file = str(path)
    text = _read_text(Path(path), file)
    root = _compose(text, file)
    try:
        tree = build(root, os.environ if environ is None else environ)
    except BoundlessError as error:
        flaw = error.flaw
    else:
        return _document(tree, path)
    raise _config_error(flaw, file)


def _document(tree: Tree, path: str | Path) -> tuple[Document, tuple[ConfigError, ...]]:
    file = str(path)
    document = Document(file, Path(path).parent, tree.data, frozenset(tree.values), tree)
    problems = [_config_error(flaw, file) for flaw in tree.flaws]
    return document, tuple(sorted(problems, key=lambda problem: problem.line))


def _config_error(flaw: Flaw, file: str) -> ConfigError:
    key = ".".join(str(part) for part in flaw.loc)
    return ConfigError(redact(flaw.message), file=redact(file), line=flaw.line, key=redact(key))


def refuse(problems: Iterable[ConfigError]) -> None:
    """Raise the first problem, if there is any, with all of them as its attribute ``more``.

    Raises:
        ConfigError: the first problem.
    """
    listed = tuple(problems)
    if listed:
        first = listed[0]
        first.__dict__["more"] = listed[1:]
        raise first


def problems_of(error: ConfigError) -> tuple[ConfigError, ...]:
    """All problems that were found together with this one, itself first."""
    more: tuple[ConfigError, ...] = getattr(error, "more", ())
    return (error, *more)


def _read_text(path: Path, file: str) -> str:
    """The file as text.

    Raises:
        ConfigError: missing, unreadable, too large, empty or not UTF-8.
    """
    reason = ""
    raw = b""
    try:
        with path.open("rb") as stream:
            raw = stream.read(SIZE_MAX_BYTES + 1)
    except FileNotFoundError:
        reason = "there is no such file"
    except IsADirectoryError:
        reason = "is a folder; give the YAML file inside it"
    except (OSError, ValueError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or 'not a file name'}"
    if reason:
        raise ConfigError(reason, file=redact(file))
    line = 1
    if len(raw) > SIZE_MAX_BYTES:
        reason = f"is larger than {SIZE_MAX_BYTES >> 20} MiB: hardly a configuration; is it another file?"
    elif raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        reason = "is UTF-16; save it as UTF-8"
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            reason = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        else:
            if text.strip():
                return text
            reason = "the file is empty"
    raise ConfigError(reason, file=redact(file), line=line)


def _compose(text: str, file: str) -> yaml.Node:
    """The nodes of the text; raises ConfigError, which quotes nothing of the file's content."""
    root: yaml.Node | None = None
    try:
        root = compose(text)
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        line = text.count("\n", 0, position) + 1
        message = "holds a control character that YAML does not allow; remove it"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        message = _syntax_message(error, text.splitlines(), line)
    except yaml.YAMLError:
        line, message = 1, "is not YAML"
    else:
        line, message = 1, "the file has no content, only comments"
    if root is None:
        raise ConfigError(message, file=redact(file), line=line)
    return root


def _syntax_message(error: yaml.MarkedYAMLError, lines: list[str], line: int) -> str:
    """A sentence on a YAML syntax error that shows nothing of the text, which may hold a password."""
    problem = error.problem or ""
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    if "'\\t'" in problem or written[: len(written) - len(written.lstrip())].count("\t"):
        return "not YAML: a tab where only spaces may stand; indent with spaces"
    if "undefined alias" in problem:
        return "not YAML: '*' refers to an anchor that is not there; put text that begins with '*' in quotes"
    if "duplicate anchor" in problem or "duplicate anchor" in (error.context or ""):
        return "not YAML: an anchor '&' is given twice"
    if "mapping values are not allowed" in problem:
        return "not YAML: a ': ' where none may stand; check the indentation, or put the text in quotes"
    if "${" in written and ("flow" in (error.context or "") or "{" in problem):
        return "not YAML: inside { } or [ ] put text with ${NAME} in quotes"
    if "another document" in problem or "single document" in (error.context or ""):
        return "not YAML for one file: it holds a second document ('---'); keep one"
    if "nested too deeply" in problem:
        return problem
    if "tag" in problem or "directive" in problem or "anchor" in problem or "handle" in problem:
        return "not YAML: text that begins with '!', '&', '*' or '%' needs quotes"
    plain = problem if len(problem) < 100 and problem.isprintable() else ""
    return f"not YAML: {plain or 'syntax error'}; check quotes, brackets and indentation"
