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
poses_app = typer.Typer(help="Poses for edge generate.", no_args_is_help=True, rich_markup_mode=None)
train_app = typer.Typer(help="Training networks of your own.", no_args_is_help=True, rich_markup_mode=None)
eval_app = typer.Typer(help="Scores against ground truth.", no_args_is_help=True, rich_markup_mode=None)
site_app = typer.Typer(
    help="The synthetic site, whose truth is known.", no_args_is_help=True, rich_markup_mode=None
)
gallery_app = typer.Typer(
    help="Whom a site remembers, and forgetting them.", no_args_is_help=True, rich_markup_mode=None
)
deepstream_app = typer.Typer(
    help="Configuration files for NVIDIA DeepStream.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(models_app, name="models")
app.add_typer(gallery_app, name="gallery")
app.add_typer(eval_app, name="eval")
app.add_typer(site_app, name="site")
app.add_typer(poses_app, name="poses")
app.add_typer(train_app, name="train")
app.add_typer(deepstream_app, name="deepstream")

Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The runs' output folder; out/run unless given.")
]
State = Annotated[
    Path | None, typer.Option("--state", metavar="FILE", help="The state's file; DIR/state.db unless given.")
]
Identity = Annotated[int, typer.Argument(metavar="ID", min=1, help="The identity.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Pipeline = Annotated[
    str | None, typer.Option("--pipeline", metavar="NAME|FILE", help="A pipeline's name, or its file.")
]
Embed = Annotated[
    str | None,
    typer.Option(
        "--embed", metavar="MODEL", help="ReID network: a card's name or path; the pipeline's unless given."
    ),
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


@gallery_app.command("list")
def _gallery_list(out: Out = None, state: State = None, json: Json = False) -> None:
    """List who is remembered: since when, how often, in which cameras."""
    from edge.cli import gallery

    run_and_exit(lambda: gallery.list_people(out, state, json))


@gallery_app.command("show")
def _gallery_show(identity: Identity, out: Out = None, state: State = None, json: Json = False) -> None:
    """Say what is kept of one person."""
    from edge.cli import gallery

    run_and_exit(lambda: gallery.show(identity, out, state, json))


@gallery_app.command("export")
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


@gallery_app.command("erase")
def _gallery_erase(identity: Identity, out: Out = None, state: State = None, json: Json = False) -> None:
    """Delete everything about one person, in the memory, the prototypes and the outputs."""
    from edge.cli import gallery

    run_and_exit(lambda: gallery.erase(identity, out, state, json))


@app.command("generate")
def _generate(
    ref_dir: Annotated[
        Path,
        typer.Option(
            "--ref_dir",
            "--ref-dir",
            metavar="DIR",
            help="Pictures of people; or a folder that holds query/, bounding_box_test/ or both.",
        ),
    ],
    out_dir: Annotated[
        Path, typer.Option("--out_dir", "--out-dir", metavar="DIR", help="Where the pictures go.")
    ],
    ckpt_dir: Annotated[
        Path | None,
        typer.Option("--ckpt_dir", "--ckpt-dir", metavar="DIR", help="The generator's weights."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="NAME", help="Or a model that ships with the project; demo-ipg unless given."
        ),
    ] = None,
    pose_dir: Annotated[
        Path | None,
        typer.Option(
            "--pose_dir",
            "--pose-dir",
            metavar="DIR",
            help="Pictures of poses; eight standard ones unless given.",
        ),
    ] = None,
    keypoints: Annotated[
        Path | None, typer.Option("--keypoints", metavar="FILE", help="Poses from a file of keypoints.")
    ] = None,
    preset: Annotated[
        str,
        typer.Option("--preset", metavar="exact|fast", help="As upstream draws, or several times faster."),
    ] = "fast",
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", help="Steps; the preset's unless given: 20 or 5.")
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option("--guidance", metavar="G", help="Weight of the identity; 3.5 unless given."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ddim|dpmpp", help="The preset's unless given.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of the noise.")] = None,
    upstream_seeds: Annotated[
        bool,
        typer.Option(
            "--upstream-seeds",
            help="Draw the noise in sequence as upstream does; else it depends on the names alone.",
        ),
    ] = False,
    similarity_min: Annotated[
        float | None,
        typer.Option(
            "--similarity-min",
            metavar="S",
            help="Keep a picture only if its ReID similarity to the reference is at least this; -1: all. "
            "0.3 with the preset fast, -1 with exact, unless given.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="auto|cpu|cuda|cuda:N", help="Where to draw.")
    ] = "auto",
    dtype: Annotated[
        str | None,
        typer.Option("--dtype", metavar="auto|float32|bfloat16|float16", help="The preset's unless given."),
    ] = None,
    memory_mb: Annotated[
        int | None,
        typer.Option(
            "--memory-mb", metavar="M", help="What a batch may take; half of what is free unless given."
        ),
    ] = None,
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile the network first; pays in long runs on a GPU.")
    ] = False,
    json: Json = False,
) -> None:
    """Draw people in other poses (IPG), with the published weights or your own."""
    from edge.cli import generate

    request = generate.Request(
        ckpt_dir=ckpt_dir,
        model=model,
        ref_dir=ref_dir,
        out_dir=out_dir,
        pose_dir=pose_dir,
        keypoints=keypoints,
        preset=preset,
        steps=steps,
        guidance=guidance,
        scheduler=scheduler,
        seed=seed,
        upstream_seeds=upstream_seeds,
        similarity_min=similarity_min,
        device=device,
        dtype=dtype,
        memory_mb=memory_mb,
        compile=compile,
        json=json,
    )
    run_and_exit(lambda: generate.generate(request))


@app.command("export")
def _export(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A card's name or path; ipg: the generator's UNet.")
    ],
    to: Annotated[str, typer.Option("--to", metavar="onnx|tensorrt", help="What to make.")],
    precision: Annotated[
        str, typer.Option("--precision", metavar="fp32|fp16|int8", help="Of the computation, in the graph.")
    ] = "fp32",
    batch: Annotated[
        str | None,
        typer.Option("--batch", metavar="MIN,OPT,MAX", help="Rows of a call; one number fixes them."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="pretrained/NAME-PRECISION/….onnx unless given."),
    ] = None,
    fold: Annotated[
        bool, typer.Option("--fold", help="Colour order and scale into the graph: bytes go in.")
    ] = False,
    fold_resize: Annotated[
        str | None,
        typer.Option("--fold-resize", metavar="WxH", help="The resize too, from pictures of this size."),
    ] = None,
    half_io: Annotated[
        bool, typer.Option("--half-io", help="With fp16: inputs and outputs in float16 too.")
    ] = False,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", metavar="DIR", help="Pictures for int8; calib/int8 unless given."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            metavar="DIR",
            help="Measure what a ReID network loses on this set (query/, bounding_box_test/); with int8 on "
            "the demo site's crops unless given.",
        ),
    ] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(
            "--max-loss",
            metavar="POINTS",
            help="Refuse to lose more: 1 point of mAP unless given; detectors 5.",
        ),
    ] = None,
    ckpt_dir: Annotated[
        Path | None,
        typer.Option("--ckpt-dir", "--ckpt_dir", metavar="DIR", help="Weights of transreid or ipg."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a graph or an engine of a network, check it against its source, and say what it costs."""
    from edge.cli import export

    request = export.Request(
        name=name,
        to=to,
        precision=precision,
        batch=batch,
        out=out,
        fold=fold,
        fold_resize=fold_resize,
        half_io=half_io,
        calibration=calibration,
        check=check,
        max_loss=max_loss,
        ckpt_dir=ckpt_dir,
        json=json,
    )
    run_and_exit(lambda: export.export(request))


@poses_app.command("draw")
def _poses_draw(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the pictures go.")],
    keypoints: Annotated[
        Path | None,
        typer.Option(
            "--keypoints",
            metavar="FILE",
            help="Keypoints, see docs/ipg.md; eight standard poses unless given.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Draw poses as pictures of sticks, as edge generate takes them."""
    from edge.cli import generate

    run_and_exit(lambda: generate.draw_poses(out, keypoints, json))


@train_app.callback()
def _train() -> None:
    pass


@train_app.command("ipg")
def _train_ipg(
    ckpt_dir: Annotated[
        Path,
        typer.Option(
            "--ckpt_dir",
            "--ckpt-dir",
            metavar="DIR",
            help="What to begin with: the ReID network and the VAE must be there, all networks for stage 2.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Checkpoint, samples/, and in the end weights/.")
    ],
    stage: Annotated[
        int,
        typer.Option(
            "--stage",
            metavar="1|2",
            help="1: all four networks learn; 2: only the denoising UNet and the pose guider go on.",
        ),
    ] = 1,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help="bounding_box_train/ with keypoints in bounding_box_train_pose/."
        ),
    ] = None,
    drawn: Annotated[
        int | None,
        typer.Option("--drawn", metavar="PEOPLE", help="Or so many people of the synthetic site."),
    ] = None,
    views: Annotated[
        int, typer.Option("--views", metavar="N", help="With --drawn: crops and portraits of each person.")
    ] = 8,
    cache: Annotated[
        Path, typer.Option("--cache", metavar="DIR", help="With --drawn: where drawn pictures are kept.")
    ] = Path("out/drawn"),
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", help="Train so many batches in all.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="M", help="Or so long in all, which no two runs repeat exactly."),
    ] = None,
    references: Annotated[
        int | None, typer.Option("--references", metavar="N", help="People of a batch; 8 unless given.")
    ] = None,
    targets: Annotated[
        int | None,
        typer.Option("--targets", metavar="N", help="Pictures of each to be drawn; 1 unless given."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="R", help="Highest learning rate; 1e-4 or, in stage 2, 2e-5."),
    ] = None,
    warm_steps: Annotated[
        int | None, typer.Option("--warm-steps", metavar="N", help="Steps of its rise; 200 unless given.")
    ] = None,
    average: Annotated[
        float | None,
        typer.Option("--average", metavar="A", help="How slowly the averaged weights follow; 0.9995."),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option("--dropout", metavar="P", help="Share drawn without an identity; 0.1 unless given."),
    ] = None,
    gamma: Annotated[
        float | None,
        typer.Option("--gamma", metavar="G", help="Of the min-SNR weights, 0: none; 5 unless given."),
    ] = None,
    noise_offset: Annotated[
        float | None, typer.Option("--noise-offset", metavar="S", help="0.05 unless given.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="1 unless given.")] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to train.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option("--precision", metavar="no|fp16|bf16", help="Of the passes; no: float32.")
    ] = "no",
    threads: Annotated[int | None, typer.Option("--threads", metavar="N", help="Of torch on a CPU.")] = None,
    sample_every: Annotated[
        int,
        typer.Option("--sample-every", metavar="N", help="Draw some people every N steps; 0: never."),
    ] = 500,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves and samples for TensorBoard into --out.")
    ] = False,
    json: Json = False,
) -> None:
    """Train the generator of pedestrians (IPG).

    On several GPUs: accelerate launch -m edge.cli.main train ipg …
    """
    from edge.cli import train

    request = train.Request(
        ckpt_dir=ckpt_dir,
        out=out,
        data=data,
        drawn=drawn,
        views=views,
        cache=cache,
        stage=stage,
        steps=steps,
        minutes=minutes,
        references=references,
        targets=targets,
        rate=rate,
        warm_steps=warm_steps,
        average=average,
        dropout=dropout,
        gamma=gamma,
        noise_offset=noise_offset,
        seed=seed,
        device=device,
        precision=precision,
        threads=threads,
        sample_every=sample_every,
        tensorboard=tensorboard,
        json=json,
    )
    run_and_exit(lambda: train.train_ipg(request))


@eval_app.command("tracking")
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


@eval_app.command("retrieval")
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


@eval_app.command("replay")
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


@site_app.callback()
def _site() -> None:
    pass


@site_app.command("render")
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


@site_app.command("calibration")
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


Port = Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Where the run listens.")]
CamerasFile = Annotated[Path, typer.Option("--cameras", metavar="FILE", help="The cams.yaml.")]


@deepstream_app.command("config")
def _deepstream_config(
    cameras: CamerasFile,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")],
    version: Annotated[
        str, typer.Option("--version", metavar="7.1|9.1", help="The DeepStream they are for.")
    ],
    target: Annotated[str, typer.Option("--target", metavar="dgpu|jetson", help="The machine.")] = "dgpu",
    pipeline: Pipeline = None,
    tracker: Annotated[
        str | None, typer.Option("--tracker", metavar="nvdcf|nvdeepsort", help="The pipeline's unless given.")
    ] = None,
    reid: Annotated[
        str | None,
        typer.Option(
            "--reid",
            metavar="secondary|tracker",
            help="Where people are embedded; the pipeline's unless given.",
        ),
    ] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", metavar="fp32|fp16|int8", help="The pipeline's unless given.")
    ] = None,
    broker: Annotated[
        str | None, typer.Option("--broker", metavar="kafka|mqtt|redis", help="Send messages; else none.")
    ] = None,
    broker_address: Annotated[
        str, typer.Option("--broker-address", metavar="HOST[:PORT]", help="Where the broker is.")
    ] = "localhost",
    topic: Annotated[str, typer.Option("--topic", metavar="NAME", help="Of the messages.")] = "edge-reid",
    parser_library: Annotated[
        str | None,
        typer.Option("--parser-library", metavar="FILE", help="A box parser that was compiled elsewhere."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a complete, checked set of DeepStream files from cams.yaml, the pipeline and the model cards."""
    from edge.cli import deepstream

    request = deepstream.ConfigRequest(
        cameras=cameras,
        out=out,
        version=version,
        target=target,
        pipeline=pipeline,
        tracker=tracker,
        reid=reid,
        precision=precision,
        broker=broker,
        broker_address=broker_address,
        topic=topic,
        parser_library=parser_library,
    )
    run_and_exit(lambda: deepstream.config(request, json))


@deepstream_app.command("check")
def _deepstream_check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of DeepStream files.")],
    version: Annotated[
        str | None, typer.Option("--version", metavar="7.1|9.1", help="As the set says unless given.")
    ] = None,
    json: Json = False,
) -> None:
    """Find misspelt keys, wrong types, values out of range and missing files, with file and line."""
    from edge.cli import deepstream

    run_and_exit(lambda: deepstream.check(folder, version, json))


@deepstream_app.command("parser")
def _deepstream_parser(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the source goes.")],
    pipeline: Pipeline = None,
) -> None:
    """Write the source of the box parser, to compile it where DeepStream's headers are."""
    from edge.cli import deepstream

    run_and_exit(lambda: deepstream.parser(pipeline, out))


@deepstream_app.command("add")
def _deepstream_add(name: Annotated[str, typer.Argument()], cameras: CamerasFile, port: Port = 9000) -> None:
    """Add a camera of cams.yaml to an edge-run or deepstream-app that goes on."""
    from edge.cli import deepstream

    run_and_exit(lambda: deepstream.add(name, cameras, port))


@deepstream_app.command("remove")
def _deepstream_remove(
    name: Annotated[str, typer.Argument()], cameras: CamerasFile, port: Port = 9000
) -> None:
    """Remove a camera from an edge-run or deepstream-app that goes on."""
    from edge.cli import deepstream

    run_and_exit(lambda: deepstream.remove(name, cameras, port))


if __name__ == "__main__":
    main()
