"""What all parts of pipeline.yaml have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge.config.numbers import Number

__all__ = ["Seconds", "Share", "Spec"]

Share = Annotated[Number, Field(ge=0, le=1)]
Seconds = Annotated[Number, Field(ge=0, le=1e6)]


class Spec(BaseModel):
    """A part that cannot be changed once it is read; keys it does not know are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
