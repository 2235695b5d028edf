"""Which keys a place of a configuration knows, to help somebody who mistyped one."""

from __future__ import annotations

import types
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, Tag

from edge.config.tree import Loc

__all__ = ["is_tag", "known_keys", "suggestion"]


def is_tag(part: str | int) -> bool:
    """Whether a part of a pydantic place is the tag of a union, written ``<rtsp>`` in our models."""
    return isinstance(part, str) and part.startswith("<") and part.endswith(">")


def known_keys(model_class: type[BaseModel], loc: Loc) -> list[str]:
    """Keys of the mapping in which a place lies; empty when the mapping has no fixed keys.

    Args:
        model_class: model of the whole file.
        loc: pydantic's place of the key, union tags included.
    """
    annotation: object = model_class
    for part in loc[:-1]:
        annotation = _below(annotation, part)
    model = _model(annotation)
    if model is None:
        return []
    return [name for field in model.model_fields for name in _names(model, field) if name != "kind"]


def suggestion(key: str, known: Iterable[str]) -> str:
    """What to do about an unknown key: the one that was probably meant, or all there are."""
    names = list(known)
    close = get_close_matches(key.lower().replace("-", "_"), names, n=1, cutoff=0.6)
    if close:
        return f"unknown key; did you mean '{close[0]}'?"
    return f"unknown key; known here: {', '.join(names)}" if names else "unknown key"


def _names(model: type[BaseModel], field: str) -> list[str]:
    alias = model.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return [choice for choice in alias.choices if isinstance(choice, str)]
    return [alias if isinstance(alias, str) else field]


def _below(annotation: object, part: str | int) -> object:
    """The annotation one step further down a place."""
    if is_tag(part):
        for member in _members(annotation):
            if any(isinstance(extra, Tag) and extra.tag == part for extra in get_args(member)[1:]):
                return member
        return annotation
    for member in _members(annotation):
        model = _model(member)
        if model is not None and isinstance(part, str):
            for field, info in model.model_fields.items():
                if part in (field, *_names(model, field)):
                    return info.annotation
        plain = _bare(member)
        if get_origin(plain) in (list, tuple) and isinstance(part, int):
            return get_args(plain)[0]
        if get_origin(plain) is dict:
            return get_args(plain)[1]
    return None


def _bare(annotation: object) -> object:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _members(annotation: object) -> tuple[object, ...]:
    """The alternatives of a union; the annotation itself when it is none."""
    plain = _bare(annotation)
    return get_args(plain) if get_origin(plain) in (Union, types.UnionType) else (annotation,)


def _model(annotation: object) -> type[BaseModel] | None:
    for member in _members(annotation):
        plain = _bare(member)
        if isinstance(plain, type) and issubclass(plain, BaseModel):
            return plain
    return None
