"""Every error this package raises on purpose.

::

    EdgeError                    exit code 4 unless a subclass says otherwise
    ├── ConfigError        (2)   a file the user wrote is wrong: cams.yaml, pipeline.yaml, card.yaml
    ├── StartError         (3)   the configuration is fine, yet the run cannot begin
    │   ├── ModelError           weights missing, empty, altered, or unlike their card
    │   ├── MissingExtraError    an optional package is not installed
    │   ├── OutputError          the output folder cannot be made or written
    │   └── SourceError          a source cannot be opened, or holds no video
    └── RunError           (4)   died while running
        ├── ExportError          an exported network is not what it was made from
        ├── SourceBroken         a source broke off after it had delivered frames
        ├── StoreError           what is kept on disk cannot be written or read just now; the run goes on
        └── StageError           a stage raised; names the stage and, if known, the camera

A message is one line: what, where, and what to do about it. Credentials never appear in one
(see :mod:`edge.config.secrets`).
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "EdgeError",
    "ExportError",
    "MissingExtraError",
    "ModelError",
    "OutputError",
    "RunError",
    "SourceBroken",
    "SourceError",
    "StageError",
    "StartError",
    "StoreError",
]


class EdgeError(Exception):
    """Base of all errors the user is shown as one line instead of a traceback."""

    exit_code = 4


class ConfigError(EdgeError):
    """A configuration file is wrong.

    Args:
        message: what is wrong and the remedy, without the place.
        file: the file's name as the user gave it; empty when there is none.
        line: line number from 1; 0 when unknown.
        key: dotted path of the offending key, e.g. ``cameras.0.source``; may be empty.
    """

    exit_code = 2

    def __init__(self, message: str, *, file: str = "", line: int = 0, key: str = "") -> None:
        self.message = message
        self.file = file
        self.line = line
        self.key = key
        place = f"{file}:{line}" if file and line else file
        super().__init__(": ".join(part for part in (place, key, message) if part))


class StartError(EdgeError):
    """The run cannot begin."""

    exit_code = 3


class ModelError(StartError):
    """Weights are missing, empty, altered, or do not fit their card."""


class MissingExtraError(StartError):
    """An optional package is needed; the message says which extra installs it."""


class OutputError(StartError):
    """The output folder cannot be made or written."""


class SourceError(StartError):
    """A source cannot be opened, or holds no video stream."""


class RunError(EdgeError):
    """Died while running."""

    exit_code = 4


class ExportError(RunError):
    """An exported network computes something else than its source, or loses too much by it."""


class SourceBroken(RunError):
    """A source broke off after it had delivered frames."""


class StoreError(RunError):
    """What is kept on disk cannot be written or read just now: a full disk, a lock, a broken file.

    Nothing was half written, and the next attempt may succeed, so a run survives it.
    """


class StageError(RunError):
    """A stage raised an error that is not the user's.

    Args:
        stage: the stage's name, e.g. ``detect``.
        camera: the camera of the item in hand; empty when several or none.
        cause: what was raised.
    """

    def __init__(self, stage: str, camera: str, cause: BaseException) -> None:
        self.stage = stage
        self.camera = camera
        where = f"stage '{stage}'" + (f", camera '{camera}'" if camera else "")
        super().__init__(f"{where}: {type(cause).__name__}: {cause}")
