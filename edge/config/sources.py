"""Where a camera's pictures come from: a file, an RTSP or HTTP stream, or a device of this machine.

In cams.yaml a source is one text (``door.mp4``, ``rtsp://…``, ``0``) or a mapping whose key says the kind
(``rtsp: rtsp://…``) beside that kind's options. Both end as one of the four classes here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from edge.config.numbers import Number, Whole
from edge.config.paths import path_from
from edge.config.secrets import register_url
from edge.config.urls import SecretUrl, lacks_scheme, split_url
from edge.config.validate import PlacedError, folder_of

__all__ = ["DeviceSource", "FileSource", "HttpSource", "Reconnect", "RtspSource", "Source"]

KINDS = {"path": "file", "rtsp": "rtsp", "http": "http", "device": "device"}  # key in cams.yaml -> kind
SCHEMES = {"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http", "file": "file"}
WAYS = "a path, rtsp://, rtsps://, http://, https://, file:///, or a device number"

_DEVICE_PATH = re.compile(r"/dev/(video[0-9]+|v4l/.+)\Z")
_LIVE_OPTIONS = "Seconds without a new picture after which a stream that still runs counts as frozen."


def _url(value: object) -> SecretUrl:
    """A URL whose credentials are masked whenever it is shown; its text is checked and encoded."""
    if isinstance(value, SecretUrl):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a URL as text")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value.strip()):
        raise ValueError("the URL holds a line break or another control character")
    parts = split_url(value)
    register_url(value)
    register_url(parts.text)
    return SecretUrl(parts.text)


Url = Annotated[SecretUrl, PlainValidator(_url), PlainSerializer(str, return_type=str)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class Reconnect(_Options):
    """How to go on when a live source is lost: wait, try, wait longer."""

    first_s: Number = Field(default=1.0, gt=0, le=3600, description="Seconds before the first attempt.")
    max_s: Number = Field(default=30.0, gt=0, le=86400, description="The longest wait between two attempts.")
    factor: Number = Field(
        default=2.0, ge=1, le=100, description="Each wait is so many times the one before."
    )
    attempts: Whole | None = Field(
        default=None, ge=0, description="Attempts in a row before the source is given up; null: never."
    )

    @model_validator(mode="after")
    def _waits_grow(self) -> Reconnect:
        if self.max_s < self.first_s:
            raise PlacedError(
                f"must not be less than first_s ({self.first_s:g}) (got {self.max_s:g})", "max_s"
            )
        return self


class FileSource(_Options):
    """A video file; every frame is delivered unless it is paced like a camera."""

    kind: Literal["file"] = "file"
    path: Path = Field(
        validation_alias=AliasChoices("path", "url"), description="The file, relative to the cameras file."
    )
    loop: bool = Field(default=False, description="Begin again at the end, as a new epoch; time goes on.")
    start_s: Number = Field(default=0.0, ge=0, description="Seconds of the video to skip.")
    starts_at: AwareDatetime | None = Field(
        default=None, description="Wall time of the first frame, with a zone; null: the start of the run."
    )
    offset_s: Number = Field(
        default=0.0, ge=-1e9, le=1e9, description="Shifts this file's wall clock against the other files."
    )
    realtime: bool = Field(
        default=False, description="Pace the file like a live camera, dropping late frames."
    )

    @field_validator("path", mode="before")
    @classmethod
    def _path_or_file_url(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not value.strip():
            raise ValueError("the path is empty")
        if "\0" in value:
            raise ValueError("the path holds a NUL character")
        if lacks_scheme(value):
            raise ValueError("looks like an address, not a path; a path with ':' and '@' may begin with ./")
        if "://" in value:
            return _path_of_file_url(value)
        return value

    @field_validator("path")
    @classmethod
    def _beside_the_file(cls, path: Path, info: ValidationInfo) -> Path:
        return path_from(path, folder_of(info.context))

    @property
    def is_live(self) -> bool:
        """Whether late frames are dropped."""
        return self.realtime

    @property
    def label(self) -> str:
        """The source in words."""
        return str(self.path)


class RtspSource(_Options):
    """An RTSP stream."""

    kind: Literal["rtsp"] = "rtsp"
    url: Url = Field(
        validation_alias=AliasChoices("rtsp", "url"), description="rtsp:// or rtsps://, credentials included."
    )
    transport: Literal["tcp", "udp"] = Field(default="tcp", description="TCP loses nothing; UDP may.")
    latency_ms: Whole = Field(default=200, ge=0, le=60_000, description="Buffer against jitter.")
    timeout_s: Number = Field(default=5.0, gt=0, le=600, description="Longest wait for the server to answer.")
    frozen_s: Number = Field(default=10.0, gt=0, le=3600, description=_LIVE_OPTIONS)
    reconnect: Reconnect = Field(default_factory=Reconnect, description="What to do when it is lost.")

    @field_validator("url")
    @classmethod
    def _scheme_is_rtsp(cls, url: SecretUrl) -> SecretUrl:
        return _of_scheme(url, "rtsp")

    @model_validator(mode="after")
    def _tls_needs_tcp(self) -> RtspSource:
        if self.transport == "udp" and self.url.scheme == "rtsps":
            raise PlacedError("rtsps:// needs transport tcp (got 'udp')", "transport")
        return self

    @property
    def is_live(self) -> bool:
        """Whether late frames are dropped: always."""
        return True

    @property
    def label(self) -> str:
        """The address without credentials."""
        return str(self.url)


class HttpSource(_Options):
    """A stream over HTTP: MJPEG, HLS, or a file on a server."""

    kind: Literal["http"] = "http"
    url: Url = Field(
        validation_alias=AliasChoices("http", "url"), description="http:// or https://, credentials included."
    )
    timeout_s: Number = Field(default=5.0, gt=0, le=600, description="Longest wait for the server to answer.")
    frozen_s: Number = Field(default=10.0, gt=0, le=3600, description=_LIVE_OPTIONS)
    reconnect: Reconnect = Field(default_factory=Reconnect, description="What to do when it is lost.")

    @field_validator("url")
    @classmethod
    def _scheme_is_http(cls, url: SecretUrl) -> SecretUrl:
        return _of_scheme(url, "http")

    @property
    def is_live(self) -> bool:
        """Whether late frames are dropped: always."""
        return True

    @property
    def label(self) -> str:
        """The address without credentials."""
        return str(self.url)


class DeviceSource(_Options):
    """A camera of this machine, e.g. on USB."""

    kind: Literal["device"] = "device"
    device: int | str = Field(description="Number, as in /dev/video0, or the device's path.")
    width: Whole | None = Field(default=None, gt=0, le=16384, description="Wanted picture width in pixels.")
    height: Whole | None = Field(default=None, gt=0, le=16384, description="Wanted picture height in pixels.")
    fps: Number | None = Field(default=None, gt=0, le=1000, description="Wanted frames per second.")
    frozen_s: Number = Field(default=10.0, gt=0, le=3600, description=_LIVE_OPTIONS)
    reconnect: Reconnect = Field(default_factory=Reconnect, description="What to do when it is lost.")

    @field_validator("device", mode="before")
    @classmethod
    def _number_or_path(cls, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1000:
            return value
        if isinstance(value, str):
            text = value.strip()
            if re.fullmatch(r"[0-9]{1,3}", text):
                return int(text)
            if text.startswith("/"):
                return text
        raise ValueError("must be a device number from 0, or a path such as /dev/video0")

    @model_validator(mode="after")
    def _size_is_whole(self) -> DeviceSource:
        if (self.width is None) != (self.height is None):
            raise ValueError("give both width and height, or neither")
        return self

    @property
    def path(self) -> Path:
        """The device's file, e.g. ``/dev/video0``."""
        return Path(f"/dev/video{self.device}" if isinstance(self.device, int) else self.device)

    @property
    def is_there(self) -> bool:
        """Whether the machine has this device now."""
        try:
            return self.path.exists()
        except (OSError, ValueError):
            return False

    @property
    def is_live(self) -> bool:
        """Whether late frames are dropped: always."""
        return True

    @property
    def label(self) -> str:
        """The device in words."""
        return f"device {self.device}"


def _of_scheme(url: SecretUrl, kind: str) -> SecretUrl:
    if SCHEMES.get(url.scheme) != kind:
        raise ValueError(f"must begin with {kind}:// or {kind}s://")
    return url


def _path_of_file_url(value: str) -> str:
    """The path a ``file://`` URL names; raises ValueError for any other URL."""
    match = re.match(r"\s*file://(localhost)?(/.*)\Z", value, re.IGNORECASE | re.DOTALL)
    if match is None:
        if value.strip().lower().startswith("file://"):
            raise ValueError("a file:// URL needs an absolute path: file:///folder/video.mp4")
        raise ValueError(
            "must be a path; give a URL as plain text after 'source:', or under 'rtsp' or 'http'"
        )
    path = unquote(match[2]).rstrip()
    if "\0" in path:
        raise ValueError("the path holds a NUL character")
    return path


def _as_mapping(value: object) -> object:
    """Give every way to write a source the form of a mapping with its kind.

    Raises:
        ValueError: it is none of them; the text says how to write it.
    """
    if isinstance(value, _Options):
        return value
    if isinstance(value, dict):
        return _mapping_with_kind(value)
    if isinstance(value, bool) or value is None or not isinstance(value, (str, int)):
        raise ValueError(f"must be one of {WAYS}; or a mapping with the key path, rtsp, http or device")
    if isinstance(value, int):
        return {"kind": "device", "device": value}
    text = value.strip()
    if not text:
        raise ValueError(f"is empty; give {WAYS}")
    if re.fullmatch(r"[0-9]+", text) or _DEVICE_PATH.match(text):
        return {"kind": "device", "device": text}
    if lacks_scheme(text):
        raise ValueError("looks like an address without its scheme: begin it with rtsp:// or http://")
    kind = _kind_of_url(text)
    return {"kind": kind or "file", "url" if kind else "path": text if kind else value}


def _kind_of_url(text: str) -> str:
    """The kind of a URL by its scheme; empty when the text is no URL.

    Raises:
        ValueError: no source has this scheme.
    """
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(/{0,2})", text)
    if match is None:
        return ""
    scheme = match[1].lower()
    if match[2] == "//":
        if scheme not in SCHEMES:
            raise ValueError(f"unknown scheme '{scheme}://'; a source is {WAYS}")
        return SCHEMES[scheme]
    if scheme in SCHEMES:
        raise ValueError(f"a URL needs two slashes: {scheme}://…")
    return ""


def _mapping_with_kind(data: dict[object, object]) -> dict[object, object]:
    given = [key for key in (*KINDS, "url") if key in data]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} exclude each other; keep one")
    kind = data.get("kind")
    if kind is not None:
        if kind not in KINDS.values():
            raise ValueError(f"kind must be one of {', '.join(KINDS.values())}")
        if given and given[0] != "url" and KINDS[given[0]] != kind:
            raise ValueError(f"kind '{kind}' does not go with the key '{given[0]}'")
        return data
    if not given:
        raise ValueError(
            "needs one of the keys path, rtsp, http or device, which says where the pictures are"
        )
    if given[0] != "url":
        return {**data, "kind": KINDS[given[0]]}
    url = data["url"]
    found = _kind_of_url(url.strip()) if isinstance(url, str) else ""
    if not found:
        raise ValueError("url must begin with rtsp://, rtsps://, http://, https:// or file:///")
    return {**data, "kind": found}


def _tag(value: object) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", "")
    return f"<{kind}>"


Source = Annotated[
    Annotated[FileSource, Tag("<file>")]
    | Annotated[RtspSource, Tag("<rtsp>")]
    | Annotated[HttpSource, Tag("<http>")]
    | Annotated[DeviceSource, Tag("<device>")],
    Discriminator(_tag),
    BeforeValidator(_as_mapping),
]
