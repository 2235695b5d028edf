"""Pictures as an NVDEC decoder hands them out, without one: NV12 that no Python buffer may touch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av


class DevicePlane:
    """One plane that only DLPack reaches."""

    def __init__(self, plane: Any, count: Callable[[], None]) -> None:
        self._plane = plane
        self._count = count
        self.width, self.height, self.line_size = plane.width, plane.height, plane.line_size

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0  # CUDA: who asks for it by this alone would name a stream

    def __dlpack__(self, *, stream: int | None = None) -> Any:
        if stream is not None:
            raise NotImplementedError("CUDA stream synchronization is not supported. Pass stream=None")
        self._count()
        return self._plane.__dlpack__()


class DeviceFrame:
    """A decoded picture that says it lies on a GPU (here: the CPU), as :class:`av.VideoFrame`."""

    def __init__(self, frame: av.VideoFrame, format: str = "nv12") -> None:
        space, span = frame.colorspace, frame.color_range
        self._frame = frame.reformat(format=format)
        self.colorspace, self.color_range = space, span
        self.rotation, self.time = frame.rotation, frame.time
        self.width, self.height = frame.width, frame.height
        self.format = av.VideoFormat("cuda", frame.width, frame.height)
        self.sw_format = self._frame.format
        self.reads = 0
        self.planes = tuple(DevicePlane(plane, self._read) for plane in self._frame.planes)

    def _read(self) -> None:
        self.reads += 1

    def to_ndarray(self, **_: Any) -> Any:
        raise ValueError("Cannot convert a hardware frame to numpy directly.")
