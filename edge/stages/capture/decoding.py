"""Who decodes a camera's pictures: the CPU, or the GPU's decoder (NVDEC) as long as it takes the stream."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

__all__ = ["Decoder", "Decoding", "nvdec_problem", "nvdec_way"]

_log = logging.getLogger(__name__)

Decoder = Literal["cpu", "nvdec"]


class Decoding:
    """One camera's decoder over all its connections.

    NVDEC may refuse a stream at any time: a codec or profile it does not know, a size it does not take, more
    streams than it has room for, a full memory. Each refusal is one line and is counted, and the camera is
    decoded on the CPU from then on.

    :meth:`refuse` may be called from the camera's threads, the rest from any.

    Args:
        camera: the camera's name, for messages.
        wanted: who should decode.
        stay: whether decoded pictures stay in the GPU's memory; else they come to the host.
        finish: waits for what was put into the GPU's stream.
    """

    def __init__(
        self,
        camera: str = "",
        wanted: Decoder = "cpu",
        *,
        stay: bool = False,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        self._camera = camera
        self._decoder = wanted
        self._lock = threading.Lock()
        self._refusals = 0
        self.stay = stay
        self.finish = finish

    @property
    def decoder(self) -> Decoder:
        """Who decodes now."""
        return self._decoder

    @property
    def refusals(self) -> int:
        """How often NVDEC refused the camera's stream."""
        return self._refusals

    def refuse(self, reason: str) -> None:
        """Note that NVDEC does not take the stream, and say so; from now on the CPU decodes."""
        with self._lock:
            if self._decoder == "cpu":
                return
            self._decoder = "cpu"
            self._refusals += 1
        _log.warning("camera '%s': %s; it is decoded on the CPU", self._camera, reason)

    @property
    def way(self) -> Literal["av", "pynv", ""]:
        """Which library reaches NVDEC; empty where the CPU decodes, or none does."""
        return "" if self._decoder == "cpu" else nvdec_way(stay=self.stay)

    def hwaccel(self) -> HWAccel | None:
        """What PyAV opens a source with; None where it decodes on the CPU, or another library on the GPU.

        Where pictures stay on the GPU, FFmpeg must work in torch's context, or neither could read the other's
        memory. It takes the one that is current in the thread that opens the source: asked for the same
        (primary) context by name, it refuses one that torch has begun with other flags.
        """
        if self.way != "av":
            return None
        from av.codec.hwaccel import HWAccel

        if self.stay:
            self.finish()  # a call of CUDA's runtime makes torch's context this thread's
            return HWAccel(
                "cuda",
                allow_software_fallback=True,
                is_hw_owned=True,
                options={"primary_ctx": "0", "current_ctx": "1"},
            )
        return HWAccel("cuda", allow_software_fallback=True)


def nvdec_way(*, stay: bool) -> Literal["av", "pynv", ""]:
    """Which library reaches NVDEC here: PyAV, else PyNvVideoCodec; empty where none does.

    Args:
        stay: whether pictures must stay in the GPU's memory, which PyAV before 17 cannot do.
    """
    from av.codec import hwaccel

    keeps = not stay or hasattr(hwaccel.HWAccel, "is_hw_owned")
    if keeps and "cuda" in hwaccel.hwdevices_available():
        return "av"
    return "pynv" if stay and find_spec("PyNvVideoCodec") is not None else ""


def nvdec_problem(*, stay: bool) -> str:
    """Why NVDEC cannot decode here, as far as is known without opening it.

    Args:
        stay: whether pictures must stay in the GPU's memory.

    Returns:
        A clause with the remedy; empty where nothing speaks against it.
    """
    from edge.backends.cuda_driver import has_gpu

    if not has_gpu():
        return (
            "NVDEC needs an NVIDIA GPU, and there is no driver that finds one; install it, or give the "
            "container the GPU with its video capability (NVIDIA_DRIVER_CAPABILITIES=compute,video,utility)"
        )
    if not nvdec_way(stay=stay):
        return (
            "neither this PyAV (its FFmpeg has no cuda, or it is older than 17) nor PyNvVideoCodec reaches "
            "NVDEC; pip install -U av, or pip install PyNvVideoCodec"
        )
    return ""
