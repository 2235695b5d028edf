"""`edge-run --demo`: the ordinary pipeline on a site that is rendered, scored against its truth."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.cached_site import cached_site
from edge.cli.plain_table import print_table
from edge.cli.progress import progress_bars
from edge.cli.run import RunOptions, execute
from edge.errors import MissingExtraError

if TYPE_CHECKING:
    from edge.fronts import Result

__all__ = ["run_demo"]

PRESET = "demo"
PIPELINE = "demo"


def run_demo(
    out: Path, options: RunOptions, preset: str | None, seed: int | None, pipeline: str | None
) -> int:
    """Render the demo's site where it is not there yet, run the pipeline on it, and print how it scored.

    Args:
        out: the output folder.
        options: as of any run; the mosaic is always written.
        preset: of the site; ``demo`` where None.
        seed: of the site; 0 where None.
        pipeline: name or file; ``demo`` where None.

    Returns:
        The exit code of the run.

    Raises:
        EdgeError: the site cannot be rendered, or the run cannot start.
    """
    import time
    from dataclasses import replace

    begun_s = time.monotonic()
    _find_networks(pipeline or PIPELINE)
    with progress_bars() as progress_of:
        site = cached_site(
            preset or PRESET,
            seed or 0,
            lambda line: _say(line, options.quiet),
            None if options.quiet else progress_of("rendering"),
        )
    truth: Path | None = site
    try:
        from edge.evaluate.tracking import require_metrics

        require_metrics()
    except MissingExtraError as error:
        print(f"no scores: {error}", file=sys.stderr)
        truth = None
    result = execute(
        site / "cams.yaml", out, replace(options, mosaic=True), pipeline=pipeline or PIPELINE, truth=truth
    )
    if isinstance(result, int):
        return result
    if options.json:
        print(result.summary.to_json(), end="")
    elif not options.quiet:
        _print_result(result, out, site, time.monotonic() - begun_s)
    return result.exit_code


def _find_networks(pipeline: str) -> None:
    """Say what is missing before a site is rendered."""
    from edge.config.catalog import load_card
    from edge.config.pipeline import load_pipeline
    from edge.config.weights import find_weights

    spec = load_pipeline(pipeline)
    for model in (spec.detect.model, spec.embed.model):
        find_weights(load_card(model))


def _say(line: str, quiet: bool) -> None:
    if not quiet:
        print(line, file=sys.stderr)


def _print_result(result: Result, out: Path, site: Path, took_s: float) -> None:
    """Print the scores, and where everything lies."""
    summary = result.summary
    frames = sum(row.frames for row in summary.cameras.values())
    print(
        f"{summary.identities} identities in {len(summary.cameras)} cameras: {frames:,} frames in "
        f"{summary.wall_s:.1f} s, all in all {took_s:.1f} s"
    )
    if summary.evaluation is not None:
        print()
        print_table(_rows(summary.evaluation))
    print(f"\nreport  {out / 'report.html'}\nvideo   {out / 'video' / 'mosaic.mp4'}\nsite    {site}")


def _rows(scores: Mapping[str, object]) -> list[Sequence[str]]:
    """A row per camera, one for all of them, and one for each ingredient that was left out."""
    from edge.stages.sink.evaluation import INGREDIENTS

    rows: list[Sequence[str]] = [("camera", "IDF1", "HOTA", "IDF1 across", "HOTA across", "identities")]
    cameras = scores.get("cameras")
    for name, one in cameras.items() if isinstance(cameras, Mapping) else ():
        rows.append((str(name), *_cells(one, one.get("result_ids"))))
    rows.append(("all cameras", *_cells(scores, f"{scores['result_ids']} of {scores['truth_ids']} people")))
    without = scores.get("without")
    for name, less in without.items() if isinstance(without, Mapping) else ():
        title = INGREDIENTS.get(str(name), f"without {name}")
        rows.append((f"  {title}", *_cells(less, less.get("result_ids"))))
    return rows


def _cells(scores: Mapping[str, object], identities: object) -> tuple[str, ...]:
    shares = (scores.get(key) for key in ("idf1", "hota", "cross_camera_idf1", "cross_camera_hota"))
    return (
        *(f"{share:.3f}" if isinstance(share, float) else "" for share in shares),
        str(identities),
    )
