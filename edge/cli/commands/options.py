"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Embed", "Identity", "Json", "Out", "PerVisit", "Pipeline", "Same", "Scale", "State", "Truth"]

Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The runs' output folder; out/run unless given.")
]
State = Annotated[
    Path | None, typer.Option("--state", metavar="FILE", help="The state's file; DIR/state.db unless given.")
]
Identity = Annotated[int, typer.Argument(metavar="ID", min=1, help="The identity.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Pipeline = Annotated[
    str | None, typer.Option("--pipeline", metavar="NAME|FILE", help="A pipeline's name, or its file.")
]
Embed = Annotated[
    str | None,
    typer.Option(
        "--embed", metavar="MODEL", help="ReID network: a card's name or path; the pipeline's unless given."
    ),
]
Truth = Annotated[Path, typer.Option("--truth", metavar="FILE", help="Ground truth, MOTChallenge lines.")]
Scale = Annotated[float, typer.Option("--scale", metavar="S", help="Multiply the truth's boxes by this.")]
Same = Annotated[
    Path | None,
    typer.Option("--same", metavar="FILE", help="Which ids of the truth are one person, a line each."),
]
PerVisit = Annotated[
    int | None,
    typer.Option(
        "--per-visit",
        metavar="N",
        min=1,
        help="An identity absent for more than N frames counts as another one from then on; for truths in "
        "which people who return have a new id.",
    ),
]
