"""video/mosaic.mp4: what all cameras saw, side by side, with boxes and identities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.records.frame import Frame
from edge.records.identity import LiveIdentity
from edge.stages.sink.base import Sink
from edge.stages.sink.film import Film, close_all
from edge.stages.sink.folder import writing
from edge.stages.sink.summary import RunSummary
from edge.stages.sink.video import draw_people

__all__ = ["MOSAIC", "MosaicSink"]

MOSAIC = "mosaic"
_WIDTH_MAX_PX = 1920
_CELL_MAX_PX = 640
_EMPTY_BGR = (32, 28, 26)


class MosaicSink(Sink):
    """Writes one video of all cameras, which lie in a grid in the order given.

    A picture of the video is complete when a camera whose newest frame is in it already gives another one, so
    the video has the rate of the fastest camera, and slower ones, or those that are away, stand still. The
    identity is what was believed at that moment.

    Args:
        folder: the output folder.
        cameras: names of all cameras.
        threads: encoder threads.
    """

    def __init__(self, folder: Path, cameras: Sequence[str], *, threads: int = 1) -> None:
        self._path = folder / "video" / f"{MOSAIC}.mp4"
        self._cameras = list(cameras)
        self._threads = threads
        self._columns = math.ceil(math.sqrt(len(cameras)))
        self._film: Film | None = None
        self._canvas = np.zeros((0, 0, 3), np.uint8)
        self._cell_px = (0, 0)
        self._fresh: set[str] = set()
        self._begun_ns = 0

    def show(self, frame: Frame, live: LiveIdentity) -> None:
        """Put a frame into its place; encode the picture before it where that is complete."""
        film = self._film or self._open(frame)
        if frame.camera in self._fresh:
            self._flush(film)
        if not self._fresh:
            self._begun_ns = frame.captured_at_ns
        self._fresh.add(frame.camera)
        self._put(frame, live)

    def close(self, summary: RunSummary) -> None:
        """Encode the last picture and finish the file."""
        if self._film is None:
            return
        try:
            if self._fresh:
                self._flush(self._film)
        finally:
            close_all([self._film])

    def _open(self, frame: Frame) -> Film:
        """Make the file; the cells have the shape of the first picture."""
        width, height = frame.size_px
        cell_width = min(width, _CELL_MAX_PX, _WIDTH_MAX_PX // self._columns) // 2 * 2
        cell_height = max(2, round(height * cell_width / width) // 2 * 2)
        self._cell_px = (cell_width, cell_height)
        rows = math.ceil(len(self._cameras) / self._columns)
        size = (rows * cell_height, self._columns * cell_width)
        self._canvas = np.empty((*size, 3), np.uint8)
        self._canvas[:] = _EMPTY_BGR
        for camera in self._cameras:
            _write_name(self._cell(camera), camera)
        with writing(self._path):
            self._path.parent.mkdir(exist_ok=True)
            self._film = Film(self._path, size[1], size[0], self._threads, "superfast")
        return self._film

    def _cell(self, camera: str) -> NDArray[np.uint8]:
        """A camera's part of the canvas, a view."""
        row, column = divmod(self._cameras.index(camera), self._columns)
        width, height = self._cell_px
        return self._canvas[row * height : (row + 1) * height, column * width : (column + 1) * width]

    def _put(self, frame: Frame, live: LiveIdentity) -> None:
        """Draw a frame into its cell, as large as it fits."""
        import cv2

        cell = self._cell(frame.camera)
        width, height = frame.size_px
        scale = min(cell.shape[1] / width, cell.shape[0] / height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = frame.image_bgr_hwc.copy()
        if size != (width, height):
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            picture = np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)
        draw_people(picture, replace(live, boxes_px=live.boxes_px * np.float32(scale)))
        left, top = (cell.shape[1] - size[0]) // 2, (cell.shape[0] - size[1]) // 2
        if size != (cell.shape[1], cell.shape[0]):
            cell[:] = _EMPTY_BGR
        cell[top : top + size[1], left : left + size[0]] = picture
        _write_name(cell, frame.camera)

    def _flush(self, film: Film) -> None:
        """Encode the picture as it is; a new one begins."""
        self._fresh.clear()
        with writing(self._path):
            film.add(self._canvas, self._begun_ns)


def _write_name(cell: NDArray[np.uint8], camera: str) -> None:
    """Write the camera's name into the lower left corner, on a dark ground."""
    import cv2

    font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.35, cell.shape[0] / 800)
    (width, height), below = cv2.getTextSize(camera, font, scale, 1)
    bottom = cell.shape[0]
    cv2.rectangle(cell, (0, bottom - height - below - 6), (width + 10, bottom), _EMPTY_BGR, cv2.FILLED)
    cv2.putText(cell, camera, (5, bottom - below - 1), font, scale, (235, 235, 235), 1, cv2.LINE_AA)
