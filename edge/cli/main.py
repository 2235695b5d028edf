"""`edge`: everything around the main job.

Each command's work is in a module of its own, imported when the command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
models_app = typer.Typer(
    help="Weights: origin, licence, sha256.", no_args_is_help=True, rich_markup_mode=None
)
eval_app = typer.Typer(help="Scores against ground truth.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(models_app, name="models")
app.add_typer(eval_app, name="eval")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Pipeline = Annotated[
    str | None, typer.Option("--pipeline", metavar="NAME|FILE", help="A pipeline's name, or its file.")
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


@models_app.command("list")
def _models_list(json: Json = False) -> None:
    """List the model cards and whether their weights are here."""
    from edge.cli import models

    run_and_exit(lambda: models.list_models(json))


@models_app.command("pull")
def _models_pull(names: Annotated[list[str], typer.Argument(metavar="NAME...")], json: Json = False) -> None:
    """Fetch weights into pretrained/ and check them against their card."""
    from edge.cli import models

    run_and_exit(lambda: models.pull(names, json))


@models_app.command("verify")
def _models_verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")] = None, json: Json = False
) -> None:
    """Check weights against their card; all that are here unless named."""
    from edge.cli import models

    run_and_exit(lambda: models.verify(names or [], json))


@eval_app.command("tracking")
def _eval_tracking(
    truth: Truth,
    result: Annotated[Path, typer.Option("--result", metavar="FILE", help="Tracks that edge-run wrote.")],
    scale: Scale = 1.0,
    same: Same = None,
    per_visit: PerVisit = None,
    json: Json = False,
) -> None:
    """HOTA, IDF1, MOTA and identity switches of one camera's tracks."""
    from edge.cli import evaluate

    run_and_exit(lambda: evaluate.tracking(truth, result, scale, json, same, per_visit))


@eval_app.command("return-probe")
def _eval_return_probe(
    video: Annotated[Path, typer.Option("--video", metavar="FILE", help="The video the truth belongs to.")],
    truth: Truth,
    scale: Scale = 1.0,
    empty_frames: Annotated[
        int, typer.Option("--empty-frames", metavar="N", min=0, help="Empty frames between the two passes.")
    ] = 20,
    pipeline: Pipeline = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Keep the probe video and what the run wrote here."),
    ] = None,
    same: Same = None,
    per_visit: PerVisit = None,
    json: Json = False,
) -> None:
    """Play a video, empty frames, then the video mirrored: who gets the old identity back?"""
    from edge.cli import evaluate

    run_and_exit(
        lambda: evaluate.return_probe(video, truth, scale, empty_frames, pipeline, out, json, same, per_visit)
    )
