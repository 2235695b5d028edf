"""An opened source: one video stream, decoded in order, damaged packets skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from edge.stages.capture.decoding import Decoding
from edge.stages.capture.picture import Picture
from edge.stages.capture.trouble import SourceTrouble, describe_failure

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

    from edge.config.sources import Source

    Reopen = Callable[[], tuple[InputContainer, VideoStream]]
    Decode = Callable[[Packet[VideoStream] | None], list[Any]]

__all__ = ["DEVICE_TIMEOUT_S", "Video", "open_video"]

DEVICE_TIMEOUT_S = 10.0
"""Longest time a USB camera may take to open."""

_DEMUX_ERRORS_MAX = 32
_REFUSED_AFTER = 8  # packets in a row that NVDEC cannot decode

# Pixel formats of what NVDEC decoded; the CPU's decoders give none of them for video of cameras.
_NVDEC_FORMATS = ("cuda", "nv12", "p010le", "p016le")

# What opening says when it is the source's fault. What else it says may be the GPU's, where it was asked for.
_SOURCE_ERRORS = (
    ConnectionError,
    FileNotFoundError,
    IsADirectoryError,
    TimeoutError,
    av.error.EOFError,
    av.error.ExitError,
    av.error.HTTPError,
    av.error.InvalidDataError,
    av.error.ProtocolNotFoundError,
)
_FALLBACK_FPS = 25.0


class Video:
    """The video stream of an opened source.

    Attributes:
        where: the source for people, without credentials.
        period_s: seconds per picture, as far as the container knows.
        start_s: the container's timestamp of the stream's start in seconds, or None.
        duration_s: length in seconds; None where the container does not know (live streams).
        picture_count: pictures the container promises; None where it does not know.
        summary: size and codec, e.g. ``480x360 h264``.

    Args:
        container: the opened container; closed by :meth:`close`.
        stream: the video stream to decode.
        where: the source for people, without credentials.
        live: a read error ends the stream instead of being skipped.
        on_corrupt: called once for every packet skipped.
        decoding: who decodes; told when NVDEC refuses the stream.
        reopen: opens the source once more for the CPU; for files.
        decode: decodes a packet; the stream's own decoder unless given.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        where: str,
        *,
        live: bool,
        on_corrupt: Callable[[], None],
        decoding: Decoding | None = None,
        reopen: Reopen | None = None,
        decode: Decode | None = None,
    ) -> None:
        self.where = where
        self._container = container
        self._stream = stream
        self._live = live
        self._on_corrupt = on_corrupt
        self._decoding = decoding or Decoding()
        self._reopen = reopen
        self._decode: Decode = decode or stream.decode
        self._sought_s: float | None = None
        self._given = 0
        self._last_s: float | None = None
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        self.period_s = 1.0 / (rate if 0.01 < rate < 1000 else _FALLBACK_FPS)
        time_base = stream.time_base
        start = stream.start_time
        self.start_s = None if start is None or time_base is None else float(start * time_base)
        # AVI stores no presentation times; what FFmpeg makes up is out of order with B-frames.
        self._untimed = container.format.name == "avi"
        self.picture_count: int | None = stream.frames or None
        self.duration_s = _duration_s(container, stream)
        if self.picture_count is not None and self._untimed:
            # FFmpeg guesses a cut-off AVI's length from the size of what is left.
            self.duration_s = self.picture_count * self.period_s
        if self.picture_count is None and self.duration_s is not None:
            self.picture_count = round(self.duration_s / self.period_s)
        codec = stream.codec_context
        self.summary = f"{codec.width}x{codec.height} {codec.name}"

    def pictures(self) -> Iterator[Picture]:
        """Yield decoded pictures in display order until the stream ends.

        Raises:
            SourceTrouble: the source broke off (live), or cannot be read at all any more (file).
        """
        try:
            for picture in self._decoded():
                self._given += 1
                self._last_s = picture.timestamp_s
                yield picture
        except _Refused as refused:
            self._decoding.refuse(str(refused))
            if self._reopen is None:
                raise SourceTrouble(f"{self.where}: {refused}") from None
            yield from self._again(self._reopen)

    def _decoded(self) -> Iterator[Picture]:
        """Decode to the end.

        Raises:
            _Refused: NVDEC could not decode many packets in a row.
        """
        failed = 0
        for packet in self._packets():
            by_nvdec = self._decoding.decoder == "nvdec"
            try:
                frames = self._decode(packet)
            except av.error.EOFError:
                break
            except _DecodingFailed as error:
                if not by_nvdec and isinstance(error, RuntimeError):
                    raise
                if not by_nvdec:
                    self._on_corrupt()
                    continue
                failed += 1
                if failed >= _REFUSED_AFTER:
                    raise _Refused(f"NVDEC cannot decode it ({_reason(error)})") from error
                continue
            for frame in frames:
                self._count_corrupt(failed)
                failed = 0
                if by_nvdec and frame.format.name not in _NVDEC_FORMATS:
                    # FFmpeg went on with a decoder of its own.
                    self._decoding.refuse("NVDEC refuses the stream (profile, size, or too many streams)")
                yield Picture(frame, None if self._untimed else frame.time)
        if failed and not self._given and self._decoding.decoder == "nvdec":
            raise _Refused("NVDEC decoded none of its pictures")
        self._count_corrupt(failed)

    def _count_corrupt(self, count: int) -> None:
        for _ in range(count):
            self._on_corrupt()

    def _again(self, reopen: Reopen) -> Iterator[Picture]:
        """The pictures that are still to come, decoded by the CPU from the last key frame on."""
        self._container.close()
        self._container, self._stream = reopen()
        self._decode = self._stream.decode
        skip, last_s = self._given, self._last_s
        begin_s = self._sought_s if last_s is None else last_s
        if begin_s is not None:
            self.seek(begin_s)
        for index, picture in enumerate(self._decoded()):
            seen = index < skip if last_s is None else (picture.timestamp_s or 0.0) <= last_s
            if not seen:
                yield picture

    def seek(self, timestamp_s: float) -> None:
        """Go to the last key frame at or before ``timestamp_s``, or stay where that is impossible."""
        self._sought_s = timestamp_s
        if self._untimed:
            return  # pictures are timed by counting them, so none may be passed over
        try:
            self._container.seek(int(timestamp_s * av.time_base))
        except av.error.FFmpegError:
            return  # some formats cannot seek; the caller skips pictures instead

    def close(self) -> None:
        """Close the container; the source is let go."""
        self._container.close()

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """Yield packets and, at the end, an empty one or None, which empties the decoder.

        A file's damaged packet is skipped by reading on; after many in a row the rest is given up.
        """
        errors = 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    errors = 0
                    yield packet
                return
            except av.error.InvalidDataError as error:
                if self._live:
                    raise SourceTrouble(describe_failure(error, self.where, live=True)) from error
                self._on_corrupt()
                errors += 1
                if errors > _DEMUX_ERRORS_MAX:
                    yield None
                    return
            except av.error.FFmpegError as error:
                raise SourceTrouble(describe_failure(error, self.where, live=self._live)) from error


class _Refused(Exception):
    """NVDEC does not take the stream; ``str()`` is the reason."""


# Also what PyNvVideoCodec raises, whose errors are RuntimeErrors.
_DecodingFailed = (av.error.FFmpegError, RuntimeError)


def open_video(
    source: Source,
    on_corrupt: Callable[[], None],
    silence_s: float | None = None,
    decoding: Decoding | None = None,
) -> Video:
    """Open a source and pick its video stream.

    Blocks as long as the disk or the driver does, and for URLs about ``silence_s`` for each exchange. PyAV's
    own timeouts are not used: they call back into Python from inside FFmpeg several times a second, which
    crashes the interpreter when it is shutting down just then.

    Args:
        source: from cams.yaml.
        on_corrupt: called once for every packet that is skipped later.
        silence_s: longest silence of a network connection, also while reading; None waits for ever.
        decoding: who decodes; the CPU unless given. Where the GPU's decoder does not begin, the CPU does.

    Raises:
        SourceTrouble: it cannot be opened, or has no video stream that can be decoded.
    """
    decoding = decoding or Decoding()
    hwaccel = decoding.hwaccel()
    try:
        container, stream = _opened(source, silence_s, hwaccel)
    except _GpuTrouble as trouble:
        container, stream = _opened(source, silence_s, None)  # or the source itself is not to be had
        decoding.refuse(f"NVDEC does not start ({trouble})")
    if hwaccel is not None and decoding.decoder == "nvdec" and not stream.codec_context.is_hwaccel:
        decoding.refuse(f"NVDEC does not decode {stream.codec_context.name}")
    live = source.kind != "file"
    return Video(
        container,
        stream,
        source.label,
        live=live,
        on_corrupt=on_corrupt,
        decoding=decoding,
        reopen=None if live else lambda: _opened(source, silence_s, None),
        decode=_other_decoder(stream, decoding) if hwaccel is None else None,
    )


class _GpuTrouble(Exception):
    """A source could not be opened, and it is the GPU's fault; ``str()`` is the reason."""


def _opened(
    source: Source, silence_s: float | None, hwaccel: HWAccel | None
) -> tuple[InputContainer, VideoStream]:
    """The opened container and its video stream.

    Raises:
        SourceTrouble: as :func:`open_video`.
        _GpuTrouble: it may be the GPU that does not start.
    """
    where = source.label
    try:
        if source.kind == "file":
            container = av.open(f"file:{source.path}", metadata_errors="ignore", hwaccel=hwaccel)
        elif source.kind == "device":
            options = _device_options(source.width, source.height, source.fps)
            container = av.open(str(source.path), format="v4l2", options=options, hwaccel=hwaccel)
        else:
            options = dict(_HTTP_OPTIONS)
            if source.kind == "rtsp":
                options = _rtsp_options(source.transport, source.latency_ms)
            if silence_s is not None:
                options["timeout"] = options["rw_timeout"] = str(round(silence_s * 1e6))
            container = av.open(
                source.url.reveal(), options=options, metadata_errors="ignore", hwaccel=hwaccel
            )
    except (av.error.FFmpegError, OSError, MemoryError) as error:
        if hwaccel is not None and not isinstance(error, _SOURCE_ERRORS):
            raise _GpuTrouble(_reason(error)) from error
        raise SourceTrouble(describe_failure(error, where, live=source.kind != "file")) from error
    except UnicodeError as error:
        raise SourceTrouble(f"{where}: the name cannot be encoded") from error
    try:
        return container, _pick_stream(container, where)
    except SourceTrouble:
        container.close()
        raise


def _other_decoder(stream: VideoStream, decoding: Decoding) -> Decode | None:
    """PyNvVideoCodec's decoder where it is the way to NVDEC; None takes the stream's own."""
    if decoding.way != "pynv":
        decoding.refuse("nothing here reaches NVDEC")
        return None
    from edge.stages.capture.pynv import PynvDecoder

    try:
        return PynvDecoder(stream, decoding.finish).decode
    except (NotImplementedError, RuntimeError, MemoryError, av.error.FFmpegError) as error:
        decoding.refuse(f"NVDEC does not start ({_reason(error)})")
        return None


def _reason(error: BaseException) -> str:
    """An error's own words on one line, without addresses or paths."""
    words = getattr(error, "strerror", None)  # of FFmpeg's and the system's
    text = words if isinstance(words, str) else str(error)
    return " ".join(text.split())[:160] or type(error).__name__


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Length of the video alone: the container's length may be that of a longer sound track."""
    if stream.duration and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration and container.duration > 0 and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def _pick_stream(container: InputContainer, where: str) -> VideoStream:
    """Return the first video stream that is not a cover picture, set to decode in this thread alone."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise SourceTrouble(f"{where} has no video stream")
    for stream in streams:
        # PyAV leaves codec_context empty when it has no decoder, though its type does not say so.
        codec = cast("object | None", stream.codec_context)
        if codec is not None:
            # One thread per stream costs the least processor time when there are many streams.
            stream.codec_context.thread_type = "NONE"
            stream.codec_context.thread_count = 1
            return stream
    raise SourceTrouble(f"{where}: no decoder for its video stream")


# A long analysis delays the first picture; `nobuffer` would lose the packets that were analysed.
_HTTP_OPTIONS = {"analyzeduration": "1000000"}


def _rtsp_options(transport: str, latency_ms: float) -> dict[str, str]:
    return {
        "rtsp_transport": transport,
        "allowed_media_types": "video",
        "analyzeduration": "200000",
        "probesize": "65536",
        "max_delay": str(round(latency_ms * 1000)),  # how long UDP packets may be awaited to be put in order
    }


def _device_options(width: int | None, height: int | None, fps: float | None) -> dict[str, str]:
    options = {}
    if width and height:
        options["video_size"] = f"{width}x{height}"
    if fps:
        options["framerate"] = f"{fps:g}"
    return options
