"""`edge train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands.options import Json
from edge.cli.exits import run_and_exit

__all__ = ["app"]

app = typer.Typer(help="Training networks of your own.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _train() -> None:
    pass


@app.command("ipg")
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
