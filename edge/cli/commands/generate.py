"""`edge generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands.options import Json
from edge.cli.exits import run_and_exit

__all__ = ["generate"]


def generate(
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
