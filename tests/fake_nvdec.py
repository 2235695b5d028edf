"""A stand-in for the module PyNvVideoCodec, written after its documentation; FFmpeg decodes on the CPU.

What it is given it reads by address, as the real one does, and a decoded picture is overwritten as soon as
the next packet comes.
"""

from __future__ import annotations

import ctypes
import enum
from types import ModuleType
from typing import Any

import av
import numpy as np


def fake_pynvvideocodec(*, room_for: int = 99, fails_from: int | None = None) -> ModuleType:
    """The module.

    Args:
        room_for: decoders that can be open; the next one is refused.
        fails_from: number of the packet from which on nothing can be decoded.
    """
    nvc: Any = ModuleType("PyNvVideoCodec")
    nvc.created = []

    class PyNvVCExceptionDecode(RuntimeError):
        pass

    codecs = enum.Enum("cudaVideoCodec", ["H264", "HEVC", "AV1", "VP8", "VP9", "MPEG2", "MPEG4"])
    names = {"H264": "h264", "HEVC": "hevc", "AV1": "av1", "VP8": "vp8", "VP9": "vp9", "MPEG4": "mpeg4"}

    class PacketData:
        def __init__(self) -> None:
            self.bsl_data = self.bsl = self.pts = 0

    class DecodedFrame:
        def __init__(self, rows: np.ndarray, pts: int) -> None:
            self._rows, self._pts = rows, pts

        def getPTS(self) -> int:  # noqa: N802 - the library's name
            return self._pts

        def __dlpack_device__(self) -> tuple[int, int]:
            return self._rows.__dlpack_device__()

        def __dlpack__(self, **options: Any) -> Any:
            return self._rows.__dlpack__()

    class Decoder:
        def __init__(self, codec: Any) -> None:
            self._context = av.CodecContext.create(names[codec.name], "r")
            self._context.thread_count = 1
            self._lent: list[np.ndarray] = []
            self._packets = 0

        def Decode(self, packet: PacketData) -> list[DecodedFrame]:  # noqa: N802 - the library's name
            for rows in self._lent:
                rows.fill(0)  # its memory is used again
            self._packets += 1
            if fails_from is not None and self._packets > fails_from:
                raise PyNvVCExceptionDecode("cuvidDecodePicture returned error 700")
            given = None
            if packet.bsl:
                given = av.Packet(ctypes.string_at(packet.bsl_data, packet.bsl))
                given.pts = packet.pts
                assert bytes(given)[:3] in (b"\0\0\0", b"\0\0\1") or self._context.name not in (
                    "h264",
                    "hevc",
                )
            frames = []
            self._lent = []
            for frame in self._context.decode(given):
                rows = np.ascontiguousarray(frame.reformat(format="nv12").to_ndarray())
                self._lent.append(rows)
                frames.append(DecodedFrame(rows, frame.pts))
            return frames

    def create(
        *, gpuid: int, codec: Any, cudacontext: int, cudastream: int, usedevicememory: bool
    ) -> Decoder:
        assert usedevicememory
        if len(nvc.created) >= room_for:
            raise RuntimeError("cuvidCreateDecoder: CUDA_ERROR_OUT_OF_MEMORY")
        nvc.created.append(codec.name)
        return Decoder(codec)

    nvc.cudaVideoCodec, nvc.PacketData, nvc.CreateDecoder = codecs, PacketData, create
    nvc.PyNvVCExceptionDecode = PyNvVCExceptionDecode
    return nvc
