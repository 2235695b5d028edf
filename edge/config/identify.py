"""The parts of pipeline.yaml that decide who is who: ``refine`` and ``identify``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edge.config.numbers import Number, Whole
from edge.config.spec import Seconds, Share, Spec

__all__ = ["AppearanceSpec", "GateSpec", "IdentifySpec", "MatchSpec", "MotionSpec", "RefineSpec"]


class RefineSpec(Spec):
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


class AppearanceSpec(Spec):
    """How much a look at a person says about who it is."""

    between: Number = Field(
        default=0.4, gt=0, lt=1, description="Share of the variance of embeddings that lies between people."
    )
    dimensions: Number = Field(default=25.0, gt=0, le=4096, description="Effective dimensions of a look.")
    weight_half: Number = Field(
        default=0.8, gt=0, le=1000, description="Summed crop quality at which a look is half trusted."
    )


class MotionSpec(Spec):
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


class MatchSpec(Spec):
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


class GateSpec(Spec):
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


class IdentifySpec(Spec):
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
