"""The return probe: does everybody get their old identity back?

The probe video is a video, then pictures with nobody in them, then the same video mirrored left to right.
So every person leaves and comes back, at another place and going the other way: nobody can be recognised by
where they are, only by what they look like.

A person's **old id** is the id that most of their boxes bore in the first pass. A box of the second pass is

* **right** when it bears that person's old id,
* **new** when its id never occurred in the first pass (unknown, an id below 1, counts as new too),
* **wrong** otherwise: it bears somebody else's id.

A person here is an id of the truth. Which box shows whom is decided frame by frame: the assignment with the
largest sum of IoUs among the pairs with an IoU of 0.5 or more. Boxes that show nobody, and people who are not
found, do not count; how many boxes were compared is part of the score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.evaluate.mot import MotBoxes
from edge.evaluate.tracking import box_ious

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

__all__ = ["ProbeVideo", "ReturnScore", "match_boxes", "mirror_truth", "score_return", "write_probe_video"]

EMPTY_GREY = 128
IOU_MIN = 0.5

_FALLBACK_FPS = 25


@dataclass(frozen=True, slots=True)
class ProbeVideo:
    """What a probe video holds.

    frames: frames of one pass.
    empty_frames: frames between the two passes.
    width_px, height_px: size of its pictures.
    fps: frames per second.
    """

    frames: int
    empty_frames: int
    width_px: int
    height_px: int
    fps: float

    @property
    def second_begins(self) -> int:
        """Number of the second pass's first frame, frames counted from 1."""
        return self.frames + self.empty_frames + 1


@dataclass(frozen=True, slots=True)
class ReturnScore:
    """What became of the people who returned; see the module for what the words mean.

    right, wrong, new: shares of the second pass's boxes that show somebody; they add up to 1 (all are 0
        when there is none).
    boxes: how many boxes that is.
    people: truth ids among them.
    recognised: people most of whose boxes are right.
    """

    right: float
    wrong: float
    new: float
    boxes: int
    people: int
    recognised: int

    def as_json(self) -> dict[str, float | int]:
        """The numbers by name, ready for ``json.dumps``."""
        return asdict(self)


def write_probe_video(video: Path, probe: Path, empty_frames: int) -> ProbeVideo:
    """Write the probe video: one pass, plain grey pictures, the mirrored pass.

    Pictures are coded without any loss, as the pipeline itself would see them (upright, 8-bit BGR), evenly
    spaced at the video's mean rate. One picture at a time is in memory; the video is decoded twice.

    Args:
        video: any video file.
        probe: the file to write; ``.mkv``.
        empty_frames: plain pictures between the passes, grey level 128.

    Raises:
        ConfigError: there is no such video, or the number is negative.
        SourceError: the file holds no video.
        SourceBroken: the video ends early.
    """
    if empty_frames < 0:
        raise ConfigError(f"must be 0 or more (got {empty_frames})", key="--empty-frames")
    if not video.is_file():
        raise ConfigError("there is no such video", file=str(video))
    first = next(_pictures(video))
    height, width = first.shape[:2]
    rate = _rate_of(video)
    writer = _Writer(probe, width, height, rate)
    try:
        for image in _pictures(video):
            writer.add(image)
        frames = writer.count
        empty = np.full((height, width, 3), EMPTY_GREY, np.uint8)
        for _ in range(empty_frames):
            writer.add(empty)
        for image in _pictures(video):
            writer.add(np.ascontiguousarray(image[:, ::-1]))
    finally:
        writer.close()
    return ProbeVideo(frames, empty_frames, width, height, float(rate))


def mirror_truth(truth: MotBoxes, video: ProbeVideo) -> MotBoxes:
    """The truth of the second pass: mirrored, with that pass's frame numbers."""
    boxes = truth.boxes_ltwh_px.copy()
    boxes[:, 0] = video.width_px - boxes[:, 0] - boxes[:, 2]
    return replace(truth, frames=truth.frames + video.second_begins - 1, boxes_ltwh_px=boxes)


def score_return(truth: MotBoxes, result: MotBoxes, video: ProbeVideo) -> ReturnScore:
    """Score the tracks of a probe video.

    Args:
        truth: of the video that the probe was made of, in its pixels.
        result: tracks of the probe video, both passes.
        video: what the probe video holds.
    """
    first = result.select(result.frames <= video.frames)
    second = result.select(result.frames >= video.second_begins)
    old = _old_ids(truth, first)
    known = set(first.ids[first.ids >= 1].tolist())
    people: dict[int, Counter[str]] = {}
    for person, given in match_boxes(mirror_truth(truth, video), second):
        if given >= 1 and given == old.get(person):
            verdict = "right"
        elif given < 1 or given not in known:
            verdict = "new"
        else:
            verdict = "wrong"
        people.setdefault(person, Counter())[verdict] += 1
    total = sum(people.values(), Counter())
    boxes = total.total()
    share = {verdict: total[verdict] / boxes if boxes else 0.0 for verdict in ("right", "wrong", "new")}
    recognised = sum(2 * verdicts["right"] > verdicts.total() for verdicts in people.values())
    return ReturnScore(boxes=boxes, people=len(people), recognised=recognised, **share)


def match_boxes(truth: MotBoxes, result: MotBoxes, iou_min: float = IOU_MIN) -> Iterator[tuple[int, int]]:
    """Yield (id in the truth, id in the result) of every box of the result that shows somebody.

    Args:
        truth: who was where.
        result: who is said to have been where.
        iou_min: least overlap of a pair; among those the sum of all overlaps in a frame is made largest.
    """
    from scipy.optimize import linear_sum_assignment

    for frame in np.intersect1d(truth.frames, result.frames).tolist():
        true = truth.select(truth.frames == frame)
        given = result.select(result.frames == frame)
        ious = box_ious(true.boxes_ltwh_px, given.boxes_ltwh_px)
        possible = ious >= iou_min
        rows, columns = linear_sum_assignment(np.where(possible, ious, 0.0), maximize=True)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if possible[row, column]:
                yield int(true.ids[row]), int(given.ids[column])


def _old_ids(truth: MotBoxes, first: MotBoxes) -> dict[int, int]:
    """The id that most of a person's boxes bore; the lower one of two that are even; unknown is no id."""
    votes: dict[int, Counter[int]] = {}
    for person, given in match_boxes(truth, first):
        if given >= 1:
            votes.setdefault(person, Counter())[given] += 1
    return {person: min(counts, key=lambda one: (-counts[one], one)) for person, counts in votes.items()}


def _pictures(video: Path) -> Iterator[NDArray[np.uint8]]:
    """Pictures of a file as the pipeline sees them, uint8 (height, width, 3), blue first."""
    from edge.clock import SystemClock
    from edge.config.cameras import Camera
    from edge.config.sources import FileSource
    from edge.stages.capture import CameraReader

    camera = Camera(name="probe", source=FileSource(path=video))
    for frame in CameraReader(camera, SystemClock(), 0).frames():
        yield frame.image_bgr_hwc


def _rate_of(video: Path) -> Fraction:
    import av

    with av.open(f"file:{video}", metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate or Fraction(_FALLBACK_FPS)
        return Fraction(rate).limit_denominator(1001)


class _Writer:
    """A lossless video of BGR pictures, written one by one."""

    def __init__(self, path: Path, width_px: int, height_px: int, rate: Fraction) -> None:
        import av

        self.count = 0
        self._rate = rate
        self._size_px = (width_px, height_px)
        quick = "libx264rgb" in av.codecs_available  # FFmpeg builds without x264 have FFV1, which is larger
        codec, self._format = ("libx264rgb", "bgr24") if quick else ("ffv1", "bgr0")
        self._container: OutputContainer = av.open(str(path), "w", format="matroska")
        self._stream = cast("VideoStream", self._container.add_stream(codec, rate=rate))
        self._stream.width, self._stream.height = width_px, height_px
        self._stream.pix_fmt = self._format
        self._stream.codec_context.thread_count = 1
        if quick:
            self._stream.options = {"preset": "veryfast", "qp": "0"}

    def add(self, image_bgr_hwc: NDArray[np.uint8]) -> None:
        """Add a picture; one of another size than the first is scaled to it."""
        import av

        height, width = image_bgr_hwc.shape[:2]
        if (width, height) != self._size_px:
            import cv2

            image_bgr_hwc = np.asarray(cv2.resize(image_bgr_hwc, self._size_px), dtype=np.uint8)
        picture = av.VideoFrame.from_ndarray(image_bgr_hwc, format="bgr24")
        if self._format != "bgr24":
            picture = picture.reformat(format=self._format)
        picture.pts, picture.time_base = self.count, 1 / self._rate
        self.count += 1
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Write what the encoder still holds and close the file."""
        try:
            self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
