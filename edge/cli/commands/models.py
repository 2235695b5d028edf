"""`edge models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands.options import Json
from edge.cli.exits import run_and_exit

__all__ = ["app"]

app = typer.Typer(help="Weights: origin, licence, sha256.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def _models_list(json: Json = False) -> None:
    """List the model cards and whether their weights are here."""
    from edge.cli import models

    run_and_exit(lambda: models.list_models(json))


@app.command("pull")
def _models_pull(names: Annotated[list[str], typer.Argument(metavar="NAME...")], json: Json = False) -> None:
    """Fetch weights into pretrained/ and check them against their card."""
    from edge.cli import models

    run_and_exit(lambda: models.pull(names, json))


@app.command("verify")
def _models_verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")] = None,
    ckpt_dir: Annotated[
        Path | None,
        typer.Option(
            "--ckpt-dir",
            "--ckpt_dir",
            metavar="DIR",
            help="Check the generator's weights in this folder, name by name, instead of cards.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check weights against their card; all that are here unless named."""
    from edge.cli import models

    run_and_exit(lambda: models.verify(names or [], json, ckpt_dir))
