"""NVDEC through PyNvVideoCodec, where PyAV's FFmpeg does not reach it.

PyAV still reads the container; its packets are decoded here. Pictures are copied at once out of the decoder's
memory, which it fills again with the next packet. A rotation that the container asks for is not known here.
torch and PyNvVideoCodec are imported here, so import this module only where they were asked for.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import PyNvVideoCodec
import torch
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.stream import VideoStream
from torch.utils.dlpack import from_dlpack

__all__ = ["NvFrame", "PynvDecoder"]

# FFmpeg's name of a codec to PyNvVideoCodec's.
_CODECS = {
    "h264": "H264",
    "hevc": "HEVC",
    "av1": "AV1",
    "vp8": "VP8",
    "vp9": "VP9",
    "mpeg2video": "MPEG2",
    "mpeg4": "MPEG4",
}
# NVDEC takes these as a stream of start codes; MP4 and Matroska store lengths instead.
_START_CODES = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}


@dataclass(frozen=True, slots=True)
class _Format:
    """A pixel format, by FFmpeg's name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class NvFrame:
    """A decoded picture on the GPU, as far as capture asks one of PyAV's frames.

    planes: uint8 (height, width) and (height / 2, width / 2, 2), NV12.
    time: seconds; None where the stream gives none.
    """

    width: int
    height: int
    planes: tuple[torch.Tensor, torch.Tensor]
    time: float | None
    colorspace: int
    color_range: int
    rotation: int = 0
    format: _Format = _Format("cuda")
    sw_format: _Format = _Format("nv12")


class PynvDecoder:
    """Decodes the packets of one stream; one thread.

    Args:
        stream: the video stream of an opened container.
        finish: waits for what was put into torch's stream.

    Raises:
        NotImplementedError: NVDEC does not know the codec.
        Exception: whatever the library says where it cannot begin, e.g. for want of memory.
    """

    def __init__(self, stream: VideoStream, finish: Callable[[], None]) -> None:
        context = stream.codec_context
        name = context.name
        if name not in _CODECS:
            raise NotImplementedError(f"NVDEC does not decode {name}")
        self._context = context
        self._seconds = float(stream.time_base or 0)
        self._finish = finish
        self._filter = BitStreamFilterContext(_START_CODES[name], stream) if name in _START_CODES else None
        self._decoder = PyNvVideoCodec.CreateDecoder(
            gpuid=0,
            codec=getattr(PyNvVideoCodec.cudaVideoCodec, _CODECS[name]),
            cudacontext=0,
            cudastream=0,
            usedevicememory=True,
        )

    def decode(self, packet: Packet[VideoStream] | None) -> list[NvFrame]:
        """Decode a packet; None, or an empty one, empties the decoder."""
        frames: list[NvFrame] = []
        for data, pts in self._packets(packet):
            given = PyNvVideoCodec.PacketData()
            memory = ctypes.create_string_buffer(data, len(data))  # kept until Decode has read it
            if data:
                given.bsl_data, given.bsl = ctypes.addressof(memory), len(data)
            if pts is not None:
                given.pts = pts
            frames.extend(self._frame(one, known=pts is not None) for one in self._decoder.Decode(given))
            self._finish()
        return frames

    def _packets(self, packet: Packet[VideoStream] | None) -> Iterator[tuple[bytes, int | None]]:
        """The bytes and time of what the decoder is given; empty bytes in the end."""
        ended = packet is None or packet.size == 0
        parts = [packet] if self._filter is None else self._filter.filter(None if ended else packet)
        for part in parts:
            if part is not None and part.size:
                yield bytes(part), part.pts if part.pts is not None else part.dts
        if ended:
            yield b"", None

    def _frame(self, decoded: Any, *, known: bool) -> NvFrame:
        """A copy of a decoded picture, whose memory is the decoder's."""
        rows = from_dlpack(decoded).clone()
        height, width = rows.shape[0] * 2 // 3, rows.shape[1]
        pts = decoded.getPTS()
        return NvFrame(
            width,
            height,
            (rows[:height], rows[height:].reshape(height // 2, width // 2, 2)),
            pts * self._seconds if known or pts else None,
            int(self._context.colorspace),
            int(self._context.color_range),
        )
