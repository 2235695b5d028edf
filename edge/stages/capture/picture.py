"""A decoded picture, and its conversion to the colours the pipeline works in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

__all__ = ["BgrConverter", "Picture", "TimedPicture"]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One decoded picture, still in the decoder's pixel format.

    frame: PyAV's frame.
    timestamp_s: the source's own timestamp in seconds; None where it gives none.
    """

    frame: VideoFrame
    timestamp_s: float | None


@dataclass(frozen=True, slots=True, eq=False)
class TimedPicture:
    """A picture with its place in time; see :class:`edge.records.Frame` for the fields."""

    frame: VideoFrame
    epoch: int
    pts_s: float
    captured_at_ns: int


class BgrConverter:
    """Converts decoded pictures to 8-bit BGR and turns them upright.

    Keep one per source: the scaler inside is set up once per picture size, and follows a size that
    changes in mid-stream. Phones and some cameras store a rotation beside the video; it is applied when
    it is a multiple of 90 degrees and ignored otherwise. Non-square pixels are left as they are.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def image_bgr_hwc(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Return uint8 (height, width, 3), blue first, contiguous."""
        converted = self._reformatter.reformat(frame, format="bgr24", threads=1)
        image: NDArray[np.uint8] = np.asarray(converted.to_ndarray(), dtype=np.uint8)
        quarter_turns, rest = divmod(frame.rotation, 90)  # counter-clockwise, as in rot90
        if rest == 0 and quarter_turns % 4:
            image = np.rot90(image, quarter_turns % 4)
        return np.ascontiguousarray(image)
