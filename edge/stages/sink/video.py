"""video/<camera>.mp4: what the camera saw, with boxes and identities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.records.frame import Frame
from edge.records.identity import LiveIdentity
from edge.stages.sink.base import Sink
from edge.stages.sink.film import Film, close_all
from edge.stages.sink.folder import writing
from edge.stages.sink.palette import identity_rgb, ink_rgb
from edge.stages.sink.summary import RunSummary

__all__ = ["VideoSink", "draw_people"]


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
        self._films: dict[str, Film] = {}

    def show(self, frame: Frame, live: LiveIdentity) -> None:
        """Add a frame with the people in it."""
        film = self._films.get(frame.camera)
        if film is None:
            width, height = frame.size_px
            path = self._folder / f"{frame.camera}.mp4"
            with writing(path):
                self._folder.mkdir(exist_ok=True)
                film = Film(path, width, height, self._threads)
            self._films[frame.camera] = film
        picture = frame.image_bgr_hwc.copy()
        draw_people(picture, live)
        with writing(film.path):
            film.add(picture, frame.captured_at_ns)

    def close(self, summary: RunSummary) -> None:
        """Finish every file; the first error is raised after the last file."""
        close_all(self._films.values())


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
