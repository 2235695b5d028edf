"""Copy a DLPack tensor, of host or GPU memory, into a NumPy array without any tensor library.

PyServiceMaker hands tensors out by DLPack. Libraries that take a tensor over also take its ownership and free
what DeepStream frees again; here nothing is taken over: the capsule is read, its numbers are copied, and it
goes the way it came. Its ``__dlpack_device__`` says "CUDA" for host tensors too, so only the capsule is
believed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import MissingExtraError, StageError

__all__ = ["copy_tensor"]

# DLDeviceType: 1 CPU, 2 CUDA, 3 CUDA's page-locked host memory, 13 CUDA's managed memory.
_CPU, _CUDA, _CUDA_HOST, _CUDA_MANAGED = 1, 2, 3, 13
_HOST = frozenset({_CPU, _CUDA_HOST})
_KINDS = {(2, 32): np.float32, (2, 16): np.float16, (2, 64): np.float64}  # (DLDataTypeCode, bits)
_DEVICE_TO_HOST = 2

Copy = Callable[[int, int, int], None]
"""(to, from, bytes) between addresses."""


class _Tensor(ctypes.Structure):
    """``DLTensor``."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


def copy_tensor(tensor: Any, from_device: Copy | None = None) -> NDArray[np.float32]:
    """Return the numbers of a tensor, flat, as float32.

    Args:
        tensor: anything with ``__dlpack__``.
        from_device: how GPU memory is copied; CUDA's runtime when None.

    Raises:
        StageError: the tensor holds no floating numbers, or its rows are not one after the other.
        MissingExtraError: it lies on a GPU and CUDA's runtime library is not there.
    """
    capsule = tensor.__dlpack__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    view = _Tensor.from_address(pointer(capsule, b"dltensor"))
    kind = _KINDS.get((view.code, view.bits))
    if kind is None or view.lanes != 1:
        raise StageError("deepstream", "", TypeError("a ReID tensor of no floating type"))
    shape = tuple(view.shape[axis] for axis in range(view.ndim))
    if not _is_dense(view, shape):
        raise StageError("deepstream", "", TypeError("a ReID tensor whose rows are apart"))
    values = np.empty(int(np.prod(shape, dtype=np.int64)), kind)
    source = (view.data or 0) + view.byte_offset
    if view.device_type in _HOST:
        ctypes.memmove(values.ctypes.data, source, values.nbytes)
    else:
        (from_device or _cuda_copy())(values.ctypes.data, source, values.nbytes)
    del capsule  # not before here: it keeps the memory
    return values.astype(np.float32)


def _is_dense(view: _Tensor, shape: tuple[int, ...]) -> bool:
    """Whether the numbers lie one after the other.

    Without strides they do, and an axis of length 1 needs none. Strides count elements, yet some of
    DeepStream's tensors count bytes; both are understood.
    """
    if not view.strides:
        return True
    expected = 1
    for axis in range(view.ndim - 1, -1, -1):
        if shape[axis] != 1 and view.strides[axis] not in (expected, expected * view.bits // 8):
            return False
        expected *= shape[axis]
    return True


@lru_cache(maxsize=1)
def _cuda_copy() -> Copy:
    """CUDA's own copy from the device, which waits until the numbers are there."""
    runtime: Any = None
    for name in ("libcudart.so", "libcudart.so.13", "libcudart.so.12"):
        try:
            runtime = ctypes.CDLL(name)
            break
        except OSError:
            continue
    if runtime is None:
        raise MissingExtraError(
            "the ReID tensors lie on the GPU and CUDA's runtime (libcudart.so) is not found; install it, or "
            "add its folder to LD_LIBRARY_PATH"
        )
    runtime.cudaMemcpy.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def copy(to: int, source: int, count: int) -> None:
        code = runtime.cudaMemcpy(to, source, count, _DEVICE_TO_HOST)
        if code:
            raise StageError("deepstream", "", RuntimeError(f"cudaMemcpy failed with code {code}"))

    return copy
