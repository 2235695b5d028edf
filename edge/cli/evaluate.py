"""Bodies of ``edge eval …``."""

from __future__ import annotations

import json as jsonlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.evaluate.return_probe import ProbeVideo, ReturnScore
    from edge.evaluate.tracking import TrackingScore
    from edge.fronts import Result

__all__ = ["return_probe", "tracking"]

PROBE_CAMERA = "probe"

Row = tuple[str, str, str]


def tracking(
    truth: Path,
    result: Path,
    scale: float = 1.0,
    json: bool = False,
    same: Path | None = None,
    per_visit: int | None = None,
) -> int:
    """Print how well one camera's tracks, or those of all cameras of a site, follow the truth.

    Args:
        truth: ground truth, MOTChallenge lines; or a folder of them, a file for each camera.
        result: tracks, MOTChallenge lines, may be empty; or a folder of them, where ``truth`` is one.
        scale: what to multiply the truth's boxes by.
        json: print one JSON object (``idf1 hota mota id_switches`` and more, also ``same`` and
            ``per_visit`` where given) instead of a table.
        same: which ids of the truth are one person; see :mod:`edge.evaluate.visits`. Not for folders.
        per_visit: an identity of the result absent for more frames counts as another one from then on. Not
            for folders.

    Returns:
        0; a bad score is not a failure.

    Raises:
        ConfigError: a file is missing or malformed, or an option is wrong.
        MissingExtraError: TrackEval is not installed.
    """
    if truth.is_dir() or result.is_dir():
        return _site(truth, result, scale, json, same, per_visit)
    from edge.evaluate.tracking import score_tracking

    score = score_tracking(truth, result, scale, same=same, per_visit=per_visit)
    if json:
        print(jsonlib.dumps(score.as_json() | _terms(same, per_visit)))
    else:
        _print_table(_tracking_rows(score, same, per_visit))
    return 0


def _site(
    truth: Path, result: Path, scale: float, json: bool, same: Path | None, per_visit: int | None
) -> int:
    """Score folders; identities are the same in all cameras."""
    for place, other, option in ((truth, result, "--truth"), (result, truth, "--result")):
        if not place.exists():
            raise ConfigError("no such file or folder", file=str(place))
        if not place.is_dir():
            raise ConfigError(
                f"is a file, and '{other}' is a folder; give two files or two folders",
                key=f"{option} {place}",
            )
    for option, value in (("--same", same), ("--per-visit", per_visit)):
        if value is not None:
            raise ConfigError(
                "is for one camera's files: a folder's truth has one id per person already", key=option
            )
    from edge.evaluate.site_score import evaluate_site

    score = evaluate_site(truth, result, scale)
    for warning in score.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if json:
        print(jsonlib.dumps(score.as_json()))
    else:
        from edge.cli.site_table import print_site_table

        print_site_table(score)
    return 0


def return_probe(
    video: Path,
    truth: Path,
    scale: float = 1.0,
    empty_frames: int = 20,
    pipeline: str | None = None,
    out: Path | None = None,
    json: bool = False,
    same: Path | None = None,
    per_visit: int | None = None,
) -> int:
    """Run the pipeline on a video, empty pictures and the video mirrored, and print who is recognised.

    What exactly is counted is said in :mod:`edge.evaluate.return_probe`. The tracking scores printed
    beside it are those of the first pass.

    Args:
        video: the video the truth belongs to.
        truth: ground truth, MOTChallenge lines.
        scale: what to multiply the truth's boxes by.
        empty_frames: plain grey pictures between the two passes.
        pipeline: name or file of a pipeline; None for the default.
        out: folder for ``probe.mkv`` and the run's outputs; None keeps nothing.
        json: print one JSON object instead of a table.
        same: which ids of the truth are one person; the return is scored so, and the first pass once more.
        per_visit: as in :func:`tracking`; the first pass is scored once more so.

    Returns:
        0, or the exit code of a run that failed; a bad score is not a failure.

    Raises:
        EdgeError: a file is missing or malformed, or the run cannot start.
    """
    from edge.cli.threads import one_thread_each
    from edge.evaluate.mot import read_mot
    from edge.evaluate.return_probe import score_return
    from edge.evaluate.tracking import read_truth, require_metrics, score_boxes
    from edge.evaluate.visits import split_visits

    one_thread_each()
    require_metrics()
    published = read_truth(truth, scale)
    people = read_truth(truth, scale, same)
    with _folder(out) as folder:
        probe, ended = _run_probe(video, empty_frames, pipeline, folder)
        if ended.exit_code:
            for problem in ended.problems:
                print(problem, file=sys.stderr)
            return ended.exit_code
        result = read_mot(folder / "tracks" / f"{PROBE_CAMERA}.txt")
    returned = score_return(people, result, probe)
    first = result.select(result.frames <= probe.frames)
    passes = {"first_pass": score_boxes(published, first)}
    if same is not None:
        passes["first_pass_same"] = score_boxes(people, first)
    if per_visit is not None:
        passes["first_pass_per_visit"] = score_boxes(published, split_visits(first, per_visit))
    if json:
        facts = {"empty_frames": probe.empty_frames, "frames": probe.frames}
        scores = {name: score.as_json() for name, score in passes.items()}
        print(jsonlib.dumps(returned.as_json() | facts | _terms(same, per_visit) | scores))
    else:
        _print_table(_return_rows(returned, passes))
    return 0


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """The folder asked for, made ready; or one that is removed afterwards."""
    from edge.stages.sink.folder import prepare_folder

    if out is not None:
        prepare_folder(out)
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="edge-probe-") as name:
        yield Path(name)


def _run_probe(
    video: Path, empty_frames: int, pipeline: str | None, folder: Path
) -> tuple[ProbeVideo, Result]:
    """Write the probe video into the folder and run the pipeline on it."""
    from edge.assemble import assemble, pipeline_title
    from edge.config.cameras import Camera, CamerasFile
    from edge.config.catalog import load_card
    from edge.config.pipeline import DEFAULT, find_pipeline, load_pipeline
    from edge.config.sources import FileSource
    from edge.config.weights import find_weights
    from edge.evaluate.return_probe import write_probe_video
    from edge.flow import StopSignals

    file = find_pipeline(pipeline or DEFAULT)
    spec = load_pipeline(str(file))
    for model in (spec.detect.model, spec.embed.model):
        find_weights(load_card(model))  # say what is missing before the video is written
    path = folder / "probe.mkv"
    probe = write_probe_video(video, path, empty_frames)
    camera = Camera(name=PROBE_CAMERA, source=FileSource(path=path))
    run = assemble(CamerasFile(cameras=(camera,)), spec, folder, title=pipeline_title(file))
    with StopSignals() as signals:
        return probe, run.run(signals)


def _terms(same: Path | None, per_visit: int | None) -> dict[str, str | int]:
    """What was done before scoring, for the JSON object."""
    terms: dict[str, str | int] = {}
    if same is not None:
        terms["same"] = str(same)
    if per_visit is not None:
        terms["per_visit"] = per_visit
    return terms


def _tracking_rows(score: TrackingScore, same: Path | None, per_visit: int | None) -> list[Row]:
    joined = "" if same is None else f", joined by {same.name}"
    visits = "" if per_visit is None else f"; another one after {per_visit} frames of absence"
    return [
        ("IDF1", f"{score.idf1:.3f}", f"identity precision {score.idp:.3f}, recall {score.idr:.3f}"),
        ("HOTA", f"{score.hota:.3f}", f"detection {score.deta:.3f}, association {score.assa:.3f}"),
        ("MOTA", f"{score.mota:.3f}", f"box precision {score.precision:.3f}, recall {score.recall:.3f}"),
        ("switches", str(score.id_switches), "times a person's identity changed"),
        ("boxes", str(score.result_boxes), f"the truth has {score.truth_boxes}"),
        ("identities", str(score.result_ids), f"the truth has {score.truth_ids}{joined}{visits}"),
    ]


def _return_rows(returned: ReturnScore, passes: Mapping[str, TrackingScore]) -> list[Row]:
    rows = [
        ("right", f"{returned.right:.3f}", f"of {returned.boxes} boxes of the second pass: the old identity"),
        ("wrong", f"{returned.wrong:.3f}", "somebody else's identity"),
        ("new", f"{returned.new:.3f}", "a new identity, or unknown"),
        ("recognised", str(returned.recognised), f"of {returned.people} people, in most of their boxes"),
    ]
    for name, score in passes.items():
        option = name.removeprefix("first_pass").replace("_", "-")
        what = "first pass" + (f", with -{option}" if option else "")
        rows += [
            ("IDF1", f"{score.idf1:.3f}", what),
            ("HOTA", f"{score.hota:.3f}", what),
            ("MOTA", f"{score.mota:.3f}", what),
        ]
    return rows


def _print_table(rows: Iterable[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("score", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("meaning", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
