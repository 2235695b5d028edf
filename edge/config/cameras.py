"""cams.yaml: the cameras of a site, where their pictures come from, and what the user wants of each.

The keys are explained in ``docs/cameras.md``. :func:`load_cameras` reads a file; every mistake in it is a
:class:`~edge.errors.ConfigError` with file and line.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from edge.config.document import Document, problems_of, read_document, refuse
from edge.config.numbers import Number
from edge.config.paths import is_path, path_from
from edge.config.roi import Roi
from edge.config.sources import FileSource, Source
from edge.config.validate import check, folder_of
from edge.errors import ConfigError

__all__ = [
    "Camera",
    "CamerasFile",
    "SiteSettings",
    "check_cameras",
    "check_files",
    "load_cameras",
    "load_cameras_document",
    "raw_cameras",
    "raw_pipeline",
    "raw_source",
]

_SOURCE: TypeAdapter[Source] = TypeAdapter(Source, config=ConfigDict(hide_input_in_errors=True))

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


def _plain_name(name: str) -> str:
    if not PLAIN_NAME.match(name):
        raise ValueError(
            "must begin with a letter or digit and go on with letters, digits, '_', '.' or '-': "
            f"it becomes a file name (got '{name}')"
        )
    return name


class SiteSettings(BaseModel):
    """What holds for all cameras together."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    name: str = Field(default="site", min_length=1, max_length=64, description="Shown in every event.")
    start_timeout_s: Number = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds after which the run is given up (exit code 3) when no source gave a frame.",
    )
    topology: Path | None = Field(
        default=None, description="Travel times between cameras (YAML), relative to the cameras file."
    )

    @field_validator("topology")
    @classmethod
    def _topology_beside_the_file(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        folder = folder_of(info.context)
        return None if path is None else path_from(path, folder)


class Camera(BaseModel):
    """One camera, or one video file that stands for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    name: Annotated[str, AfterValidator(_plain_name)] = Field(
        min_length=1, max_length=64, description="Names its tracks file and appears in every event; unique."
    )
    source: Source = Field(description="Where the pictures come from.")
    fps_max: Number | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="Frames above this rate (per second of stream time) are left out.",
    )
    roi: Roi | None = Field(
        default=None,
        description="Polygons in fractions of the picture; people whose feet are outside of all are ignored.",
    )
    calibration: Path | None = Field(
        default=None, description="Ground-plane calibration (YAML), relative to the cameras file."
    )

    @field_validator("calibration")
    @classmethod
    def _calibration_beside_the_file(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        folder = folder_of(info.context)
        return None if path is None else path_from(path, folder)

    @property
    def is_live(self) -> bool:
        """Whether frames that nobody takes are dropped (live) instead of waiting (a file at full speed)."""
        return self.source.is_live

    @property
    def label(self) -> str:
        """The source in words, without credentials."""
        return self.source.label


class CamerasFile(BaseModel):
    """The whole of cams.yaml. Keys at the top that begin with ``x-`` are the user's own, e.g. for anchors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    site: SiteSettings = Field(default_factory=SiteSettings, description="Settings of all cameras together.")
    cameras: tuple[Camera, ...] = Field(min_length=1, description="At least one camera.")
    pipeline: str | None = Field(
        default=None, min_length=1, description="Name of a pipeline, or path of a pipeline.yaml."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_own_keys(cls, data: object) -> object:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if not str(key).startswith("x-")}
        return data

    @model_validator(mode="after")
    def _names_are_unique(self) -> CamerasFile:
        names = [camera.name for camera in self.cameras]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two cameras are called '{name}'")
        return self

    @field_validator("pipeline")
    @classmethod
    def _pipeline_beside_the_file(cls, pipeline: str | None, info: ValidationInfo) -> str | None:
        folder = folder_of(info.context)
        return pipeline if pipeline is None or folder is None else _pipeline_from(folder, pipeline)


def _pipeline_from(folder: Path, pipeline: str) -> str:
    """A pipeline's name as it is; its path, relative to the cameras file, made usable from here."""
    return str(path_from(pipeline, folder)) if is_path(pipeline) else pipeline


def load_cameras(path: str | Path) -> CamerasFile:
    """Read a cameras file and check that the files it names are there.

    Raises:
        ConfigError: the first problem in order of line; :func:`edge.config.document.problems_of` gives all.
    """
    return load_cameras_document(path)[0]


def load_cameras_document(path: str | Path) -> tuple[CamerasFile, Document]:
    """The same, with the document, which knows the line of every key.

    Raises:
        ConfigError: the first problem in order of line.
    """
    cameras, document, problems = check_cameras(path)
    refuse(problems)
    if cameras is None or document is None:  # never so: either is missing only where there is a problem
        raise ConfigError("cannot be used", file=str(path))
    return cameras, document


def check_cameras(path: str | Path) -> tuple[CamerasFile | None, Document | None, list[ConfigError]]:
    """Read a cameras file and return all problems instead of raising the first.

    Returns:
        The cameras, None when they cannot be used; the document, None when it is not even YAML; and the
        problems in order of line.
    """
    try:
        document, flaws = read_document(path)
    except ConfigError as error:
        return None, None, list(problems_of(error))
    cameras, wrong = check(CamerasFile, document)
    doubles = _double_names(document)
    flawed = [flaw.key for flaw in flaws if flaw.key]
    problems = [*flaws, *doubles]
    for problem in (*wrong, *check_files(document)):
        follows = any(problem.key == key or problem.key.startswith(f"{key}.") for key in flawed)
        if not follows and not (doubles and not problem.key):
            problems.append(problem)
    problems.sort(key=lambda problem: problem.line)
    return None if problems else cameras, document, problems


def raw_cameras(document: Document) -> list[object]:
    """The items of the list ``cameras`` as they stand in the file, whatever they are."""
    listed = document.data.get("cameras") if isinstance(document.data, dict) else None
    return listed if isinstance(listed, list) else []


def raw_pipeline(document: Document) -> str | None:
    """The pipeline a cameras file names, also where something else in the file is wrong."""
    pipeline = document.data.get("pipeline") if isinstance(document.data, dict) else None
    return _pipeline_from(document.folder, pipeline) if pipeline and isinstance(pipeline, str) else None


def raw_source(document: Document, number: int) -> Source | None:
    """The source of one camera whatever else is wrong with it; None when the source is."""
    camera = raw_cameras(document)[number]
    try:
        return _SOURCE.validate_python(
            camera.get("source") if isinstance(camera, dict) else None, context={"folder": document.folder}
        )
    except ValidationError:
        return None


def check_files(document: Document) -> list[ConfigError]:
    """Whether the videos and calibrations a cameras file names are there and can be read."""
    problems = []
    for number, camera in enumerate(raw_cameras(document)):
        source = raw_source(document, number)
        if isinstance(source, FileSource) and (reason := _unreadable(source.path)):
            key = next(
                (key for key in ("path", "url") if document.has(("cameras", number, "source", key))), ""
            )
            loc = ("cameras", number, "source", key)
            problems.append(document.problem(loc, f"video '{source.path}' {reason}"))
        calibration = camera.get("calibration") if isinstance(camera, dict) else None
        if isinstance(calibration, str):
            path = path_from(calibration, document.folder)
            if reason := _unreadable(path):
                loc = ("cameras", number, "calibration", "")
                problems.append(document.problem(loc, f"calibration '{path}' {reason}"))
    return problems


def _unreadable(path: Path) -> str:
    """Why a file cannot be read; empty when it can."""
    try:
        if path.is_dir():
            return "is a folder; name the file in it"
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            return "" if os.access(path, os.R_OK) else "cannot be read: Permission denied"
        with path.open("rb"):
            return ""
    except FileNotFoundError:
        return "does not exist (relative paths start at the folder of this file)"
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or 'not a file name'}"


def _double_names(document: Document) -> list[ConfigError]:
    """Cameras that are called like an earlier one; works on the raw data, so also beside other problems."""
    first: dict[str, int] = {}
    problems = []
    for number, camera in enumerate(raw_cameras(document)):
        name = camera.get("name") if isinstance(camera, dict) else None
        if not isinstance(name, str):
            continue
        place = ("cameras", number, "name")
        if name in first:
            problems.append(
                document.problem(
                    place, f"another camera is called '{name}' too (line {first[name]}); rename one"
                )
            )
        first.setdefault(name, document.line_of(place))
    return problems
