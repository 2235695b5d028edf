"""`edge-run`: the main job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.exits import run_and_exit
from edge.cli.threads import one_thread_each

if TYPE_CHECKING:
    from edge.errors import EdgeError
    from edge.fronts import Result, Run
    from edge.stages.sink import TerminalView

__all__ = ["app", "main", "run"]

# Without rich markup and completion, --help imports neither rich nor anything that computes.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def main() -> None:
    """Run the command line; ends the process."""
    app(prog_name="edge-run")


@app.command()
def _run(
    cameras: Annotated[Path, typer.Option("--cameras", metavar="FILE", help="The cams.yaml.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the outputs go.")] = Path(
        "out/run"
    ),
    duration_s: Annotated[
        float | None, typer.Option("--duration-s", min=0.1, metavar="N", help="Finish after N seconds.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", metavar="NAME|FILE", help="A pipeline's name, or its file.")
    ] = None,
    video: Annotated[bool, typer.Option("--video", help="Write an annotated video per camera.")] = False,
    no_crops: Annotated[
        bool, typer.Option("--no-crops", help="Keep pictures of people out of the report.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only what went wrong.")] = False,
) -> None:
    """Follow people through all cameras and give each one identity.

    Ctrl-C finishes cleanly and writes everything (exit code 0, or 130 when there was no frame yet); a second
    Ctrl-C stops at once (130). Other exit codes: 2 wrong configuration, 3 cannot start, 4 died while running
    or a camera broke off (what the others gave is complete).
    """
    run_and_exit(
        lambda: run(
            cameras,
            out,
            duration_s=duration_s,
            pipeline=pipeline,
            video=video,
            crops=not no_crops,
            json=json,
            quiet=quiet,
        )
    )


def run(
    cameras: Path,
    out: Path,
    *,
    duration_s: float | None = None,
    pipeline: str | None = None,
    video: bool = False,
    crops: bool = True,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Check, assemble, run, and say how it went; the arguments are the options of ``edge-run``.

    Returns:
        The exit code.

    Raises:
        EdgeError: the run cannot start.
    """
    import sys

    from edge.cli.check import check_site

    one_thread_each()
    report = check_site(cameras, pipeline)
    if report.problems:
        code = report.exit_code  # with a mistake in a file, what could not start anyway is not told
        _complain(problem for problem in report.problems if problem.exit_code == code)
        return code
    from edge.stages.sink import TerminalView

    with TerminalView(sys.stderr.isatty() and not quiet) as view:
        _log_to(view, quiet)
        result = _execute(
            _assemble(cameras, out, pipeline, video, crops), duration_s, None if quiet else view
        )
    _complain(result.problems)
    if json:
        print(result.summary.to_json(), end="")
    elif not quiet:
        _print_table(result, out)
    return result.exit_code


def _assemble(cameras: Path, out: Path, pipeline: str | None, video: bool, crops: bool) -> Run:
    from edge.assemble import assemble, pipeline_title
    from edge.config.cameras import load_cameras
    from edge.config.pipeline import DEFAULT, find_pipeline, load_pipeline

    site = load_cameras(cameras)
    file = find_pipeline(pipeline or site.pipeline or DEFAULT)
    return assemble(site, load_pipeline(str(file)), out, title=pipeline_title(file), crops=crops, video=video)


def _execute(run: Run, duration_s: float | None, view: TerminalView | None) -> Result:
    from edge.flow import StopSignals

    with StopSignals() as signals:
        return run.run(signals, duration_s=duration_s, view=view)


def _log_to(view: TerminalView, quiet: bool) -> None:
    """Send log lines to standard error, above the live view if there is one, without credentials."""
    import logging

    from edge.config.secrets import RedactingFilter

    handler = view.log_handler()
    handler.addFilter(RedactingFilter())
    plain = type(handler) is logging.StreamHandler  # the other one shows time and level by itself
    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(message)s" if plain else "%(message)s",
        datefmt="%H:%M:%S",
        handlers=[handler],
        force=True,
    )


def _complain(problems: Iterable[EdgeError]) -> None:
    """Print problems on standard error, a line each."""
    import sys

    from edge.config.secrets import redact

    for line in dict.fromkeys(" ".join(str(problem).split()) for problem in problems):
        print(redact(line), file=sys.stderr)


def _print_table(result: Result, out: Path) -> None:
    """Print how it went: a line per camera, what took how long, and where the outputs are."""
    import sys

    from edge.cli.plain_table import print_table

    summary = result.summary
    cameras: list[Sequence[str]] = [("camera", "frames", "fps", "dropped", "reconnects", "state")]
    cameras += [
        (name, f"{row.frames:,}", f"{row.fps:.1f}", f"{row.dropped:,}", str(row.reconnects), row.state)
        for name, row in summary.cameras.items()
    ]
    stages: list[Sequence[str]] = [("stage", "items", "p50 ms", "p95 ms", "busy s")]
    stages += [
        (name, f"{row.items:,}", f"{row.p50_ms:.1f}", f"{row.p95_ms:.1f}", f"{row.busy_s:.1f}")
        for name, row in summary.stages.items()
    ]
    people = f"{summary.identities} identities"
    if summary.unknown:
        people += f", {summary.unknown} unknown"
    print(f"{people} in {summary.wall_s:.1f} s")
    for rows in (cameras, stages):
        if not sys.stdout.isatty():
            print()
        print_table(rows, words=("state",))
    print(f"\nsee {out / 'report.html'}, events.jsonl, tracks/ and summary.json beside it")
