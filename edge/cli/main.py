"""`edge`: everything around the main job.

What each command takes is in :mod:`edge.cli.commands`; its work is in a module of its own, imported when the
command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands import deepstream, evaluate, gallery, models, poses, site, train
from edge.cli.commands.export import export
from edge.cli.commands.generate import generate
from edge.cli.commands.options import Json, Pipeline
from edge.cli.exits import run_and_exit

__all__ = ["app", "main"]

# Without rich markup and completion, --help imports neither rich nor anything that computes.
app = typer.Typer(
    help="Multi-camera person re-identification: checks, models, evaluation. The main job is edge-run.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, group in (
    ("models", models),
    ("gallery", gallery),
    ("eval", evaluate),
    ("site", site),
    ("poses", poses),
    ("train", train),
    ("deepstream", deepstream),
):
    app.add_typer(group.app, name=name)


def main() -> None:
    """Run the command line; ends the process."""
    app(prog_name="edge")


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        import edge

        print(f"edge-reid {edge.__version__}")
        raise typer.Exit


@app.command("check")
def _check(
    cameras: Annotated[Path, typer.Option("--cameras", metavar="FILE", help="The cams.yaml to check.")],
    pipeline: Pipeline = None,
    json: Json = False,
) -> None:
    """Check everything that can be known before a camera opens."""
    from edge.cli import check

    run_and_exit(lambda: check.run(cameras, pipeline, json))


@app.command("health")
def _health(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The output folder of an edge-run.")],
    max_age_s: Annotated[
        float, typer.Option("--max-age-s", metavar="S", min=1.0, help="How old its summary.json may be.")
    ] = 30.0,
    cameras: Annotated[
        bool, typer.Option("--cameras", help="Also ask for one connected camera at least.")
    ] = False,
    json: Json = False,
) -> None:
    """Say whether a run is alive (exit code 0), has written nothing yet (3), or is not alive (4)."""
    from edge.cli import health

    run_and_exit(lambda: health.health(out, max_age_s, cameras, json))


app.command("generate")(generate)
app.command("export")(export)


if __name__ == "__main__":
    main()
