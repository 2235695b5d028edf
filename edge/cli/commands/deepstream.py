"""`edge deepstream`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.commands.options import Json, Pipeline
from edge.cli.exits import run_and_exit

__all__ = ["app"]

app = typer.Typer(
    help="Configuration files for NVIDIA DeepStream.", no_args_is_help=True, rich_markup_mode=None
)
Port = Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Where the run listens.")]
CamerasFile = Annotated[Path, typer.Option("--cameras", metavar="FILE", help="The cams.yaml.")]


@app.command("config")
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


@app.command("check")
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


@app.command("parser")
def _deepstream_parser(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the source goes.")],
    pipeline: Pipeline = None,
) -> None:
    """Write the source of the box parser, to compile it where DeepStream's headers are."""
    from edge.cli import deepstream

    run_and_exit(lambda: deepstream.parser(pipeline, out))


@app.command("add")
def _deepstream_add(name: Annotated[str, typer.Argument()], cameras: CamerasFile, port: Port = 9000) -> None:
    """Add a camera of cams.yaml to an edge-run or deepstream-app that goes on."""
    from edge.cli import deepstream

    run_and_exit(lambda: deepstream.add(name, cameras, port))


@app.command("remove")
def _deepstream_remove(
    name: Annotated[str, typer.Argument()], cameras: CamerasFile, port: Port = 9000
) -> None:
    """Remove a camera from an edge-run or deepstream-app that goes on."""
    from edge.cli import deepstream

    run_and_exit(lambda: deepstream.remove(name, cameras, port))
