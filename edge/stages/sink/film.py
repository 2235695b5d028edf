"""A video file that is written picture by picture, each at the time it was taken."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.errors import RunError
from edge.stages.sink.folder import writing

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

__all__ = ["Film", "close_all"]

_TICKS_PER_S = 1000
_NOMINAL_FPS = 25


class Film:
    """One video file being written; a file cut short by a kill still plays.

    H.264 through libx264 where PyAV has it, else MPEG-4.

    Args:
        path: the file; its folder is there.
        width, height: of the pictures; an odd last row or column is left out.
        threads: of the encoder.
        preset: of libx264: how hard it tries.
    """

    def __init__(self, path: Path, width: int, height: int, threads: int, preset: str = "veryfast") -> None:
        import av

        self.path = path
        self._width = width - width % 2
        self._height = height - height % 2
        self._first_ns = 0
        self._last_pts = -1
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        self._container: OutputContainer = av.open(
            str(path), "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        )
        stream = self._container.add_stream(codec, rate=_NOMINAL_FPS)
        self._stream: VideoStream = stream  # type: ignore[assignment]
        self._stream.width = self._width
        self._stream.height = self._height
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = Fraction(1, _TICKS_PER_S)
        self._stream.codec_context.time_base = Fraction(1, _TICKS_PER_S)
        self._stream.codec_context.thread_count = threads
        self._stream.codec_context.max_b_frames = 0  # else a fragmented file starts late
        if codec == "libx264":
            self._stream.options = {"preset": preset, "crf": "25"}
        else:
            self._stream.bit_rate = 4 * self._width * self._height

    def add(self, image_bgr_hwc: NDArray[np.uint8], captured_at_ns: int) -> None:
        """Encode one picture; one that is not later than the last is put one tick after it."""
        import av
        import cv2

        if image_bgr_hwc.shape[:2] != (self._height, self._width):
            if (
                abs(image_bgr_hwc.shape[0] - self._height) < 2
                and abs(image_bgr_hwc.shape[1] - self._width) < 2
            ):
                image_bgr_hwc = np.ascontiguousarray(image_bgr_hwc[: self._height, : self._width])
            else:  # the camera came back with another size
                image_bgr_hwc = cv2.resize(image_bgr_hwc, (self._width, self._height))  # type: ignore[assignment]
        if self._last_pts < 0:
            self._first_ns = captured_at_ns
        pts = max(self._last_pts + 1, (captured_at_ns - self._first_ns) * _TICKS_PER_S // 1_000_000_000)
        picture = av.VideoFrame.from_ndarray(image_bgr_hwc, format="bgr24")
        picture.pts = pts
        picture.time_base = Fraction(1, _TICKS_PER_S)
        self._last_pts = pts
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Encode what the encoder still holds and close the file, whatever happens."""
        try:
            self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()


def close_all(films: Iterable[Film]) -> None:
    """Finish every file.

    Raises:
        RunError: the first that could not be finished; after the last.
    """
    first: RunError | None = None
    for film in films:
        try:
            with writing(film.path):
                film.close()
        except RunError as error:
            first = first or error
    if first is not None:
        raise first
