"""`edge poses`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands.options import Json
from edge.cli.exits import run_and_exit

__all__ = ["app"]

app = typer.Typer(help="Poses for edge generate.", no_args_is_help=True, rich_markup_mode=None)


@app.command("draw")
def _poses_draw(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the pictures go.")],
    keypoints: Annotated[
        Path | None,
        typer.Option(
            "--keypoints",
            metavar="FILE",
            help="Keypoints, see docs/ipg.md; eight standard poses unless given.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Draw poses as pictures of sticks, as edge generate takes them."""
    from edge.cli import generate

    run_and_exit(lambda: generate.draw_poses(out, keypoints, json))


@app.command("find")
def _poses_find(
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="A pose network: a card's name, file or folder.")
    ],
    pictures: Annotated[
        Path, typer.Option("--pictures", metavar="DIR", help="Pictures of one person each, who fills it.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Keypoints, for edge generate.")],
    score_min: Annotated[
        float, typer.Option("--score-min", metavar="S", help="Keypoints of less count as not seen.")
    ] = 0.3,
    json: Json = False,
) -> None:
    """Find the poses of people in pictures, as keypoints for edge generate --keypoints."""
    from edge.cli import poses

    run_and_exit(lambda: poses.find(model, pictures, out, score_min, json))
