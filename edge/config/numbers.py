"""Numbers as a configuration means them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

__all__ = ["Number", "Whole", "no_switch"]


def no_switch(value: object) -> object:
    """Refuse true and false, which Python takes for 1 and 0 (and YAML makes of ``yes`` and ``on``)."""
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "must be a number")
    return value


Number = Annotated[float, BeforeValidator(no_switch)]
Whole = Annotated[int, BeforeValidator(no_switch)]
