"""Small videos made on the spot, whose pictures can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def grey_of(index: int) -> int:
    """The grey level that tells picture ``index`` (from 0) apart from its neighbours."""
    return 16 + index * 5 % 200


def write_video(
    path: Path,
    frames: int = 30,
    *,
    codec: str = "libx264",
    size_px: tuple[int, int] = (160, 120),
    fps: int = 10,
    pts: Sequence[int] | None = None,
    rotation: int = 0,
    sound_s: float = 0.0,
    **options: str,
) -> Path:
    """Write a video whose pictures are plain grey, each with a white square in the top left corner.

    Args:
        path: its ending chooses the container.
        frames: how many.
        codec: FFmpeg's name of the encoder.
        size_px: (width, height).
        fps: pictures per second.
        pts: timestamp of each picture in units of 1/fps s; None counts up.
        rotation: degrees counter-clockwise by which players turn it.
        sound_s: seconds of sound beside it.
        options: of the container.
    """
    width, height = size_px
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 10
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        if codec == "libx264":
            stream.options = {"crf": "5"}
        else:
            stream.bit_rate = 4_000_000
        if rotation:
            stream.set_display_rotation(rotation)
        sound = container.add_stream("aac", rate=8000) if sound_s else None
        for index in range(frames):
            planes = np.full((height * 3 // 2, width), 128, np.uint8)  # brightness, then colour: none
            planes[:height] = 16 + grey_of(index) * 219 / 255
            planes[: height // 4, : width // 4] = 235
            picture = av.VideoFrame.from_ndarray(planes, "yuv420p")
            picture.pts = index if pts is None else pts[index]
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        if sound is not None:
            for start in range(0, int(8000 * sound_s), 1024):
                samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                samples.sample_rate, samples.pts = 8000, start
                container.mux(sound.encode(samples))
            container.mux(sound.encode(None))
    return path


def index_of(image_bgr_hwc: NDArray[np.uint8]) -> int:
    """Which of the first 40 pictures this is, counted from 0, by its grey level."""
    level = float(np.median(image_bgr_hwc))
    return min(range(40), key=lambda index: abs(grey_of(index) - level))
