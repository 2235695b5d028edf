"""The few calls of the CUDA driver that a session on a GPU needs, without any package.

``libcuda.so.1`` comes with every driver, on a server and on a Jetson, and its functions keep their meaning
across CUDA versions; packages for it have to match the machine's CUDA. Everything runs in the first GPU's
primary context, the one that TensorRT and torch use too.
"""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import MissingExtraError, RunError

__all__ = ["CudaDriver", "Gpu", "OutOfDeviceMemory", "has_gpu"]

Bytes = NDArray[np.uint8]

_OUT_OF_MEMORY = 2
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_NON_BLOCKING = 1
_RELAXED = 2  # CU_STREAM_CAPTURE_MODE_RELAXED: other threads may allocate meanwhile


class OutOfDeviceMemory(RunError):
    """The GPU has no room for what was asked of it."""


class Gpu(Protocol):
    """What a session needs of a GPU; all handles are plain numbers."""

    @property
    def name(self) -> str:
        """What the GPU is called."""
        ...

    @property
    def capability(self) -> str:
        """Its compute capability, e.g. ``8.7``."""
        ...

    def free_bytes(self) -> int:
        """Device memory nobody uses."""
        ...

    def allocate(self, size_bytes: int) -> int:
        """Device memory; raises OutOfDeviceMemory."""
        ...

    def release(self, address: int) -> None:
        """Give device memory back."""
        ...

    def pinned(self, size_bytes: int) -> Bytes:
        """Host memory that the GPU reads and writes directly, uint8 (size,)."""
        ...

    def release_pinned(self, memory: Bytes) -> None:
        """Give it back; the array must not be touched afterwards."""
        ...

    def stream(self) -> int:
        """A stream of its own."""
        ...

    def release_stream(self, stream: int) -> None:
        """Give it back."""
        ...

    def to_device(self, address: int, memory: Bytes, size_bytes: int, stream: int) -> None:
        """Begin to copy from pinned memory."""
        ...

    def to_host(self, memory: Bytes, address: int, size_bytes: int, stream: int) -> None:
        """Begin to copy into pinned memory."""
        ...

    def copy(self, address: int, source: int, size_bytes: int, stream: int) -> None:
        """Begin to copy within the device."""
        ...

    def wait(self, stream: int) -> None:
        """Wait for everything in the stream."""
        ...

    def begin_capture(self, stream: int) -> None:
        """Record what is put into the stream instead of doing it."""
        ...

    def end_capture(self, stream: int) -> int:
        """What was recorded, ready to be launched."""
        ...

    def launch(self, graph: int, stream: int) -> None:
        """Do what was recorded."""
        ...

    def release_graph(self, graph: int) -> None:
        """Give it back."""
        ...


@cache
def has_gpu() -> bool:
    """Whether there is a driver that finds a GPU; looked up once."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(byref(count)) == 0 and count.value > 0


class CudaDriver:
    """The first GPU, through its driver.

    Raises:
        MissingExtraError: there is no driver, or it finds no GPU.
    """

    def __init__(self) -> None:
        if not has_gpu():
            raise MissingExtraError(
                "there is no NVIDIA driver here (libcuda.so.1), or it finds no GPU; install the driver, give "
                "the container the GPU (--gpus all, --runtime nvidia), or use backend 'onnxruntime'"
            )
        self._cuda = ctypes.CDLL("libcuda.so.1")
        device, context = c_int(0), c_void_p()
        self._call("cuDeviceGet", byref(device), c_int(0))
        self._call("cuDevicePrimaryCtxRetain", byref(context), device)
        self._device, self._context = device, context
        text = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", text, c_int(len(text)), device)
        self._name = text.value.decode("utf-8", "replace")
        numbers = []
        for attribute in (_MAJOR, _MINOR):
            number = c_int(0)
            self._call("cuDeviceGetAttribute", byref(number), c_int(attribute), device)
            numbers.append(str(number.value))
        self._capability = ".".join(numbers)
        self._pinned: dict[int, c_void_p] = {}

    @property
    def name(self) -> str:
        """What the GPU is called."""
        return self._name

    @property
    def capability(self) -> str:
        """Its compute capability, e.g. ``8.7``."""
        return self._capability

    def free_bytes(self) -> int:
        """Device memory nobody uses."""
        free, total = c_size_t(0), c_size_t(0)
        self._here("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value

    def allocate(self, size_bytes: int) -> int:
        """Device memory; raises OutOfDeviceMemory."""
        address = c_uint64(0)
        self._here("cuMemAlloc_v2", byref(address), c_size_t(max(size_bytes, 1)))
        return address.value

    def release(self, address: int) -> None:
        """Give device memory back."""
        self._here("cuMemFree_v2", c_uint64(address))

    def pinned(self, size_bytes: int) -> Bytes:
        """Host memory that the GPU reads and writes directly, uint8 (size,)."""
        pointer = c_void_p()
        self._here("cuMemHostAlloc", byref(pointer), c_size_t(max(size_bytes, 1)), c_uint(0))
        content = (ctypes.c_uint8 * max(size_bytes, 1)).from_address(pointer.value or 0)
        memory = np.ctypeslib.as_array(content)
        self._pinned[memory.ctypes.data] = pointer
        return memory

    def release_pinned(self, memory: Bytes) -> None:
        """Give it back; the array must not be touched afterwards."""
        self._here("cuMemFreeHost", self._pinned.pop(memory.ctypes.data))

    def stream(self) -> int:
        """A stream of its own."""
        handle = c_void_p()
        self._here("cuStreamCreate", byref(handle), c_uint(_NON_BLOCKING))
        return handle.value or 0

    def release_stream(self, stream: int) -> None:
        """Give it back."""
        self._here("cuStreamDestroy_v2", c_void_p(stream))

    def to_device(self, address: int, memory: Bytes, size_bytes: int, stream: int) -> None:
        """Begin to copy from pinned memory."""
        host = c_void_p(memory.ctypes.data)
        self._here("cuMemcpyHtoDAsync_v2", c_uint64(address), host, c_size_t(size_bytes), c_void_p(stream))

    def to_host(self, memory: Bytes, address: int, size_bytes: int, stream: int) -> None:
        """Begin to copy into pinned memory."""
        host = c_void_p(memory.ctypes.data)
        self._here("cuMemcpyDtoHAsync_v2", host, c_uint64(address), c_size_t(size_bytes), c_void_p(stream))

    def copy(self, address: int, source: int, size_bytes: int, stream: int) -> None:
        """Begin to copy within the device."""
        self._here(
            "cuMemcpyDtoDAsync_v2",
            c_uint64(address),
            c_uint64(source),
            c_size_t(size_bytes),
            c_void_p(stream),
        )

    def wait(self, stream: int) -> None:
        """Wait for everything in the stream."""
        self._here("cuStreamSynchronize", c_void_p(stream))

    def begin_capture(self, stream: int) -> None:
        """Record what is put into the stream instead of doing it."""
        self._here("cuStreamBeginCapture_v2", c_void_p(stream), c_int(_RELAXED))

    def end_capture(self, stream: int) -> int:
        """What was recorded, ready to be launched."""
        graph, ready = c_void_p(), c_void_p()
        self._here("cuStreamEndCapture", c_void_p(stream), byref(graph))
        try:
            self._here("cuGraphInstantiateWithFlags", byref(ready), graph, c_uint64(0))
        finally:
            self._here("cuGraphDestroy", graph)
        return ready.value or 0

    def launch(self, graph: int, stream: int) -> None:
        """Do what was recorded."""
        self._here("cuGraphLaunch", c_void_p(graph), c_void_p(stream))

    def release_graph(self, graph: int) -> None:
        """Give it back."""
        self._here("cuGraphExecDestroy", c_void_p(graph))

    def _here(self, function: str, *arguments: object) -> None:
        """Call a function in the GPU's context, whichever thread this is."""
        self._call("cuCtxSetCurrent", self._context)
        self._call(function, *arguments)

    def _call(self, function: str, *arguments: object) -> None:
        code = getattr(self._cuda, function)(*arguments)
        if code == 0:
            return
        text = c_char_p()
        self._cuda.cuGetErrorString(c_int(code), byref(text))
        reason = (text.value or b"unknown error").decode("utf-8", "replace")
        kind = OutOfDeviceMemory if code == _OUT_OF_MEMORY else RunError
        raise kind(f"CUDA: {function}: {reason} ({code})")
