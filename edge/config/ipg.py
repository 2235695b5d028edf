"""The section ``ipg`` of pipeline.yaml: the background worker that draws people in further poses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from edge.config.numbers import Number, Whole
from edge.config.paths import is_path, path_from
from edge.config.spec import Spec
from edge.config.validate import folder_of

__all__ = ["BudgetSpec", "GuardedStage", "IpgSpec", "ProtectSpec"]

GuardedStage = Literal["detect", "track", "crop", "embed", "tracklet", "identify", "sink", "frame"]

Bound = Annotated[Number, Field(gt=0, le=1e6)]


class BudgetSpec(Spec):
    """How much a worker may take."""

    per_minute: Number = Field(
        default=30.0, gt=0, le=1e5, description="People drawn per minute, all workers together."
    )
    share: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.5, description="Share of the time in which a worker computes; it rests after every step."
    )
    give_way: bool = Field(
        default=True,
        description="Run behind everything else on the machine: nice 19, idle classes of processor and disk. "
        "false where cores are set aside for it.",
    )
    threads: Whole = Field(default=1, ge=1, le=256, description="Threads one worker may use on a CPU.")
    memory_mb: Whole | None = Field(
        default=None, ge=1, description="What one batch may take, roughly; null: half of what is free."
    )
    mps_percent: Whole | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Share of the GPU's multiprocessors, where NVIDIA's MPS runs; null: no limit.",
    )


def _frame_bound() -> dict[GuardedStage, float]:
    return {"frame": 500.0}


class ProtectSpec(Spec):
    """When the workers pause, for the live path's sake."""

    p95_ms: dict[GuardedStage, Bound] = Field(
        default_factory=_frame_bound,
        description="Workers pause while the 95th percentile of a stage's latency is above its bound. "
        "frame (from a frame read to a frame associated) counts where a camera is live.",
    )
    over_s: Annotated[Number, Field(gt=0, le=600)] = Field(
        default=3.0, description="Over how long the percentile is taken."
    )
    least_items: Whole = Field(
        default=20, ge=1, le=100_000, description="Of fewer items in that time nothing is concluded."
    )
    calm_s: Annotated[Number, Field(ge=0, le=600)] = Field(
        default=5.0, description="The stages must keep their bounds for so long before workers go on."
    )


class IpgSpec(Spec):
    """Draw people in further poses, in processes of their own, and match with what was drawn."""

    workers: Whole = Field(default=0, ge=0, le=16, description="Processes that draw; 0: none.")
    model: str = Field(
        default="demo-ipg",
        min_length=1,
        description="Name of a generator that comes with the project, or a folder of weights.",
    )
    device: str = Field(default="auto", min_length=1, description="auto, cpu, cuda, cuda:1 …")
    preset: Literal["exact", "fast"] = Field(default="fast", description="How people are drawn.")
    steps: Whole | None = Field(default=None, ge=1, le=1000, description="null: the preset's.")
    poses: Path | None = Field(
        default=None, description="A file of keypoints, see docs/ipg.md; null: the eight standard poses."
    )
    references: Whole = Field(
        default=4,
        ge=1,
        le=16,
        description="Most crops of a person, each of another track, that the poses are drawn from in turn.",
    )
    similarity_min: Annotated[Number, Field(ge=-1, le=1)] | None = Field(
        default=None,
        description="A picture is kept if its ReID similarity to its reference is at least this; null: the "
        "preset's.",
    )
    eta: Annotated[Number, Field(ge=0, le=10)] = Field(
        default=0.125, description="Weight of each generated picture beside a real visit, which weighs 1."
    )
    batch_max: Whole = Field(default=4, ge=1, le=64, description="Most people of one batch.")
    queue: Whole = Field(
        default=32, ge=1, le=10_000, description="Jobs that wait; of more, the least valuable are dropped."
    )
    value_min: Annotated[Number, Field(ge=0, le=100)] = Field(
        default=0.2, description="Jobs worth less are not asked for; see docs/worker.md."
    )
    value_half_s: Annotated[Number, Field(gt=0, le=1e6)] = Field(
        default=60.0, description="A job that waits so long is worth half."
    )
    better_factor: Annotated[Number, Field(ge=1, le=100)] = Field(
        default=1.25, description="A reference crop so much better lets a person be drawn again."
    )
    hang_s: Annotated[Number, Field(gt=0, le=86_400)] = Field(
        default=180.0, description="A worker without any progress for so long is started again."
    )
    keep_days: Annotated[Number, Field(gt=0, le=36_500)] = Field(
        default=30.0, description="What was drawn of somebody nobody has seen for so long is deleted."
    )
    keep_mb: Whole = Field(
        default=2000, ge=1, le=10_000_000, description="Of more, what was used least recently is deleted."
    )
    budget: BudgetSpec = Field(default_factory=BudgetSpec)
    protect: ProtectSpec = Field(default_factory=ProtectSpec)

    @field_validator("model")
    @classmethod
    def _folder_beside_the_file(cls, model: str, info: ValidationInfo) -> str:
        folder = folder_of(info.context)
        return str(path_from(model, folder)) if folder is not None and is_path(model) else model

    @field_validator("poses")
    @classmethod
    def _poses_beside_the_file(cls, poses: Path | None, info: ValidationInfo) -> Path | None:
        folder = folder_of(info.context)
        return path_from(str(poses), folder) if poses is not None and folder is not None else poses
