"""`edge eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands.options import Embed, Json, PerVisit, Pipeline, Same, Scale, Truth
from edge.cli.exits import run_and_exit

__all__ = ["app"]

app = typer.Typer(help="Scores against ground truth.", no_args_is_help=True, rich_markup_mode=None)


@app.command("tracking")
def _eval_tracking(
    truth: Annotated[
        Path,
        typer.Option(
            "--truth", metavar="FILE|DIR", help="Ground truth, MOTChallenge lines; DIR: a file per camera."
        ),
    ],
    result: Annotated[
        Path,
        typer.Option(
            "--result", metavar="FILE|DIR", help="Tracks that edge-run wrote; DIR: its output folder."
        ),
    ],
    scale: Scale = 1.0,
    same: Same = None,
    per_visit: PerVisit = None,
    json: Json = False,
) -> None:
    """HOTA, IDF1, MOTA and identity switches of one camera's tracks, or of all cameras of a site together.

    With folders, ids are those of people, the same in every camera, and the scores across cameras are
    printed too; a box of the truth whose seventh column is 0 counts neither way then.
    """
    from edge.cli import evaluate

    run_and_exit(lambda: evaluate.tracking(truth, result, scale, json, same, per_visit))


@app.command("return-probe")
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


@app.command("retrieval")
def _eval_retrieval(
    data: Annotated[
        Path,
        typer.Option(
            "--data", metavar="DIR", help="Pictures in Market-1501's layout: query/, bounding_box_test/."
        ),
    ],
    embed: Embed = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", metavar="FILE.npz", help="Score these features, see docs/evaluation.md."),
    ] = None,
    nfc: Annotated[
        str | None, typer.Option("--nfc", metavar="K1,K2", help="Add the features of mutual neighbours.")
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            "--scope",
            metavar="separate|joint|gallery",
            help="Neighbours within query and within gallery, within both together, or the gallery alone is "
            "centralized; separate unless given.",
        ),
    ] = None,
    cross_camera: Annotated[
        bool, typer.Option("--cross-camera", help="Neighbours only from other cameras.")
    ] = False,
    camera_mean: Annotated[
        bool, typer.Option("--camera-mean", help="Remove each camera's mean feature first.")
    ] = False,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="k-reciprocal re-ranking, for comparison.")
    ] = False,
    ipg: Annotated[
        Path | None,
        typer.Option(
            "--ipg", metavar="DIR", help="Generated pictures to add: query_gen/, bounding_box_test_gen/."
        ),
    ] = None,
    eta: Annotated[
        float | None, typer.Option("--eta", metavar="E", help="Weight of generated pictures; 1 unless given.")
    ] = None,
    json: Json = False,
) -> None:
    """Mean average precision, rank-k and identity density (ID²) of a ReID network on pictures."""
    from edge.cli import retrieval

    request = retrieval.Request(
        data, embed, features, nfc, scope, cross_camera, camera_mean, rerank, ipg, eta, json
    )
    run_and_exit(lambda: retrieval.retrieval(request))


@app.command("replay")
def _eval_replay(
    data: Annotated[
        Path,
        typer.Option("--data", metavar="DIR", help="Pictures in Market-1501's layout: bounding_box_test/."),
    ],
    embed: Embed = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", metavar="FILE.npz", help="Replay these features, see docs/evaluation.md."),
    ] = None,
    pipeline: Pipeline = None,
    window_s: Annotated[
        float | None,
        typer.Option(
            "--window-s", metavar="S", help="How long decisions may be revised; the pipeline's unless given."
        ),
    ] = None,
    no_nfc: Annotated[bool, typer.Option("--no-nfc", help="Add no features of mutual neighbours.")] = False,
    no_camera_mean: Annotated[
        bool, typer.Option("--no-camera-mean", help="Leave each camera's mean feature in.")
    ] = False,
    no_whiten: Annotated[
        bool, typer.Option("--no-whiten", help="Leave the scatter of one person's features as it is.")
    ] = False,
    distractors: Annotated[
        bool, typer.Option("--distractors", help="Send distractors too: people nobody should be matched to.")
    ] = False,
    query: Annotated[bool, typer.Option("--query", help="Send the pictures of query/ too.")] = False,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Leave out one ingredient after the other, and compare.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.svg", help="Draw how often what was said came true."),
    ] = None,
    ipg: Annotated[
        Path | None,
        typer.Option("--ipg", metavar="DIR", help="Generated pictures: query_gen/, bounding_box_test_gen/."),
    ] = None,
    eta: Annotated[
        float | None,
        typer.Option("--eta", metavar="E", help="Weight of generated pictures; the pipeline's unless given."),
    ] = None,
    json: Json = False,
) -> None:
    """Play pictures as a stream through refine and identify, and score the identities that come out."""
    from edge.cli import replay

    request = replay.Request(
        data,
        embed,
        features,
        pipeline,
        window_s,
        no_nfc,
        no_camera_mean,
        no_whiten,
        distractors,
        query,
        ablation,
        plot,
        ipg,
        eta,
        json,
    )
    run_and_exit(lambda: replay.replay(request))
