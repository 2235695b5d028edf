"""The crop stage: which of the tracked people are embedded now."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edge.config.pipeline import CropSpec
from edge.records import Crop, CroppedFrame, Frame, Tracks
from edge.stages.crop.budget import Budget
from edge.stages.crop.cuts import Cuts, Cutting, HostCuts, whole_pixels
from edge.stages.crop.memory import TrackMemory, TrackState
from edge.stages.crop.quality import at_sharpness, quality_range

__all__ = ["CropCounts", "Cropper"]

_NS_PER_S = 1e9

# A better crop is the least urgent wish; a refresh that is just due has urgency 1.
_URGENCY_OF_BETTER = 0.5


@dataclass(frozen=True, slots=True)
class CropCounts:
    """What became of the boxes so far.

    offered: good enough, and wanted: due, or clearly better than what is known.
    taken: cut out for embedding.
    refused: wanted, but the budget was used up; the same person may be refused in many frames.
    poor: due, but too poor (hidden, cut off) to be taken in that frame.
    """

    offered: int
    taken: int
    refused: int
    poor: int


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A box whose track's clock says that it may be embedded again.

    row: in the frame's tracks.
    least, most: its quality if it is not sharp at all, and if it is perfectly sharp.
    state: what is known of the track.
    """

    row: int
    least: float
    most: float
    state: TrackState


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """A candidate, and what is wished of it.

    urgency: infinite when its track was never embedded, else how overdue it is (1: just due).
    quality_min: a crop below it is not wanted.
    starving: no good crop for so long that a poor one will do.
    """

    candidate: _Candidate
    urgency: float
    quality_min: float
    starving: bool


class Cropper:
    """Chooses and cuts out the people who are worth an embedding, for all cameras together.

    A track is embedded as soon as there is a good crop of it, again when ``refresh_s`` has passed, and
    earlier when a clearly better crop appears. Somebody of whom there is no good crop for ``wait_s`` gets
    the best there was in that time, whose low quality says what it is; that crop may be of an earlier frame.

    Most boxes of most frames need nothing: then only their track's clock is looked at. Pixels are looked at
    only for boxes that would be taken. Owns no thread; one thread at a time may call :meth:`crop`.

    Args:
        spec: what is good, how often, and how many per second.
        cutting: looks at people and cuts them out; on the host unless given.
    """

    def __init__(self, spec: CropSpec, cutting: Cutting = HostCuts) -> None:
        self._spec = spec
        self._cutting = cutting
        self._budget = Budget(spec.per_second)
        self._memory = TrackMemory()
        self._offered = self._taken = self._refused = self._poor = 0

    @property
    def counts(self) -> CropCounts:
        """What became of the boxes so far."""
        return CropCounts(self._offered, self._taken, self._refused, self._poor)

    def crop(self, frame: Frame, tracks: Tracks) -> CroppedFrame:
        """Cut out who should be embedded now.

        Args:
            frame: the picture.
            tracks: the people tracked in it.

        Returns:
            The tracks and the crops (often none), most urgent first; their pixels are copies.
        """
        self._budget.advance(frame.camera, frame.captured_at_ns)
        due = self._due_rows(tracks)
        if not due:
            return CroppedFrame(tracks, ())
        rows = np.fromiter((row for row, _ in due), np.intp, len(due))
        boxes = tracks.boxes_px[rows]
        ranges = np.stack(quality_range(boxes, tracks.overlaps[rows], tracks.size_px), axis=1).tolist()
        heights = boxes[:, 3] - boxes[:, 1]
        wishes: list[_Wish] = []
        remembered: list[_Candidate] = []
        for (row, state), (least, most), height in zip(due, ranges, heights.tolist(), strict=True):
            if height < self._spec.height_min_px:
                continue
            wish = self._wish(_Candidate(row, least, most, state), tracks.captured_at_ns)
            if wish.starving or most >= wish.quality_min:
                wishes.append(wish)
            elif wish.urgency >= 1.0:
                self._poor += 1
                # Kept for the case that no good one comes, if it may be the best of the poor ones.
                if wish.candidate.most > wish.candidate.state.reserve_most:
                    remembered.append(wish.candidate)
        if not wishes and not remembered:
            return CroppedFrame(tracks, ())
        wishes.sort(key=lambda wish: -wish.urgency)
        looked_at = [*remembered, *(wish.candidate for wish in wishes)]
        parts = [whole_pixels(frame.pixels, tracks.boxes_px[one.row]) for one in looked_at]
        cuts = self._cutting(frame.pixels, parts)
        for index, candidate in enumerate(remembered):
            candidate.state.keep(_cut(frame, tracks, candidate, cuts, index), candidate.most)
        taken = [
            self._serve(frame, tracks, wish, cuts, index)
            for index, wish in enumerate(wishes, len(remembered))
        ]
        return CroppedFrame(tracks, tuple(crop for crop in taken if crop is not None))

    def _due_rows(self, tracks: Tracks) -> list[tuple[int, TrackState]]:
        """The rows whose track's clock says that it may be embedded again."""
        now_ns = tracks.captured_at_ns
        states = self._memory.of(tracks.camera, tracks.track_ids.tolist(), now_ns)
        pause_ns = min(self._spec.better_s, self._spec.refresh_s) * _NS_PER_S
        return [
            (row, state)
            for row, state in enumerate(states)
            if state.looked_ns is None or now_ns - state.looked_ns >= pause_ns
        ]

    def _wish(self, candidate: _Candidate, now_ns: int) -> _Wish:
        """How urgent the box is and what it must be like."""
        spec, state = self._spec, candidate.state
        since_ns = state.first_ns if state.taken_ns is None else state.taken_ns
        age_s = (now_ns - since_ns) / _NS_PER_S
        starving = age_s >= max(spec.wait_s, spec.refresh_s)
        if state.taken_ns is None:
            return _Wish(candidate, math.inf, spec.quality_min, starving)
        if age_s >= spec.refresh_s:
            urgency = age_s / spec.refresh_s if spec.refresh_s > 0 else math.inf
            return _Wish(candidate, urgency, spec.quality_min, starving)
        better = max(spec.quality_min, spec.better_factor * state.best_quality)
        return _Wish(candidate, _URGENCY_OF_BETTER, better, False)

    def _serve(self, frame: Frame, tracks: Tracks, wish: _Wish, cuts: Cuts, index: int) -> Crop | None:
        """Take the crop, unless the budget or its sharpness says no."""
        if not self._budget.allows(wish.urgency):
            self._offered += 1
            self._refused += 1
            return None
        state = wish.candidate.state
        quality = _quality(wish.candidate, cuts, index)
        if quality < wish.quality_min and wish.urgency < 1.0:
            state.looked_ns = tracks.captured_at_ns  # not better: look again later
            return None
        crop = _cut(frame, tracks, wish.candidate, cuts, index)
        if quality < wish.quality_min:
            state.keep(crop, wish.candidate.most)
            if not wish.starving:
                self._poor += 1
                return None
            crop = state.reserve or crop
        self._offered += 1
        self._taken += 1
        self._budget.take()
        state.take(crop, tracks.captured_at_ns)
        return crop


def _quality(candidate: _Candidate, cuts: Cuts, index: int) -> float:
    return at_sharpness(candidate.least, candidate.most, cuts.sharpness(index))


def _cut(frame: Frame, tracks: Tracks, candidate: _Candidate, cuts: Cuts, index: int) -> Crop:
    """Copy one person out of the frame, whole pixels, at least one."""
    return Crop(
        camera=frame.camera,
        track=int(tracks.track_ids[candidate.row]),
        frame_number=frame.number,
        captured_at_ns=frame.captured_at_ns,
        quality=_quality(candidate, cuts, index),
        pixels=cuts.pixels(index),
    )
