"""The crop stage: which of the tracked people are embedded now."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import CropSpec
from edge.records import Crop, CroppedFrame, Frame, Tracks
from edge.stages.crop.budget import Budget
from edge.stages.crop.memory import TrackMemory, TrackState
from edge.stages.crop.quality import at_sharpness, quality_range, sharpness

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
    """

    def __init__(self, spec: CropSpec) -> None:
        self._spec = spec
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
        for (row, state), (least, most), height in zip(due, ranges, heights.tolist(), strict=True):
            if height < self._spec.height_min_px:
                continue
            wish = self._wish(_Candidate(row, least, most, state), tracks.captured_at_ns)
            if wish.starving or most >= wish.quality_min:
                wishes.append(wish)
            elif wish.urgency >= 1.0:
                self._poor += 1
                self._remember(frame, tracks, wish.candidate)
        wishes.sort(key=lambda wish: -wish.urgency)
        taken = [self._serve(frame, tracks, wish) for wish in wishes]
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

    def _serve(self, frame: Frame, tracks: Tracks, wish: _Wish) -> Crop | None:
        """Take the crop, unless the budget or its sharpness says no."""
        if not self._budget.allows(wish.urgency):
            self._offered += 1
            self._refused += 1
            return None
        crop = _cut(frame, tracks, wish.candidate)
        state = wish.candidate.state
        if crop.quality < wish.quality_min:
            if wish.urgency < 1.0:
                state.looked_ns = tracks.captured_at_ns  # not better: look again later
                return None
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

    def _remember(self, frame: Frame, tracks: Tracks, candidate: _Candidate) -> None:
        """Keep a poor crop for the case that no good one comes, if it may be the best of the poor ones."""
        if candidate.most > candidate.state.reserve_most:
            candidate.state.keep(_cut(frame, tracks, candidate), candidate.most)


def _cut(frame: Frame, tracks: Tracks, candidate: _Candidate) -> Crop:
    """Copy one person out of the frame, whole pixels, at least one."""
    row = candidate.row
    image = _inside(frame.image_bgr_hwc, tracks.boxes_px[row]).copy()
    return Crop(
        camera=frame.camera,
        track=int(tracks.track_ids[row]),
        frame_number=frame.number,
        captured_at_ns=frame.captured_at_ns,
        quality=at_sharpness(candidate.least, candidate.most, sharpness(image)),
        pixels=image,
    )


def _inside(image_bgr_hwc: NDArray[np.uint8], box_px: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The part of a picture in a box, as a view."""
    height, width = image_bgr_hwc.shape[:2]
    left, top, right, bottom = (round(side) for side in box_px.tolist())
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return image_bgr_hwc[top : max(bottom, top + 1), left : max(right, left + 1)]
