"""pipeline.yaml: which parts and numbers one fixed graph is run with.

The graph itself is wired in :mod:`edge.assemble`; a pipeline selects models and numbers and nothing else.
Every time is in seconds or milliseconds, never in frames, so that a pipeline means the same at any rate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from edge.config.document import Document, load_document
from edge.config.identify import (
    AppearanceSpec,
    GateSpec,
    IdentifySpec,
    MatchSpec,
    MotionSpec,
    RefineSpec,
)
from edge.config.ipg import IpgSpec
from edge.config.numbers import Number, Whole
from edge.config.paths import is_file, is_path, path_from
from edge.config.spec import Seconds, Share, Spec
from edge.config.validate import PlacedError, folder_of, validate
from edge.errors import ConfigError

__all__ = [
    "AppearanceSpec",
    "CaptureSpec",
    "ChannelSpec",
    "CropSpec",
    "DeepStreamSpec",
    "DetectSpec",
    "EmbedSpec",
    "GateSpec",
    "IdentifySpec",
    "IpgSpec",
    "MatchSpec",
    "MotionSpec",
    "PipelineSpec",
    "RefineSpec",
    "SinkSpec",
    "TrackSpec",
    "TrackletSpec",
    "find_pipeline",
    "list_pipelines",
    "load_pipeline",
    "load_pipeline_document",
]

DEFAULT = "default"
SETTLE_MARGIN_S = 5.0  # until the end of a piece has come through the queues


class _NetSpec(Spec):
    """A network and how it is run."""

    model: str = Field(min_length=1, description="Name of a model card, or path of a card.yaml.")
    backend: str = Field(default="auto", min_length=1, description="Who computes it; auto takes the fastest.")
    batch_max: Whole = Field(default=8, ge=1, le=256, description="Most images of one call.")
    threads: Whole = Field(default=1, ge=1, le=256, description="Threads one call may use.")

    @field_validator("model")
    @classmethod
    def _card_beside_the_file(cls, model: str, info: ValidationInfo) -> str:
        folder = folder_of(info.context)
        return str(path_from(model, folder)) if folder is not None and is_path(model) else model


class CaptureSpec(Spec):
    """Where decoded pictures lie and who decodes them, where ``front`` is ``native``."""

    device: Literal["cpu", "auto", "cuda", "cpu-tensors"] = Field(
        default="cpu",
        description="Where pictures lie, are fitted to the networks, judged and cut up: on the CPU, or on an "
        "NVIDIA GPU; auto takes the GPU if there is one. cpu-tensors: the GPU's way on the CPU, to compare.",
    )
    decode: Literal["auto", "cpu", "nvdec"] = Field(
        default="auto",
        description="Who decodes: the CPU, or the GPU's decoder; auto: that one where pictures lie on a GPU.",
    )


class DetectSpec(_NetSpec):
    """Find people; one network for all cameras."""

    score_min: Share | None = Field(
        default=0.1,
        description="Weaker boxes are dropped; low, for trackers use weak ones. null: the card's.",
    )
    nms_iou: Share | None = Field(
        default=None, description="Boxes that overlap more are one person; null: the card's number."
    )
    batch_wait_ms: Number = Field(
        default=5.0, ge=0, le=1000, description="How long a batch waits for frames of further cameras."
    )


class TrackSpec(Spec):
    """Follow people within one camera."""

    name: Literal["bytetrack", "ocsort"] = Field(default="bytetrack", description="The tracker.")
    lost_s: Annotated[Number, Field(ge=0, le=60)] = Field(
        default=1.0,
        description="A track unseen for longer is over; must be longer than the time between two frames.",
    )
    activation_score: Share = Field(
        default=0.7, description="Score that begins a track; ocsort begins one at high_score instead."
    )
    high_score: Share = Field(
        default=0.6, description="Boxes above it are matched first; ocsort ignores the others."
    )
    match_iou: Share = Field(default=0.1, description="Least overlap of a box with its track.")
    confirm_frames: Whole = Field(default=2, ge=1, le=100, description="Boxes before a track counts.")
    motion_hz: Number = Field(
        default=10.0,
        gt=0,
        le=1000,
        description="Frame rate for which the tracker's motion noise is meant; lower is stiffer. "
        "Motion itself follows the frames' times, at any rate.",
    )


class CropSpec(Spec):
    """Choose which boxes are worth an embedding, and when."""

    height_min_px: Number = Field(
        default=24.0, ge=1, le=10_000, description="Smaller people are not embedded."
    )
    quality_min: Share = Field(
        default=0.3,
        description="Least quality of a crop. 0.3 refuses people who are cut off by the frame's edge or "
        "covered by more than about a third; see edge/stages/crop/quality.py.",
    )
    refresh_s: Seconds = Field(default=0.4, description="A track is embedded again after so long.")
    wait_s: Seconds = Field(
        default=1.0, description="A track without a good crop for so long gets the best poor one."
    )
    better_factor: Number = Field(
        default=1.3, ge=1, le=1000, description="So much better than its best, a crop need not wait."
    )
    better_s: Seconds = Field(default=0.2, description="Yet it comes so long after the last at the earliest.")
    per_second: Number | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="Most crops per second of all cameras together, the most urgent first; null: no limit.",
    )


class EmbedSpec(_NetSpec):
    """Describe a person by a vector; one network for all cameras."""

    batch_max: Whole = Field(default=16, ge=1, le=256, description="Most crops of one call.")
    flip: bool = Field(default=False, description="Average with the mirrored crop: twice the work.")


class TrackletSpec(Spec):
    """Cut tracks into pieces that are one person each."""

    overlap_max: Share = Field(
        default=0.3, description="People who cover each other by more are crossing; cut at the worst moment."
    )
    clear_s: Seconds = Field(default=0.3, description="A crossing is over when clear for so long.")
    gap_s: Seconds = Field(default=0.35, description="A track unseen for longer is cut.")
    length_max_s: Seconds = Field(default=10.0, gt=0, description="A longer piece is cut.")
    report_s: Seconds = Field(default=1.0, description="How often a growing piece is looked at.")
    crops_max: Whole = Field(default=1, ge=0, le=16, description="Pictures kept of each piece.")


class ChannelSpec(Spec):
    """The queues between the stages."""

    size: Whole = Field(default=8, ge=1, le=10_000, description="Items a queue holds.")


class SinkSpec(Spec):
    """What is written besides the events."""

    video: bool = Field(default=False, description="An annotated video for each camera.")


class DeepStreamSpec(Spec):
    """How DeepStream finds and follows people, where ``front`` is ``deepstream``."""

    version: Literal["auto", "7.1", "9.1"] = Field(
        default="auto", description="Generation of DeepStream; auto takes the one that is installed."
    )
    tracker: Literal["nvdcf", "nvdeepsort"] = Field(default="nvdcf", description="The low-level tracker.")
    reid: Literal["secondary", "tracker"] = Field(
        default="secondary",
        description="Where people are embedded: by a second nvinfer, or inside the tracker (nvdeepsort "
        "always does that).",
    )
    precision: Literal["fp32", "fp16", "int8"] = Field(
        default="fp16", description="What TensorRT may compute in; int8 needs a graph that is quantized."
    )
    width: Whole = Field(default=1920, ge=64, le=7680, description="Width of a picture in the batch.")
    height: Whole = Field(default=1080, ge=64, le=4320, description="Height of a picture in the batch.")
    batch_wait_ms: Number = Field(
        default=40.0, gt=0, le=10_000, description="Longest wait for a frame of every camera."
    )
    interval: Whole = Field(
        default=0, ge=0, le=100, description="Batches between two that the detector looks at."
    )
    frame_rate: Number = Field(
        default=25.0, gt=0, le=240, description="Frames per second of the cameras, for trackers count frames."
    )
    rest_port: Whole = Field(
        default=9000,
        ge=0,
        le=65535,
        description="Port on loopback at which cameras are added and removed; 0: none.",
    )


class PipelineSpec(Spec):
    """The whole of pipeline.yaml."""

    description: str = Field(default="", max_length=500, description="What it is for.")
    front: Literal["native", "deepstream"] = Field(
        default="native", description="Who decodes, detects and tracks: this program, or DeepStream."
    )
    deepstream: DeepStreamSpec = Field(default_factory=DeepStreamSpec)
    capture: CaptureSpec = Field(default_factory=CaptureSpec)
    detect: DetectSpec
    track: TrackSpec = Field(default_factory=TrackSpec)
    crop: CropSpec = Field(default_factory=CropSpec)
    embed: EmbedSpec
    tracklet: TrackletSpec = Field(default_factory=TrackletSpec)
    refine: RefineSpec = Field(default_factory=RefineSpec)
    identify: IdentifySpec = Field(default_factory=IdentifySpec)
    channel: ChannelSpec = Field(default_factory=ChannelSpec)
    sink: SinkSpec = Field(default_factory=SinkSpec)
    ipg: IpgSpec = Field(default_factory=IpgSpec)

    @model_validator(mode="after")
    def _a_new_track_survives_the_detector(self) -> PipelineSpec:
        least = self.detect.score_min
        if least is not None and least > self.track.activation_score:
            raise PlacedError(
                f"must not be above track.activation_score ({self.track.activation_score:g}) (got {least:g})",
                "detect",
                "score_min",
            )
        return self

    @model_validator(mode="after")
    def _deepstream_decodes_by_itself(self) -> PipelineSpec:
        for key, plain in (("device", "cpu"), ("decode", "auto")):
            asked = getattr(self.capture, key)
            if self.front == "deepstream" and asked != plain:
                message = f"must be {plain} where front is deepstream, which decodes by itself (got {asked})"
                raise PlacedError(message, "capture", key)
        return self

    @model_validator(mode="after")
    def _nothing_is_written_before_it_is_known(self) -> PipelineSpec:
        identify = self.identify
        given = identify.model_fields_set
        length_s, revise_s, recent_s = self.tracklet.length_max_s, identify.revise_s, identify.recent_s
        least_s = 2.0 * length_s + SETTLE_MARGIN_S
        if revise_s < least_s and "revise_s" in given:
            message = f"must be {least_s:g} or more, twice tracklet.length_max_s and {SETTLE_MARGIN_S:g}"
            raise PlacedError(f"{message} (got {revise_s:g})", "identify", "revise_s")
        if revise_s < least_s:
            most_s = (revise_s - SETTLE_MARGIN_S) / 2.0
            message = f"must be {most_s:g} or less while identify.revise_s is {revise_s:g}"
            raise PlacedError(f"{message} (got {length_s:g})", "tracklet", "length_max_s")
        if recent_s >= revise_s and "recent_s" in given:
            message = f"must be less than identify.revise_s ({revise_s:g}) (got {recent_s:g})"
            raise PlacedError(message, "identify", "recent_s")
        if recent_s >= revise_s:
            message = f"must be more than identify.recent_s ({recent_s:g}) (got {revise_s:g})"
            raise PlacedError(message, "identify", "revise_s")
        return self


def list_pipelines() -> list[str]:
    """Names of the pipelines that come with the project, in order."""
    from edge.resources import pipelines_dir

    return sorted(file.parent.name for file in pipelines_dir().glob("*/pipeline.yaml"))


def find_pipeline(name_or_path: str | Path) -> Path:
    """The file of a pipeline.

    Args:
        name_or_path: a name such as ``default``, a pipeline.yaml, or a folder that holds one.

    Raises:
        ConfigError: there is none; the message lists the names there are.
    """
    from edge.resources import pipelines_dir

    text = str(name_or_path)
    if not is_path(text):
        file = pipelines_dir() / text / "pipeline.yaml"
        if text and is_file(file):
            return file
        raise ConfigError(
            f"no pipeline is called '{text}'; there are: {', '.join(list_pipelines())}; or give a file's path"
        )
    path = path_from(text, None)
    for file in (path, path / "pipeline.yaml"):
        if is_file(file):
            return file
    raise ConfigError("there is no such pipeline file", file=str(path))


def load_pipeline(name_or_path: str | Path = DEFAULT) -> PipelineSpec:
    """Read a pipeline by name or path.

    Raises:
        ConfigError: there is none, or it is wrong (with file and line).
    """
    return load_pipeline_document(name_or_path)[0]


def load_pipeline_document(name_or_path: str | Path = DEFAULT) -> tuple[PipelineSpec, Document]:
    """The same, with the document, which knows the line of every key.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    document = load_document(find_pipeline(name_or_path))
    return validate(PipelineSpec, document), document
