"""Pictures that stay in a device's memory: who owns them, when they come to the host, and how many there are.

**Ownership.** A :class:`DeviceSurface` owns memory of torch's allocator; a decoder's own memory is only read
while its picture is converted. **Order.** All work on surfaces is put into the device's default stream by
whichever thread, so it happens in the order it was asked for. What another runtime reads in a stream of its
own, or hands back (a decoder's memory), is waited for: :meth:`SurfaceDevice.finish`. **Amount.** Frames are
bounded by the channels they wait in. Cut-out people live as long as their tracklets, so of them the oldest go
to the host once they are more than ``kept_bytes``.

torch is imported here, so import this module only where a device was asked for. ``cpu`` is a device too: the
same code on torch's CPU tensors, for tests and for comparing.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from edge.errors import MissingExtraError, RunError
from edge.records import Pixels

__all__ = ["DeviceSurface", "SurfaceCounts", "SurfaceDevice"]

T = TypeVar("T")

_KEPT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class SurfaceCounts:
    """What has been copied between host and device so far.

    uploads, downloads: pictures copied to the device, and to the host.
    downloaded_bytes: of the latter together.
    evictions: cut-out people that went to the host because there were too many.
    """

    uploads: int = 0
    downloads: int = 0
    downloaded_bytes: int = 0
    evictions: int = 0


class DeviceSurface:
    """One picture on a device, uint8 (height, width, 3), blue first; see :class:`edge.records.Surface`.

    Any thread may use it. Pickled, it becomes the array: other processes have no part in the device.

    Args:
        device: where it lies.
        tensor: uint8 (height, width, 3), contiguous; nobody else may write into it.
    """

    __slots__ = ("__weakref__", "_device", "_host", "_lock", "_size_px", "_tensor")

    def __init__(self, device: SurfaceDevice, tensor: torch.Tensor) -> None:
        self._device = device
        self._tensor: torch.Tensor | None = tensor
        self._size_px = (int(tensor.shape[1]), int(tensor.shape[0]))
        self._host: NDArray[np.uint8] | None = None
        self._lock = threading.Lock()

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self._size_px

    @property
    def nbytes(self) -> int:
        """Bytes it takes."""
        return self._size_px[0] * self._size_px[1] * 3

    @property
    def tensor(self) -> torch.Tensor:
        """It as a tensor on its device; copied there again if it had to leave."""
        with self._lock:
            if self._tensor is None:
                self._tensor = self._device.copied(_there(self._host))
            return self._tensor

    def on_host(self) -> NDArray[np.uint8]:
        """It as an array, copied the first time and kept."""
        with self._lock:
            if self._host is None:
                self._host = self._device.fetched(_there(self._tensor))
            return self._host

    def leave(self) -> None:
        """Go to the host for good, and give the device's memory back."""
        self.on_host()
        with self._lock:
            self._tensor = None

    def mirrored(self) -> DeviceSurface:
        """Another surface, left and right exchanged."""
        return DeviceSurface(self._device, self.tensor.flip(1).contiguous())

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return np.asarray, (self.on_host(),)


class SurfaceDevice:
    """A device that pictures are kept on; one per run, for all threads.

    Args:
        name: ``cuda``, ``cuda:1`` … or ``cpu``.
        kept_bytes: most bytes of cut-out people there.

    Raises:
        MissingExtraError: torch finds no such device.
    """

    def __init__(self, name: str = "cuda", kept_bytes: int = _KEPT_BYTES) -> None:
        self.torch = torch.device(name)
        self.kind = self.torch.type
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[int, tuple[weakref.ref[DeviceSurface], int]] = OrderedDict()
        self._held_bytes = 0
        self._uploads = self._downloads = self._downloaded_bytes = self._evictions = 0
        # A picture may be let go of anywhere, also where this thread holds the lock.
        self._lock = threading.RLock()
        if self.kind == "cuda" and not torch.cuda.is_available():
            raise MissingExtraError(
                "torch finds no NVIDIA GPU (no driver, or a build of torch without CUDA); install both, or "
                "set capture.device to cpu or auto"
            )

    @property
    def label(self) -> str:
        """Its kind and name, for people."""
        return f"cuda ({torch.cuda.get_device_name(self.torch)})" if self.kind == "cuda" else "cpu (tensors)"

    @property
    def counts(self) -> SurfaceCounts:
        """What has been copied so far; from any thread."""
        return SurfaceCounts(self._uploads, self._downloads, self._downloaded_bytes, self._evictions)

    def peak_bytes(self) -> int:
        """Most device memory torch has used so far; 0 on the CPU."""
        return int(torch.cuda.max_memory_allocated(self.torch)) if self.kind == "cuda" else 0

    def surface(self, tensor: torch.Tensor) -> DeviceSurface:
        """A tensor on this device as a surface; uint8 (height, width, 3)."""
        return DeviceSurface(self, tensor.contiguous())

    def uploaded(self, pixels: Pixels) -> DeviceSurface:
        """A picture on this device, wherever it lies now."""
        if isinstance(pixels, DeviceSurface):
            return pixels
        array = pixels if isinstance(pixels, np.ndarray) else pixels.on_host()
        return DeviceSurface(self, self.copied(array))

    def moved(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The planes of one picture on this device; copied only where they are elsewhere."""
        if all(one.device.type == self.kind for one in tensors):
            return list(tensors)
        with self._lock:
            self._uploads += 1
        return [one.to(self.torch) for one in tensors]

    def cut(self, whole: DeviceSurface, boxes_px: Sequence[tuple[int, int, int, int]]) -> list[DeviceSurface]:
        """Copies of parts of a picture: whole pixels left, top, right, bottom; inside it, at least one."""
        tensor = whole.tensor
        with self.memory():
            parts = [tensor[top:bottom, left:right].clone() for left, top, right, bottom in boxes_px]
        surfaces = [DeviceSurface(self, part) for part in parts]
        for surface in surfaces:
            self._keep(surface)
        return surfaces

    def finish(self) -> None:
        """Wait for all that was put into the stream."""
        if self.kind == "cuda":
            torch.cuda.current_stream(self.torch).synchronize()

    @contextmanager
    def memory(self) -> Iterator[None]:
        """A ``with`` block in which a device that is full becomes one line.

        Raises:
            RunError: there is no room for what is done in the block.
        """
        try:
            yield
        except torch.OutOfMemoryError as error:
            raise RunError(
                f"the GPU's memory is full ({' '.join(str(error).split())[:160]}); run fewer cameras, "
                "smaller queues (channel.size) or batches, or set capture.device to cpu"
            ) from error

    def copied(self, array: NDArray[np.uint8]) -> torch.Tensor:
        """An array copied to the device."""
        with self._lock:
            self._uploads += 1
        with self.memory():
            # A copy on the CPU too: the array may be a view of a buffer that is used again.
            return torch.from_numpy(np.require(array, requirements=("C", "W"))).to(self.torch, copy=True)

    def fetched(self, tensor: torch.Tensor) -> NDArray[np.uint8]:
        """A tensor copied to the host."""
        with self._lock:
            self._downloads += 1
            self._downloaded_bytes += tensor.numel()
        array: NDArray[np.uint8] = tensor.cpu().numpy()
        return array.copy() if self.kind == "cpu" else array

    def _keep(self, surface: DeviceSurface) -> None:
        """Count a cut-out person, and let the oldest leave while there are too many."""
        number, size = id(surface), surface.nbytes
        leaving: list[DeviceSurface] = []
        with self._lock:
            self._kept[number] = (weakref.ref(surface, lambda _: self._forget(number)), size)
            self._held_bytes += size
            while self._held_bytes > self._kept_bytes and len(self._kept) > 1:
                _, (oldest, of_bytes) = self._kept.popitem(last=False)
                self._held_bytes -= of_bytes
                one = oldest()
                if one is not None:
                    self._evictions += 1
                    leaving.append(one)
        for one in leaving:
            one.leave()

    def _forget(self, number: int) -> None:
        """A cut-out person is no longer used."""
        with self._lock:
            kept = self._kept.pop(number, None)
            if kept is not None:
                self._held_bytes -= kept[1]


def _there(content: T | None) -> T:
    """What is not None: a surface is on the device, on the host, or both."""
    if content is None:
        raise ValueError("a surface without a picture")
    return content
