"""`edge gallery`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands.options import Identity, Json, Out, State
from edge.cli.exits import run_and_exit

__all__ = ["app"]

app = typer.Typer(
    help="Whom a site remembers, and forgetting them.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def _gallery_list(out: Out = None, state: State = None, json: Json = False) -> None:
    """List who is remembered: since when, how often, in which cameras."""
    from edge.cli import gallery

    run_and_exit(lambda: gallery.list_people(out, state, json))


@app.command("show")
def _gallery_show(identity: Identity, out: Out = None, state: State = None, json: Json = False) -> None:
    """Say what is kept of one person."""
    from edge.cli import gallery

    run_and_exit(lambda: gallery.show(identity, out, state, json))


@app.command("export")
def _gallery_export(
    identity: Identity,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the pictures go.")],
    out: Out = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Write the pictures kept of one person; generated ones are labelled as such."""
    from edge.cli import gallery

    run_and_exit(lambda: gallery.export(identity, to, out, state, json))


@app.command("erase")
def _gallery_erase(identity: Identity, out: Out = None, state: State = None, json: Json = False) -> None:
    """Delete everything about one person, in the memory, the prototypes and the outputs."""
    from edge.cli import gallery

    run_and_exit(lambda: gallery.erase(identity, out, state, json))
