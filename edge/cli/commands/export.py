"""`edge export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands.options import Json
from edge.cli.exits import run_and_exit

__all__ = ["export"]


def export(
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
