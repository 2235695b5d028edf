"""A document checked against a pydantic model, with errors a user can act on.

pydantic's own errors name no line and quote the value they dislike; these name both file and line
(``cams.yaml:7: cameras.0.source.latency_ms: must be 0 or more (got -5)``) and never a credential.
The members of a union need tags such as ``<rtsp>`` (from a callable ``Discriminator``): pydantic puts the tag
into the place of an error, and a tag called like a key of the file would lead to that key's line.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from edge.config.document import Document, Loc, refuse
from edge.config.keys import is_tag, known_keys, suggestion
from edge.config.secrets import redact
from edge.config.urls import is_secret_name
from edge.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["PlacedError", "check", "folder_of", "validate"]

Model = TypeVar("Model", bound=BaseModel)

GOT_MAX = 60  # characters of a wrong value that are shown

# pydantic's error type -> our sentence; {name} is taken from the error's context.
_SENTENCES = {
    "missing": "a value is missing at the end of this list",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "string_too_long": "must have {max_length} characters at most",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "list_type": "must be a list: lines that begin with '- '",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping: lines like 'key: value'",
    "mapping_type": "must be a mapping: lines like 'key: value'",
    "model_type": "must be a mapping: lines like 'key: value'",
    "model_attributes_type": "must be a mapping: lines like 'key: value'",
    "timezone_aware": "needs a time zone: end it with Z (UTC) or an offset such as +02:00",
    "path_type": "must be a path",
}
_DATES = ("datetime", "date_", "time_")


class PlacedError(ValueError):
    """For a validator of a whole mapping that knows which of its keys is wrong.

    Args:
        message: what is wrong and the remedy.
        at: the key, and further parts, below the mapping that is being validated.
    """

    def __init__(self, message: str, *at: str | int) -> None:
        super().__init__(message)
        self.at = at


def validate(model_class: type[Model], document: Document) -> Model:
    """Check a document against a model.

    Validators find the document's folder with :func:`folder_of`.

    Raises:
        ConfigError: the first problem in order of line; ``problems_of`` gives all of them.
    """
    model, problems = check(model_class, document)
    refuse(problems)
    if model is None:  # never so: no model means at least one problem
        raise ConfigError("cannot be used", file=document.file)
    return model


def check(model_class: type[Model], document: Document) -> tuple[Model | None, list[ConfigError]]:
    """Check a document against a model and return all problems instead of raising the first.

    Returns:
        The model, None when there are problems; and the problems in order of line.
    """
    if not isinstance(document.data, dict):
        kind = "a list" if isinstance(document.data, list) else "a single value"
        return None, [
            document.problem((), f"the file must be a mapping (lines like 'key: value') and is {kind}")
        ]
    details: list[ErrorDetails] = []
    try:
        return model_class.model_validate(document.data, context={"folder": document.folder}), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    # Outside of the except clause, so that no traceback chains pydantic's text to ours.
    problems = {}
    for detail in details:
        if detail["type"] == "too_short" and _has_deeper(details, detail["loc"]):
            continue  # only because its wrong items were not counted
        problem = _problem(model_class, document, detail)
        problems[str(problem)] = problem
    return None, sorted(problems.values(), key=lambda problem: problem.line)


def _has_deeper(details: list[ErrorDetails], loc: Loc) -> bool:
    return any(len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in details)


def folder_of(context: object) -> Path | None:
    """Folder of the document being validated, from pydantic's ``info.context``; None outside of one."""
    if isinstance(context, Mapping):
        folder = context.get("folder")
        if isinstance(folder, Path):
            return folder
    return None


def _problem(model_class: type[BaseModel], document: Document, detail: ErrorDetails) -> ConfigError:
    loc: Loc = detail["loc"]
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, PlacedError):
        loc = (*loc, *cause.at)
    place = tuple(part for part in loc if not is_tag(part))
    if detail["type"] == "missing" and not isinstance(place[-1], int):
        problem = document.problem(place, "this key is required")
        key = ".".join(part for part in (document.key_of(place[:-1]), str(place[-1])) if part)
        return ConfigError(problem.message, file=problem.file, line=problem.line, key=redact(key))
    return document.problem(place, _message(model_class, document, detail, place))


def _message(model_class: type[BaseModel], document: Document, detail: ErrorDetails, place: Loc) -> str:
    kind = detail["type"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        return suggestion(str(place[-1]), known_keys(model_class, detail["loc"]))
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    got = _got(document, place, detail["input"])
    if kind in ("too_short", "too_long"):
        return _length_message(kind, context)
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "string_type" and isinstance(detail["input"], (bool, int, float, date)):
        return f"must be text; put it in quotes{got}"
    if kind.startswith(_DATES) and kind not in _SENTENCES:
        return f"must be a date and time such as 2026-11-22T10:00:00Z{got}"
    template = _SENTENCES.get(kind)
    if template is None:
        return redact(detail["msg"]) + got
    return template.format(**{name: _number(value) for name, value in context.items()}) + got


def _length_message(kind: str, context: Mapping[str, object]) -> str:
    if kind == "too_long":
        return f"must have {context.get('max_length')} items at most (got {context.get('actual_length')})"
    least = context.get("min_length")
    return f"must have at least {least} item{'' if least == 1 else 's'} (got {context.get('actual_length')})"


def _number(value: object) -> object:
    """Bounds as a human writes them: 0 instead of 0.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _got(document: Document, place: Loc, value: object) -> str:
    """What was there, if it may be shown."""
    template = document.template_of(place)
    if template:
        return f" (got what {redact(template)} stands for)"
    if place and is_secret_name(str(place[-1])):
        return ""
    if value is None:
        return " (got nothing)"
    if isinstance(value, bool):
        return f" (got {str(value).lower()})"
    if isinstance(value, (int, float, date)):
        return f" (got {str(value)[:GOT_MAX]})"
    if isinstance(value, str):
        shown = redact(value)
        return f" (got '{shown[:GOT_MAX]}…')" if len(shown) > GOT_MAX else f" (got '{shown}')"
    if isinstance(value, (list, tuple)):
        return " (got a list)"
    return " (got a mapping)" if isinstance(value, dict) else ""
