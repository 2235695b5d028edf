"""Encodes a camera's pictures, byte for byte the same each time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

__all__ = ["VideoWriter"]

_CRF = 23
_KEYFRAME_EVERY_S = 2


class VideoWriter:
    """Writes an MP4 file: H.264 where PyAV can, else MPEG-4; one thread, no B frames.

    A context manager; leaving it with an error removes the file.

    Args:
        path: the file; its folder exists.
        size_px: width and height, even.
        rate_hz: frames per second.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, size_px: tuple[int, int], rate_hz: float) -> None:
        import av

        self.path = path
        rate = Fraction(rate_hz).limit_denominator(1000)
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        # Without the encoder's name and the date, the file depends on the pictures alone.
        self._container: OutputContainer = av.open(
            str(path), "w", format="mp4", options={"fflags": "+bitexact", "movflags": "+faststart"}
        )
        stream = self._container.add_stream(codec, rate=rate)
        self._stream: VideoStream = stream  # type: ignore[assignment]
        self._stream.width, self._stream.height = size_px
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = 1 / rate
        context.thread_count = 1
        context.max_b_frames = 0
        context.gop_size = max(1, round(_KEYFRAME_EVERY_S * rate))
        if codec == "libx264":
            self._stream.options = {"preset": "veryfast", "crf": str(_CRF), "threads": "1"}
        else:
            self._stream.bit_rate = round(0.6 * size_px[0] * size_px[1] * rate_hz)
        self._count = 0

    def add(self, image_bgr_hwc: NDArray[np.uint8]) -> None:
        """Encode the next picture."""
        import av

        picture = av.VideoFrame.from_ndarray(image_bgr_hwc, format="bgr24")
        picture.pts = self._count
        picture.time_base = self._stream.codec_context.time_base
        self._count += 1
        self._container.mux(self._stream.encode(picture))

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
        finally:
            try:
                self._container.close()
            except OSError:
                if kind is None:
                    self.path.unlink(missing_ok=True)
                    raise
            if kind is not None:
                self.path.unlink(missing_ok=True)
