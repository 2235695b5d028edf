"""Bodies of ``edge deepstream config``, ``check``, ``parser``, ``add`` and ``remove``."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.config.card import ModelCard
    from edge.config.pipeline import PipelineSpec
    from edge.fronts.deepstream.codes import Version
    from edge.fronts.deepstream.graph import Broker

__all__ = ["ConfigRequest", "add", "check", "config", "parser", "remove"]

DEFAULT_PIPELINE = "deepstream"


@dataclass(frozen=True, slots=True)
class ConfigRequest:
    """What ``edge deepstream config`` is asked for; None takes the pipeline's value.

    cameras, out: the cams.yaml and the folder to write to.
    version, target: what the set is for.
    pipeline: name or file.
    tracker, reid, precision: instead of the pipeline's.
    broker, broker_address, topic: where deepstream-app sends messages.
    parser_library: a box parser that was compiled elsewhere.
    """

    cameras: Path
    out: Path
    version: str
    target: str = "dgpu"
    pipeline: str | None = None
    tracker: str | None = None
    reid: str | None = None
    precision: str | None = None
    broker: str | None = None
    broker_address: str = "localhost"
    topic: str = "edge-reid"
    parser_library: str | None = None


def config(request: ConfigRequest, json: bool) -> int:
    """Write a complete set of DeepStream files, and say what was written.

    Returns:
        The exit code.

    Raises:
        EdgeError: a file or an option is wrong, weights are missing, or the folder holds others' files.
    """
    from edge.assemble import deepstream_graph
    from edge.config.cameras import load_cameras
    from edge.fronts.deepstream.bundle import bundle_of, write_bundle
    from edge.fronts.deepstream.codes import Target
    from edge.fronts.deepstream.nvinfer import PARSER_LIBRARY
    from edge.fronts.deepstream.parser import find_parser

    version = _version(request.version)
    target = cast("Target", _one_of("--target", request.target, get_args(Target)))
    cameras = load_cameras(request.cameras)
    graph = deepstream_graph(
        cameras, _pipeline(request), version=version, target=target, broker=_broker(request)
    )
    ready = request.parser_library or find_parser(graph.detector.card) or PARSER_LIBRARY
    bundle = bundle_of(graph, library=str(ready))
    written = write_bundle(bundle, request.out)
    if json:
        print(jsonlib.dumps({"folder": str(request.out), "version": version, "written": written}, indent=2))
    else:
        print(f"{request.out}: {len(written)} files written for DeepStream {version} on {target}")
        print(f"see {request.out / 'README.md'}")
    return 0


def check(folder: Path, version: str | None, json: bool) -> int:
    """Check a folder of DeepStream files and print every problem.

    Returns:
        The exit code: 0 fine, 2 something is wrong.

    Raises:
        ConfigError: there is nothing to check, or nobody says for which version.
    """
    from edge.fronts.deepstream.bundle import version_of
    from edge.fronts.deepstream.check import check_folder

    known = _version(version) if version is not None else version_of(folder)
    if known is None:
        raise ConfigError("does not say which DeepStream it is for; give --version", file=str(folder))
    count, problems = check_folder(folder, known)
    if json:
        print(jsonlib.dumps({"ok": not problems, "files": count, "problems": _rows(problems)}, indent=2))
    else:
        for problem in problems:
            print(problem)
        print(f"{count} files for DeepStream {known}: {len(problems) or 'no'} problem{_s(len(problems))}")
    return ConfigError.exit_code if problems else 0


def parser(pipeline: str | None, out: Path) -> int:
    """Write the box parser's source for a pipeline's detector, to be compiled where the headers are."""
    from edge.config.pipeline import load_pipeline
    from edge.errors import OutputError
    from edge.fronts.deepstream.parser import parser_files

    spec = load_pipeline(pipeline or DEFAULT_PIPELINE)
    card = _card(spec)
    score_min = spec.detect.score_min if spec.detect.score_min is not None else card.score_min or 0.0
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in parser_files(card, score_min).items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write into {out}: {error.strerror or error}") from None
    print(f"make -C {out}")
    return 0


def add(name: str, cameras: Path, port: int) -> int:
    """Add a camera of cams.yaml to a run that goes on."""
    from edge.fronts.deepstream.rest import add_camera

    add_camera(_source_of(name, cameras), port)
    print(f"camera '{name}' is added")
    return 0


def remove(name: str, cameras: Path, port: int) -> int:
    """Remove a camera from a run that goes on."""
    from edge.fronts.deepstream.rest import remove_camera

    remove_camera(_source_of(name, cameras), port)
    print(f"camera '{name}' is removed")
    return 0


def _source_of(name: str, cameras: Path) -> tuple[str, str]:
    """A camera's name and address.

    Raises:
        ConfigError: there is no such camera.
    """
    from edge.config.cameras import load_cameras
    from edge.fronts.deepstream.build import source_of

    listed = load_cameras(cameras).cameras
    for camera in listed:
        if camera.name == name:
            source = source_of(camera)
            return source.name, source.url.reveal()
    names = ", ".join(camera.name for camera in listed)
    raise ConfigError(f"no camera is called '{name}'; there are: {names}", file=str(cameras))


def _pipeline(request: ConfigRequest) -> PipelineSpec:
    from edge.config.pipeline import load_pipeline
    from edge.fronts.deepstream.codes import Precision, ReidPlace, TrackerName

    pipeline = load_pipeline(request.pipeline or DEFAULT_PIPELINE)
    wanted = (
        ("tracker", request.tracker, get_args(TrackerName)),
        ("reid", request.reid, get_args(ReidPlace)),
        ("precision", request.precision, get_args(Precision)),
    )
    update = {key: _one_of(f"--{key}", value, known) for key, value, known in wanted if value is not None}
    return pipeline.model_copy(update={"deepstream": pipeline.deepstream.model_copy(update=update)})


def _broker(request: ConfigRequest) -> Broker | None:
    from edge.fronts.deepstream.build import parse_broker
    from edge.fronts.deepstream.codes import BrokerName

    if request.broker is None:
        return None
    kind = cast("BrokerName", _one_of("--broker", request.broker, get_args(BrokerName)))
    return parse_broker(kind, request.broker_address, request.topic)


def _card(spec: PipelineSpec) -> ModelCard:
    from edge.config.catalog import load_card

    card = load_card(spec.detect.model)
    if card.task != "detect":
        raise ConfigError(f"model '{card.name}' is made to {card.task}, not to detect")
    return card


def _version(text: str) -> Version:
    from edge.fronts.deepstream.codes import VERSIONS

    return cast("Version", _one_of("--version", text, VERSIONS))


def _one_of(option: str, value: str, known: Iterable[str]) -> str:
    if value not in known:
        raise ConfigError(f"{option} must be {' or '.join(known)} (got '{value}')")
    return value


def _rows(problems: Iterable[ConfigError]) -> list[dict[str, object]]:
    return [
        {"file": one.file, "line": one.line, "key": one.key or None, "message": one.message}
        for one in problems
    ]


def _s(count: int) -> str:
    return "" if count == 1 else "s"
