"""``${NAME}`` and ``${NAME:-default}`` in a text, replaced by environment variables.

Only texts are expanded, after YAML has been parsed, so a value can neither add keys nor break the syntax.
Inside a URL's userinfo or query a value is percent-encoded, so that ``rtsp://admin:${PASSWORD}@host``
works whatever the password holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from edge.config.secrets import register_environment
from edge.config.urls import encode_part

__all__ = ["Expansion", "expand"]

Position = Literal["userinfo", "host", "query", "text"]

_REFERENCE = re.compile(r"\$(?P<literal>\$\{)|\$\{(?P<body>[^{}]*)(?P<end>\}?)")
_BODY = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?::-(.*))?", re.DOTALL)
_AUTHORITY = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://(?P<authority>[^/?#]*)(?P<path>[^?#]*)")


@dataclass(slots=True)
class Expansion:
    """A text with its variables replaced.

    values: what came from the environment, as it was there.
    problems: one sentence for each reference that could not be replaced; it stays in the text as written.
    """

    text: str
    values: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def expand(text: str, environ: Mapping[str, str], *, shown_anyway: bool = False) -> Expansion:
    """Replace the references in a text and register what came from the environment as secret.

    ``$${`` stands for a literal ``${``.

    Args:
        text: as the user wrote it.
        environ: the environment.
        shown_anyway: the text is a name that is shown everywhere, see
            :func:`edge.config.secrets.register_environment`.
    """
    result = Expansion("")
    end = 0
    for match in _REFERENCE.finditer(text):
        result.text += text[end : match.start()]
        end = match.end()
        result.text += "${" if match["literal"] else _replacement(text, match, environ, result, shown_anyway)
    result.text += text[end:]
    return result


def _replacement(
    text: str, match: re.Match[str], environ: Mapping[str, str], result: Expansion, shown_anyway: bool
) -> str:
    body = _BODY.fullmatch(match["body"]) if match["end"] else None
    if body is None:
        result.problems.append(
            "'${' begins no variable; write ${NAME}, ${NAME:-default}, or $${ for a plain '${'"
        )
        return match[0]
    name, default = body[1], body[2]
    value = environ.get(name)
    position = _position(text, match)
    if value:
        result.values.append(value)
        is_path = position == "text" and value.startswith(("/", "./", "../", "~/"))
        register_environment(name, value, shown_anyway=shown_anyway or is_path or position == "host")
    if value or (value is not None and default is None):
        return _encoded(value, text, match, position)
    if default is not None:
        return _encoded(default, text, match, position)
    result.problems.append(f"environment variable '{name}' is not set; set it, or write ${{{name}:-default}}")
    return match[0]


def _skeleton(text: str) -> str:
    """The text with its references made into plain letters, so that its URL can be taken apart."""
    return _REFERENCE.sub(lambda match: "x" * len(match[0]), text)


def _position(text: str, match: re.Match[str]) -> Position:
    url = _AUTHORITY.match(_skeleton(text))
    if url is None or match.start() < url.start("authority"):
        return "text"
    if match.start() < url.start("authority") + url["authority"].rfind("@"):
        return "userinfo"
    if match.start() < url.end("authority"):
        return "host"
    return "text" if match.start() < url.end("path") else "query"


def _encoded(value: str, text: str, match: re.Match[str], position: Position) -> str:
    if position not in ("userinfo", "query"):
        return value
    value = value.strip("\r\n")
    if position == "query":
        return encode_part(value)
    url = _AUTHORITY.match(_skeleton(text))
    userinfo = url["authority"].rpartition("@")[0] if url else ""
    if ":" in userinfo:
        return encode_part(value)
    name, colon, password = value.partition(":")  # user and password in one variable
    return f"{encode_part(name)}{colon}{encode_part(password)}"
