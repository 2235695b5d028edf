"""Notice a camera that repeats one picture for ever."""

from __future__ import annotations

import zlib

import numpy as np
from av.video.frame import VideoFrame

__all__ = ["StillWatch"]

_LOOK_EVERY_S = 1.0
_ROW_STEP = 8
_PATIENCE_MAX_S = 3600.0


class StillWatch:
    """Watches whether the picture changes at all.

    A real sensor's noise changes every picture; one that stays the same to the last bit for long comes
    from a hung encoder or a recorder that repeats its last picture. An encoder may skip a quiet scene for
    some seconds, so patience is long, and doubles (up to an hour) when reconnecting did not help.
    Looks once a second at every eighth row of the first plane: some tens of microseconds.

    Args:
        patience_s: how long the picture may stay the same.
    """

    def __init__(self, patience_s: float) -> None:
        self._shortest_s = patience_s
        self._patience_s = patience_s
        self._looked_s = -_LOOK_EVERY_S
        self._since_s = 0.0
        self._checksum = -1

    def restart(self, now_s: float) -> None:
        """Begin a new connection: the same picture once more is no evidence yet."""
        self._since_s = now_s

    def is_still(self, frame: VideoFrame, now_s: float) -> bool:
        """Say whether the picture has stayed the same for too long.

        Args:
            frame: the newest picture.
            now_s: elapsed time in seconds.
        """
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        checksum = _checksum(frame)
        if checksum != self._checksum:
            self._checksum = checksum
            self._since_s = now_s
            self._patience_s = self._shortest_s
            return False
        if now_s - self._since_s < self._patience_s:
            return False
        self._patience_s = min(_PATIENCE_MAX_S, 2 * self._patience_s)
        return True


def _checksum(frame: VideoFrame) -> int:
    if frame.sw_format is not None:  # it lies on a GPU
        from edge.stages.capture.surface_picture import sampled_rows

        return zlib.crc32(sampled_rows(frame, _ROW_STEP))
    plane = frame.planes[0]
    size_bytes = plane.line_size * plane.height
    rows = np.frombuffer(memoryview(plane), np.uint8)[:size_bytes].reshape(plane.height, plane.line_size)
    return zlib.crc32(rows[::_ROW_STEP, : plane.width].tobytes())
