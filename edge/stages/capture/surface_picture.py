"""Decoded pictures to surfaces: converted on the device, wherever they were decoded.

What NVDEC decoded lies there already. What was decoded on the CPU is copied there as it is, half the size of
the finished picture, and converted there too; formats that are rare are converted by FFmpeg first.
torch is imported here, so import this module only where a device was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from torch.utils.dlpack import from_dlpack

from edge.backends.colours import bgr_of
from edge.backends.surfaces import DeviceSurface, SurfaceDevice
from edge.stages.capture.picture import BgrConverter

__all__ = ["SurfaceConverter", "sampled_rows"]

# FFmpeg's numbers (AVColorSpace, AVColorRange); what is not named is taken for BT.601 in limited range.
_MATRICES = {1: "bt709", 9: "bt2020", 10: "bt2020"}
_FULL_RANGE = 2

_PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p")
_INTERLEAVED = ("nv12", "p010le", "p016le")


class SurfaceConverter:
    """Converts decoded pictures to surfaces of 8-bit BGR and turns them upright.

    Keep one per source, as a :class:`edge.stages.capture.picture.BgrConverter`. Blocks until the picture is
    finished, because the decoder fills its memory again; so a surface is complete wherever it goes.

    Args:
        device: where surfaces lie.
    """

    def __init__(self, device: SurfaceDevice) -> None:
        self._device = device
        self._by_ffmpeg = BgrConverter()

    def surface(self, frame: VideoFrame) -> DeviceSurface:
        """Return the picture on the device.

        Raises:
            RunError: the device's memory is full.
        """
        there = frame.sw_format is not None
        name = frame.sw_format.name if frame.sw_format is not None else frame.format.name
        if name not in _INTERLEAVED and (there or name not in _PLANAR):
            return self._device.uploaded(self._by_ffmpeg.image_bgr_hwc(frame))
        with self._device.memory():
            if there:
                self._device.finish()  # what the decoder has put into the stream
            planes = self._device.moved([_tensor(plane) for plane in frame.planes])
            luma, blue, red = _three(planes)
            image = bgr_of(
                luma,
                blue,
                red,
                matrix=_MATRICES.get(frame.colorspace, "bt601"),
                full=frame.color_range == _FULL_RANGE or "j4" in name,
            )
            quarter_turns, rest = divmod(frame.rotation, 90)  # counter-clockwise, as in rot90
            if rest == 0 and quarter_turns % 4:
                image = torch.rot90(image, quarter_turns % 4)
            surface = self._device.surface(image)
            self._device.finish()
        return surface


def _tensor(plane: VideoPlane) -> torch.Tensor:
    """A plane as a tensor of the same memory.

    Asked for it by a consumer that names its stream, as torch's ``from_dlpack`` does, PyAV refuses.
    """
    tensor: torch.Tensor = from_dlpack(plane.__dlpack__())
    return tensor


def _three(planes: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Brightness, blue and red difference, each (h, w)."""
    if len(planes) == 3:
        return planes[0], planes[1], planes[2]
    return planes[0], planes[1][..., 0], planes[1][..., 1]


def sampled_rows(frame: VideoFrame, step: int) -> bytes:
    """Every so many-th row of the first plane of a picture that lies on a GPU, on the host."""
    rows = _tensor(frame.planes[0])[::step]
    return np.ascontiguousarray(rows.cpu().numpy()).tobytes()
