"""Body of ``edge check``: everything that can be known before a camera opens, all problems at once."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError, EdgeError, SourceError

if TYPE_CHECKING:
    from edge.config.cameras import Camera, CamerasFile
    from edge.config.document import Document
    from edge.config.pipeline import DetectSpec, EmbedSpec, PipelineSpec

__all__ = ["Finding", "Report", "check_site", "run"]


@dataclass(slots=True)
class Finding:
    """One thing that was checked: a camera, a pipeline or a model.

    name: what the user calls it.
    kind: file, rtsp, http or device; detect or embed; pipeline.
    where: its source or file, without credentials.
    problems: what is wrong with it.
    notes: what may be meant so, yet deserves a look.
    """

    name: str
    kind: str
    where: str
    problems: list[EdgeError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """All that was checked. ``general`` are problems of the cameras file that belong to no camera."""

    file: str
    general: list[EdgeError] = field(default_factory=list)
    cameras: list[Finding] = field(default_factory=list)
    pipeline: Finding | None = None
    models: list[Finding] = field(default_factory=list)

    @property
    def problems(self) -> list[EdgeError]:
        """Every problem, in the order of the printed report."""
        findings = [*self.cameras, *([self.pipeline] if self.pipeline else []), *self.models]
        return [*self.general, *(problem for finding in findings for problem in finding.problems)]

    @property
    def exit_code(self) -> int:
        """0 when all is well, 2 when a file the user wrote is wrong, else 3."""
        codes = {problem.exit_code for problem in self.problems}
        return min(codes, default=0)


def run(cameras: Path, pipeline: str | None, json: bool) -> int:
    """Check a cameras file, its pipeline and that pipeline's models, and print what was found.

    Args:
        cameras: the cams.yaml.
        pipeline: name or path of a pipeline; None for the one the file names, or else the default.
        json: print one JSON object instead of lines.

    Returns:
        The exit code: 0 fine, 2 wrong configuration, 3 the configuration is fine but a run cannot start.
    """
    from edge.config.secrets import redact

    report = check_site(cameras, pipeline)
    if json:
        print(_redacted_json(_as_json(report)))
    else:
        for line in _as_lines(report):
            print(redact(line))
    return report.exit_code


def check_site(path: str | Path, pipeline: str | None = None) -> Report:
    """Check everything that can be known before a camera opens; raises nothing for what it finds."""
    from edge.config.cameras import check_cameras

    cameras, document, problems = check_cameras(path)
    report = Report(str(path))
    if document is not None:
        report.cameras = _camera_findings(cameras, document)
    for problem in problems:
        number = _camera_number(problem.key)
        known = number is not None and number < len(report.cameras)
        place = report.cameras[number].problems if number is not None and known else report.general
        place.append(problem)
    if document is not None:
        _check_content(report, document)
        _check_calibrations(report, document)
    if cameras is not None and cameras.site.topology is not None:
        _check_topology(report, cameras.site.topology, [camera.name for camera in cameras.cameras])
    _check_pipeline(report, document, pipeline)
    return report


def _camera_number(key: str) -> int | None:
    """Which camera a key such as ``cameras.2.source`` belongs to."""
    parts = key.split(".")
    return int(parts[1]) if len(parts) > 1 and parts[0] == "cameras" and parts[1].isdecimal() else None


def _camera_findings(cameras: CamerasFile | None, document: Document) -> list[Finding]:
    """A finding for every camera, also of a file that as a whole is wrong."""
    from edge.config.cameras import raw_cameras

    if cameras is not None:
        return [
            Finding(camera.name, camera.source.kind, camera.label, notes=_notes(camera))
            for camera in cameras.cameras
        ]
    return [_raw_finding(document, number, camera) for number, camera in enumerate(raw_cameras(document))]


def _raw_finding(document: Document, number: int, camera: object) -> Finding:
    """What can be said of a camera whose file is not valid."""
    from edge.config.cameras import raw_source
    from edge.config.secrets import redact, redact_url

    finding = Finding(f"camera {number + 1}", "", "")
    if not isinstance(camera, dict):
        return finding
    if isinstance(camera.get("name"), str) and camera["name"]:
        finding.name = redact(camera["name"])
    source = raw_source(document, number)
    written = camera.get("source")
    if isinstance(written, dict):
        written = next((written[key] for key in ("path", "rtsp", "http", "url") if key in written), None)
    if source is not None:
        finding.kind, finding.where = source.kind, source.label
    elif isinstance(written, str):
        finding.where = redact(redact_url(written))
    return finding


def _notes(camera: Camera) -> list[str]:
    from edge.config.sources import DeviceSource

    if isinstance(camera.source, DeviceSource) and not camera.source.is_there:
        return [f"{camera.source.path} is not there now; edge-run waits for it"]
    return []


def _check_content(report: Report, document: Document) -> None:
    """Videos without a single byte: the configuration is right, yet nothing can come of it."""
    from edge.config.cameras import raw_source
    from edge.config.paths import is_empty_file
    from edge.config.sources import FileSource

    for number, finding in enumerate(report.cameras):
        source = raw_source(document, number)
        if isinstance(source, FileSource) and not finding.problems and is_empty_file(source.path):
            finding.problems.append(SourceError(f"camera '{finding.name}': {source.path} is empty (0 bytes)"))


def _check_calibrations(report: Report, document: Document) -> None:
    """What the calibrations say; that they are there has been checked."""
    from edge.config.calibration import load_calibration
    from edge.config.cameras import raw_cameras
    from edge.config.document import problems_of
    from edge.config.paths import path_from

    for finding, camera in zip(report.cameras, raw_cameras(document), strict=True):
        named = camera.get("calibration") if isinstance(camera, dict) else None
        if isinstance(named, str) and not finding.problems:
            try:
                load_calibration(path_from(named, document.folder))
            except ConfigError as error:
                finding.problems.extend(problems_of(error))


def _check_topology(report: Report, path: Path, names: Sequence[str]) -> None:
    from edge.config.document import problems_of
    from edge.config.topology import load_topology

    try:
        load_topology(path, names)
    except ConfigError as error:
        report.general.extend(problems_of(error))


def _check_pipeline(report: Report, document: Document | None, wanted: str | None) -> None:
    from edge.config.cameras import raw_pipeline
    from edge.config.document import problems_of
    from edge.config.pipeline import DEFAULT, find_pipeline, load_pipeline_document

    named = raw_pipeline(document) if document is not None else None
    choice = wanted or named or DEFAULT
    finding = report.pipeline = Finding(choice, "pipeline", "")
    try:
        finding.where = str(find_pipeline(choice))
    except ConfigError as error:
        if named and not wanted and document is not None:
            error = document.problem(("pipeline",), str(error))
        finding.problems.append(error)
        return
    except EdgeError as error:
        finding.problems.append(error)
        return
    try:
        spec, pipeline_document = load_pipeline_document(finding.where)
    except ConfigError as error:
        finding.problems.extend(problems_of(error))
        return
    _check_models(report, spec, pipeline_document)
    if spec.front == "deepstream":
        _check_deepstream(finding, report, document, spec)
    else:
        _check_capture(finding, spec)
    from edge.cli.check_worker import worker_notes, worker_problems

    finding.problems.extend(worker_problems(spec.ipg, pipeline_document))
    if not finding.problems:
        finding.notes.extend(worker_notes(spec.ipg))


def _check_capture(finding: Finding, spec: PipelineSpec) -> None:
    """Where pictures will lie and who will decode them, where that is not the CPU alone."""
    if (spec.capture.device, spec.capture.decode) in (("cpu", "auto"), ("cpu", "cpu")):
        return
    from edge.assemble.device import choose_device

    choice = choose_device(spec.capture)
    finding.problems.extend(choice.problems)
    finding.notes.extend(choice.notes)
    if not choice.problems and (choice.memory, choice.decoder) != ("host", "cpu"):
        finding.notes.append(choice.line)


def _check_deepstream(
    finding: Finding, report: Report, document: Document | None, spec: PipelineSpec
) -> None:
    """Whether DeepStream is installed and takes each of the cameras."""
    from edge.config.cameras import check_cameras
    from edge.fronts.deepstream.build import source_of
    from edge.fronts.deepstream.driver import require_version

    try:
        require_version(spec.deepstream.version)
    except EdgeError as error:
        finding.problems.append(error)
    cameras = check_cameras(report.file)[0] if document is not None else None
    for number, camera in enumerate(cameras.cameras if cameras is not None else ()):
        try:
            source_of(camera)
        except ConfigError as error:
            text = str(error).removeprefix(f"camera '{camera.name}': ")
            if document is not None:
                report.cameras[number].problems.append(document.problem(("cameras", number, "source"), text))


def _check_models(report: Report, spec: PipelineSpec, document: Document) -> None:
    """Cards, weights and backends of the networks; a file is hashed."""
    nets: tuple[tuple[str, DetectSpec | EmbedSpec], ...] = (("detect", spec.detect), ("embed", spec.embed))
    for stage, net in nets:
        finding = Finding(net.model, stage, "")
        report.models.append(finding)
        _check_model(finding, net.model, document)
        _check_backend(finding, net.backend, document)


def _check_model(finding: Finding, model: str, document: Document) -> None:
    from edge.config.catalog import load_card
    from edge.config.document import problems_of
    from edge.config.weights import find_weights

    try:
        card = load_card(model)
    except ConfigError as error:
        if error.file:
            finding.problems.extend(problems_of(error))
        else:
            finding.problems.append(document.problem((finding.kind, "model"), str(error)))
        return
    if card.task != finding.kind:
        finding.problems.append(
            document.problem(
                (finding.kind, "model"), f"model '{card.name}' is made to {card.task}, not to {finding.kind}"
            )
        )
        return
    try:
        finding.where = str(find_weights(card))
    except EdgeError as error:
        finding.problems.append(error)


def _check_backend(finding: Finding, backend: str, document: Document) -> None:
    from edge.backends.table import BACKENDS, why_not
    from edge.errors import MissingExtraError

    known = ("auto", *BACKENDS)
    if backend not in known:
        finding.problems.append(
            document.problem(
                (finding.kind, "backend"), f"no backend is called '{backend}'; there are: {', '.join(known)}"
            )
        )
    elif backend != "auto" and (reason := why_not(backend)):
        finding.problems.append(MissingExtraError(reason))


def _as_lines(report: Report) -> Iterable[str]:
    count = len(report.cameras)
    yield f"{report.file}: {count} camera{'' if count == 1 else 's'}"
    for problem in report.general:
        yield f"  problem  {_one_line(problem)}"
    width = max((len(finding.name) for finding in (*report.cameras, *report.models)), default=0)
    for finding in report.cameras:
        yield from _finding_lines(finding, f"{finding.name:<{width}}  {finding.where}")
    if report.pipeline is not None:
        shown = report.pipeline.where or report.pipeline.name
        yield from _finding_lines(report.pipeline, f"pipeline {shown}")
    for finding in report.models:
        yield from _finding_lines(finding, f"{finding.name:<{width}}  {finding.kind}  {finding.where}")
    problems = len(report.problems)
    if problems:
        yield f"{problems} problem{'' if problems == 1 else 's'}"
    else:
        yield "all that can be known before a camera opens is well"


def _finding_lines(finding: Finding, text: str) -> Iterable[str]:
    yield f"  {'problem' if finding.problems else 'ok     '}  {text}".rstrip()
    for problem in finding.problems:
        yield f"           {_one_line(problem)}"
    for note in finding.notes:
        yield f"           note: {note}"


def _one_line(problem: EdgeError) -> str:
    return " ".join(str(problem).split())


def _as_json(report: Report) -> dict[str, object]:
    return {
        "ok": not report.problems,
        "exit_code": report.exit_code,
        "file": report.file,
        "cameras": [_finding_json(finding) for finding in report.cameras],
        "pipeline": None if report.pipeline is None else _finding_json(report.pipeline),
        "models": [_finding_json(finding) for finding in report.models],
        "problems": [_problem_json(problem) for problem in report.problems],
    }


def _finding_json(finding: Finding) -> dict[str, object]:
    return {
        "name": finding.name,
        "kind": finding.kind,
        "source": finding.where,
        "ok": not finding.problems,
        "problems": [_one_line(problem) for problem in finding.problems],
        "notes": finding.notes,
    }


def _problem_json(problem: EdgeError) -> dict[str, object]:
    """``line`` and ``key`` are null where the problem has no place in a file."""
    if isinstance(problem, ConfigError):
        message, file, line, key = problem.message, problem.file, problem.line, problem.key
    else:
        message, file, line, key = _one_line(problem), "", 0, ""
    return {
        "message": message,
        "file": file or None,
        "line": line or None,
        "key": key or None,
        "exit_code": problem.exit_code,
    }


def _redacted_json(content: object) -> str:
    """The content as JSON text, credentials masked in its texts (never in its syntax)."""
    from edge.config.secrets import redact

    def masked(part: object) -> object:
        if isinstance(part, str):
            return redact(part)
        if isinstance(part, dict):
            return {key: masked(value) for key, value in part.items()}
        return [masked(item) for item in part] if isinstance(part, list) else part

    return jsonlib.dumps(masked(content), indent=2, ensure_ascii=False)
