"""calib/topology.yaml: how long people take from one camera to another.

cams.yaml names it with ``site.topology``. ``edge site render`` writes one; docs/site.md explains its keys.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge.config.document import load_document
from edge.config.numbers import Number, Whole
from edge.config.validate import validate

__all__ = ["Topology", "Travel", "load_topology"]

Seconds = Number


class Travel(BaseModel):
    """From the last moment in one camera to the first in the next."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    origin: str = Field(alias="from", min_length=1, description="The camera people leave.")
    to: str = Field(min_length=1, description="The camera they come to next; may be the same.")
    median_s: Seconds = Field(ge=0, le=1e6, description="Half of them take less.")
    spread_s: Seconds = Field(default=0.0, ge=0, le=1e6, description="Standard deviation, roughly.")
    low_s: Seconds = Field(default=0.0, ge=0, le=1e6, description="Nobody is faster.")
    high_s: Seconds | None = Field(default=None, ge=0, le=1e6, description="Few are slower.")
    count: Whole = Field(default=0, ge=0, le=1_000_000_000, description="How many were timed.")
    overlap: Number = Field(
        default=0.0, ge=0, le=1, description="Share whom the second sees before the first has lost them."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Travel:
        if self.low_s > self.median_s:
            raise ValueError(f"low_s must not be above median_s ({self.median_s:g}) (got {self.low_s:g})")
        if self.high_s is not None and self.high_s < self.median_s:
            raise ValueError(f"high_s must not be below median_s ({self.median_s:g}) (got {self.high_s:g})")
        return self


class Topology(BaseModel):
    """All pairs of cameras between which travel times are known."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1] = Field(default=1, description="Version of this file's form.")
    pairs: tuple[Travel, ...] = Field(default=(), description="Known pairs; nothing is said of others.")

    @model_validator(mode="after")
    def _once_each(self) -> Topology:
        seen: set[tuple[str, str]] = set()
        for pair in self.pairs:
            if (pair.origin, pair.to) in seen:
                raise ValueError(f"the way from '{pair.origin}' to '{pair.to}' is there twice; keep one")
            seen.add((pair.origin, pair.to))
        return self


def load_topology(path: str | Path, cameras: Collection[str]) -> Topology:
    """Read the travel times of a site.

    Args:
        path: the file.
        cameras: the cameras there are.

    Raises:
        ConfigError: the file is missing or wrong, or names a camera that is not there; with its line.
    """
    document = load_document(path)
    topology = validate(Topology, document)
    for number, pair in enumerate(topology.pairs):
        for key, name in (("from", pair.origin), ("to", pair.to)):
            if name not in cameras:
                there = ", ".join(sorted(cameras))
                raise document.problem(
                    ("pairs", number, key), f"no camera is called '{name}'; there are: {there}"
                )
    return topology
