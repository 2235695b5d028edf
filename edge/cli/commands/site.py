"""`edge site`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands.options import Json
from edge.cli.exits import run_and_exit

__all__ = ["app"]

app = typer.Typer(
    help="The synthetic site, whose truth is known.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _site() -> None:
    pass


@app.command("render")
def _site_render(
    preset: Annotated[
        str,
        typer.Option("--preset", metavar="NAME", help="demo, twins, night, crowd, handover or large."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the site is written.")],
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Who the people are, and where they walk.")
    ] = 0,
    duration_s: Annotated[
        float | None,
        typer.Option("--duration-s", metavar="S", help="Length of the videos; the preset's unless given."),
    ] = None,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Draw videos and crops also where the preset has none.")
    ] = False,
    json: Json = False,
) -> None:
    """Render a site of several cameras with its ground truth: videos, cams.yaml, calibration, crops."""
    from edge.cli import site

    run_and_exit(lambda: site.render(preset, out, seed, duration_s, pixels or None, json))


@app.command("calibration")
def _site_calibration(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the pictures go.")] = Path(
        "calib/int8"
    ),
    crops: Annotated[
        int, typer.Option("--crops", metavar="N", min=0, help="How many crops of people.")
    ] = 128,
    scenes: Annotated[int, typer.Option("--scenes", metavar="N", min=0, help="How many scenes.")] = 32,
    json: Json = False,
) -> None:
    """Draw the pictures that edge export --precision int8 takes its ranges from."""
    from edge.cli import export

    run_and_exit(lambda: export.draw_calibration(out, crops, scenes, json))
