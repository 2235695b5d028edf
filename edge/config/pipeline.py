"""pipeline.yaml: which parts and numbers one fixed graph is run with.

The graph itself is wired in :mod:`edge.assemble`; a pipeline selects models and numbers and nothing else.
Every time is in seconds or milliseconds, never in frames, so that a pipeline means the same at any rate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from edge.config.document import Document, load_document
from edge.config.ipg import IpgSpec
from edge.config.numbers import Number, Whole
from edge.config.paths import is_file, is_path, path_from
from edge.config.validate import PlacedError, folder_of, validate
from edge.errors import ConfigError

__all__ = [
    "AppearanceSpec",
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

Share = Annotated[Number, Field(ge=0, le=1)]
Seconds = Annotated[Number, Field(ge=0, le=1e6)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _NetSpec(_Spec):
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


class TrackSpec(_Spec):
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


class CropSpec(_Spec):
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


class TrackletSpec(_Spec):
    """Cut tracks into pieces that are one person each."""

    overlap_max: Share = Field(
        default=0.3, description="People who cover each other by more are crossing; cut at the worst moment."
    )
    clear_s: Seconds = Field(default=0.3, description="A crossing is over when clear for so long.")
    gap_s: Seconds = Field(default=0.35, description="A track unseen for longer is cut.")
    length_max_s: Seconds = Field(default=10.0, gt=0, description="A longer piece is cut.")
    report_s: Seconds = Field(default=1.0, description="How often a growing piece is looked at.")
    crops_max: Whole = Field(default=1, ge=0, le=16, description="Pictures kept of each piece.")


class RefineSpec(_Spec):
    """Correct the features, and centralize the window (NFC)."""

    camera_mean: bool = Field(default=True, description="Remove each camera's mean embedding.")
    whiten: bool = Field(default=True, description="Even out how one person's embeddings vary.")
    shrinkage: Number = Field(
        default=1.0, gt=0, le=100, description="How far whitening is held back; large: not at all."
    )
    nfc_share: Share = Field(
        default=0.6,
        description="Most that the centralized similarity may count, where candidates are many; the rest is "
        "the plain one.",
    )
    neighbours: Whole = Field(default=6, ge=0, le=100, description="Neighbours from other cameras; 0: none.")
    neighbours_one_camera: Whole = Field(
        default=2, ge=0, le=100, description="Neighbours where there is one camera only; 0: none."
    )
    rarity: Number = Field(
        default=10.0,
        ge=0,
        le=1000,
        description="Among fewer candidates than so many times the neighbours, being one means nothing.",
    )


class AppearanceSpec(_Spec):
    """How much a look at a person says about who it is."""

    between: Number = Field(
        default=0.4, gt=0, lt=1, description="Share of the variance of embeddings that lies between people."
    )
    dimensions: Number = Field(default=25.0, gt=0, le=4096, description="Effective dimensions of a look.")
    weight_half: Number = Field(
        default=0.8, gt=0, le=1000, description="Summed crop quality at which a look is half trusted."
    )


class MotionSpec(_Spec):
    """What is plausible between two pieces of one camera; lengths are in body heights."""

    gap_max_s: Seconds = Field(default=4.0, description="Longer absences are for appearance alone.")
    speed_max: Number = Field(default=3.0, gt=0, le=100, description="Heights per second nobody exceeds.")
    error_still: Number = Field(default=0.2, gt=0, le=100, description="Error of a position, in heights.")
    error_per_s: Number = Field(default=0.4, ge=0, le=100, description="What extrapolating adds per second.")
    picture_area: Number = Field(
        default=60.0, gt=0, le=1e6, description="Size of a usual view, in squared heights."
    )
    same_track: Number = Field(default=1.0, ge=0, le=20, description="Bonus when the tracker says so too.")
    same_track_gap_s: Seconds = Field(
        default=0.35, description="Within one track, a shorter gap is no doubt at all."
    )
    overlap_max: Share = Field(default=0.3, description="More overlap at the seam makes it a crossing.")
    crossing_share: Share = Field(default=0.5, description="Share of motion's evidence left at a crossing.")
    crossing_cap: Number = Field(default=3.0, ge=0, le=100, description="Most it can say there.")
    floor: Number = Field(default=-6.0, le=0, ge=-100, description="Least it can say anywhere.")


class MatchSpec(_Spec):
    """What a similarity says about two visits being one person, before anything is learnt on the site."""

    same_camera: Share = Field(
        default=0.65, description="Plain cosine of one camera's visits at which either is as likely."
    )
    across_cameras: Share = Field(
        default=0.5,
        description="The same for two cameras' visits, which lack what one camera's have in common.",
    )
    centralized: Share = Field(default=0.7, description="The same for a cosine after centralization.")
    slope: Number = Field(
        default=12.0, gt=0, le=1000, description="Log-odds that one unit of similarity is worth."
    )
    learn: bool = Field(
        default=True, description="Learn from hindsight how probable a match is, for each pair of cameras."
    )


class GateSpec(_Spec):
    """What place and time say about visits of two cameras, where they are known."""

    ground: bool = Field(
        default=True, description="Compare places on the ground, where cameras are calibrated."
    )
    travel: bool = Field(
        default=True,
        description="Compare gaps with travel times, given by a topology or learnt.",
    )
    travel_learn: bool = Field(
        default=True, description="Learn travel times from sure matches, where the topology names none."
    )
    travel_sure: Share = Field(
        default=0.9, description="Probability by looks alone from which a match is sure enough for that."
    )
    travel_prior: Number = Field(
        default=10.0, gt=0, le=1e6, description="Sure matches of two cameras of which half is believed."
    )
    hard: bool = Field(
        default=False, description="Never join what place or time rules out; else it speaks against it."
    )
    slot_s: Number = Field(default=0.5, gt=0, le=60, description="Places are compared so often.")
    ground_least_s: Seconds = Field(default=1.5, description="Seen by both for less, places say nothing.")
    ground_error_m: Number = Field(default=0.9, gt=0, le=100, description="Error of a place on the ground.")
    ground_area_m2: Number = Field(
        default=80.0, gt=0, le=1e6, description="Ground over which other people are spread."
    )
    ground_apart_m: Number = Field(
        default=4.0, gt=0, le=1000, description="With hard: further apart, two places are two people."
    )
    ground_gain: Number = Field(default=3.0, ge=0, le=100, description="Most a place speaks for, log-odds.")
    ground_loss: Number = Field(default=8.0, ge=0, le=100, description="Most it speaks against.")
    travel_direct: Share = Field(default=0.5, description="Share of people who come by the direct way.")
    travel_spread_s: Number = Field(default=1.0, gt=0, le=1e4, description="Least spread of a travel time.")
    travel_slack_s: Seconds = Field(default=1.0, description="Faster than the fastest by more is too fast.")
    travel_horizon_s: Number = Field(
        default=60.0, gt=0, le=1e6, description="Longer gaps say nothing; people who come are spread over it."
    )
    travel_gain: Number = Field(default=2.0, ge=0, le=100, description="Most a gap speaks for, log-odds.")
    travel_loss: Number = Field(default=4.0, ge=0, le=100, description="Most it speaks against: too fast.")


class IdentifySpec(_Spec):
    """Decide who a tracklet is."""

    probability_min: Annotated[Number, Field(gt=0, lt=1)] = Field(
        default=0.5, description="Probability at which two groups of visits are taken for one person."
    )
    weight_min: Number = Field(
        default=1.0, ge=0, le=1000, description="Summed crop quality below which a visit stays unknown."
    )
    weight_cap: Number = Field(
        default=6.0, gt=0, le=1000, description="Most that one piece counts in its visit's mean."
    )
    decide_s: Seconds = Field(
        default=1.0, gt=0, description="How often decisions are made and looked at again."
    )
    recent_s: Seconds = Field(
        default=30.0,
        gt=0,
        description="How long crossings are still looked at again; less than revise_s, for nothing is "
        "exchanged that is written already.",
    )
    revise_s: Seconds = Field(
        default=120.0,
        gt=0,
        description="How long a decision may be revised; tracks are written after it. At least twice "
        "tracklet.length_max_s and 5 s: until then a box may lie in a piece that still grows.",
    )
    fill_s: Seconds = Field(
        default=1.0, description="Gaps in a person's boxes up to this long are filled by interpolation."
    )
    boxes_min: Whole = Field(
        default=5,
        ge=1,
        le=1000,
        description="Visits of fewer boxes that stay unknown are left out of tracks/.",
    )
    people_max: Whole = Field(default=1000, ge=1, le=100_000, description="Absent people remembered.")
    together_max: Whole = Field(
        default=400,
        ge=2,
        le=100_000,
        description="Of people and visits that look alike in a chain, so many are put together anew at once.",
    )
    exemplars_max: Whole = Field(default=8, ge=1, le=100, description="Visits remembered of each.")
    match: MatchSpec = Field(default_factory=MatchSpec)
    gates: GateSpec = Field(default_factory=GateSpec)
    appearance: AppearanceSpec = Field(default_factory=AppearanceSpec)
    motion: MotionSpec = Field(default_factory=MotionSpec)


class ChannelSpec(_Spec):
    """The queues between the stages."""

    size: Whole = Field(default=8, ge=1, le=10_000, description="Items a queue holds.")


class SinkSpec(_Spec):
    """What is written besides the events."""

    video: bool = Field(default=False, description="An annotated video for each camera.")


class DeepStreamSpec(_Spec):
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


class PipelineSpec(_Spec):
    """The whole of pipeline.yaml."""

    description: str = Field(default="", max_length=500, description="What it is for.")
    front: Literal["native", "deepstream"] = Field(
        default="native", description="Who decodes, detects and tracks: this program, or DeepStream."
    )
    deepstream: DeepStreamSpec = Field(default_factory=DeepStreamSpec)
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
