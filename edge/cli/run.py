"""`edge-run`: the main job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge.cli.exits import run_and_exit
from edge.cli.threads import one_thread_each

if TYPE_CHECKING:
    from edge.errors import EdgeError
    from edge.fronts import Result, Run
    from edge.stages.sink import TerminalView

__all__ = ["RunOptions", "app", "execute", "main", "print_summary", "run"]

OUT = Path("out/run")
# Without rich markup and completion, --help imports neither rich nor anything that computes.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def main() -> None:
    """Run the command line; ends the process."""
    app(prog_name="edge-run")


@app.command()
def _run(
    cameras: Annotated[Path | None, typer.Option("--cameras", metavar="FILE", help="The cams.yaml.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Instead: four cameras of a site that is rendered, once.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where the outputs go; out/run, or out/demo, unless given."
        ),
    ] = None,
    duration_s: Annotated[
        float | None, typer.Option("--duration-s", min=0.1, metavar="N", help="Finish after N seconds.")
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", metavar="NAME|FILE", help="A pipeline's name, or its file.")
    ] = None,
    video: Annotated[bool, typer.Option("--video", help="Write an annotated video per camera.")] = False,
    mosaic: Annotated[
        bool, typer.Option("--mosaic", help="Write one annotated video of all cameras side by side.")
    ] = False,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth", metavar="DIR", help="Score the run against this truth, see edge eval tracking."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", metavar="NAME", help="Of the demo's site; demo unless given.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, metavar="N", help="Of the demo's site; 0 unless given.")
    ] = None,
    no_crops: Annotated[
        bool, typer.Option("--no-crops", help="Keep pictures of people out of the report.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="FILE",
            help="Whom earlier runs knew; DIR/state.db unless given.",
        ),
    ] = None,
    no_state: Annotated[
        bool, typer.Option("--no-state", help="Know nobody from before, and keep nobody for later.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget whom earlier runs knew.")] = False,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="[HOST:]PORT",
            envvar="EDGE_METRICS",
            help="Answer Prometheus there; this machine alone may ask unless HOST says otherwise.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say only what went wrong.")] = False,
) -> None:
    """Follow people through all cameras and give each one identity.

    Ctrl-C finishes cleanly and writes everything (exit code 0, or 130 when there was no frame yet); a second
    Ctrl-C stops at once (130). Other exit codes: 2 wrong configuration, 3 cannot start, 4 died while running
    or a camera broke off (what the others gave is complete).
    """
    for name, wanted in (("--state", state is not None), ("--fresh", fresh)):
        if wanted and (demo or truth is not None or no_state):
            raise typer.BadParameter(
                "goes without --demo, --truth and --no-state, which begin with nobody known", param_hint=name
            )
    remembers = not (demo or no_state or truth is not None)
    options = RunOptions(
        duration_s=duration_s,
        video=video,
        mosaic=mosaic,
        crops=not no_crops,
        state=(state or (out or OUT) / "state.db") if remembers else None,
        fresh=fresh,
        metrics=metrics,
        json=json,
        quiet=quiet,
    )
    if demo:
        for name, path in (("--cameras", cameras), ("--truth", truth)):
            if path is not None:
                raise typer.BadParameter("goes without --demo, which brings its own", param_hint=name)
        from edge.cli.demo import run_demo

        run_and_exit(lambda: run_demo(out or Path("out/demo"), options, preset, seed, pipeline))
    for name, given in (("--preset", preset), ("--seed", seed)):
        if given is not None:
            raise typer.BadParameter("is for --demo", param_hint=name)
    if cameras is None:
        raise typer.BadParameter("name a cams.yaml, or give --demo", param_hint="--cameras")
    run_and_exit(lambda: run(cameras, out or OUT, options, pipeline=pipeline, truth=truth))


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is asked for besides its cameras.

    duration_s: finish after so many seconds; None goes on until the cameras end.
    video, mosaic: annotated videos of each camera, and one of all.
    crops: whether the report shows pictures of people.
    state: file of whom earlier runs knew, and where this one keeps it; None keeps nothing.
    fresh: forget them first.
    metrics: where Prometheus may ask, ``[HOST:]PORT``; None: nowhere.
    json, quiet: what is printed at the end.
    """

    duration_s: float | None = None
    video: bool = False
    mosaic: bool = False
    crops: bool = True
    state: Path | None = None
    fresh: bool = False
    metrics: str | None = None
    json: bool = False
    quiet: bool = False


def run(
    cameras: Path, out: Path, options: RunOptions, *, pipeline: str | None = None, truth: Path | None = None
) -> int:
    """Check, assemble, run, and say how it went.

    Args:
        cameras: the cams.yaml.
        out: the output folder.
        options: what else is wanted.
        pipeline: name or file; None takes the one the cameras file names, or else the default.
        truth: folder to score the run against.

    Returns:
        The exit code.

    Raises:
        EdgeError: the run cannot start.
    """
    result = execute(cameras, out, options, pipeline=pipeline, truth=truth)
    if isinstance(result, int):
        return result
    if options.json:
        print(result.summary.to_json(), end="")
    elif not options.quiet:
        print_summary(result, out)
    return result.exit_code


def execute(
    cameras: Path, out: Path, options: RunOptions, *, pipeline: str | None, truth: Path | None
) -> Result | int:
    """The same up to the end of the run, with problems told on standard error; prints nothing else.

    Returns:
        How it ended; the exit code alone where a file is wrong and nothing was begun.

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

    with TerminalView(sys.stderr.isatty() and not options.quiet) as view:
        _log_to(view, options.quiet)
        ready = _assemble(cameras, out, options, pipeline, truth)
        result = _execute(ready, options.duration_s, None if options.quiet else view)
    _complain(result.problems)
    return result


def _assemble(cameras: Path, out: Path, options: RunOptions, pipeline: str | None, truth: Path | None) -> Run:
    from edge.assemble import assemble, pipeline_title
    from edge.config.cameras import load_cameras
    from edge.config.pipeline import DEFAULT, find_pipeline, load_pipeline
    from edge.stages.sink import Address

    site = load_cameras(cameras)
    file = find_pipeline(pipeline or site.pipeline or DEFAULT)
    return assemble(
        site,
        load_pipeline(str(file)),
        out,
        title=pipeline_title(file),
        crops=options.crops,
        video=options.video,
        mosaic=options.mosaic,
        truth=truth,
        state=options.state,
        fresh=options.fresh,
        metrics=None if options.metrics is None else Address.parse(options.metrics),
    )


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


def print_summary(result: Result, out: Path) -> None:
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
