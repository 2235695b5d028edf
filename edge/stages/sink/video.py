"""video/<camera>.mp4: what the camera saw, with boxes and identities."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.errors import RunError
from edge.records.frame import Frame
from edge.records.identity import LiveIdentity
from edge.stages.sink.base import Sink
from edge.stages.sink.folder import writing
from edge.stages.sink.palette import identity_rgb, ink_rgb
from edge.stages.sink.summary import RunSummary

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

__all__ = ["VideoSink", "draw_people"]

_TICKS_PER_S = 1000
_NOMINAL_FPS = 25


class VideoSink(Sink):
    """Writes one annotated video per camera, each frame at the time it was taken.

    H.264 through libx264 where PyAV has it, else MPEG-4. The identity is what was believed at that
    moment; later revisions are in events.jsonl and tracks/. A file cut short by a kill still plays.

    Args:
        folder: the output folder.
        threads: encoder threads per camera.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._folder = folder / "video"
        self._threads = threads
        self._films: dict[str, _Film] = {}

    def show(self, frame: Frame, live: LiveIdentity) -> None:
        """Add a frame with the people in it."""
        film = self._films.get(frame.camera)
        if film is None:
            height, width = frame.image_bgr_hwc.shape[:2]
            path = self._folder / f"{frame.camera}.mp4"
            with writing(path):
                self._folder.mkdir(exist_ok=True)
                film = _Film(path, width, height, self._threads)
            self._films[frame.camera] = film
        picture = frame.image_bgr_hwc.copy()
        draw_people(picture, live)
        with writing(film.path):
            film.add(picture, frame.captured_at_ns)

    def close(self, summary: RunSummary) -> None:
        """Finish every file; the first error is raised after the last file."""
        first: RunError | None = None
        for film in self._films.values():
            try:
                with writing(film.path):
                    film.close()
            except RunError as error:
                first = first or error
        if first is not None:
            raise first


class _Film:
    """One video file being written."""

    def __init__(self, path: Path, width: int, height: int, threads: int) -> None:
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
            self._stream.options = {"preset": "veryfast", "crf": "25"}
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


def draw_people(image_bgr_hwc: NDArray[np.uint8], live: LiveIdentity) -> None:
    """Draw a box and ``id 12`` (or ``?`` in grey while unknown) for everybody, into the picture itself."""
    import cv2

    scale = max(0.4, image_bgr_hwc.shape[0] / 1080)
    thick = max(1, round(2 * scale))
    for identity, box_px in zip(live.identities.tolist(), live.boxes_px, strict=True):
        left, top, right, bottom = (round(float(edge)) for edge in box_px)
        rgb = identity_rgb(identity)
        label = f"id {identity}" if identity > 0 else "?"
        cv2.rectangle(image_bgr_hwc, (left, top), (right, bottom), rgb[::-1], thick)
        (width, height), below = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
        base = top if top - height - below >= 0 else top + height + below
        corner = (left + width + 4, base - height - below)
        cv2.rectangle(image_bgr_hwc, (left, base), corner, rgb[::-1], cv2.FILLED)
        cv2.putText(
            image_bgr_hwc,
            label,
            (left + 2, base - below // 2 - 1),
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            ink_rgb(rgb)[::-1],
            thick,
            cv2.LINE_AA,
        )
