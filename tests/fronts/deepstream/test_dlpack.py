from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from deepstream_metadata import Tensor

from edge.errors import StageError
from edge.fronts.deepstream import dlpack
from edge.fronts.deepstream.dlpack import copy_tensor


class OnDevice:
    """A tensor whose capsule says CUDA, with memory that only ``cudaMemcpy`` may touch (here: any may)."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array

    def __dlpack__(self) -> Any:
        capsule = self.array.__dlpack__()
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
        dlpack._Tensor.from_address(pointer(capsule, b"dltensor")).device_type = 2
        return capsule


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.float64])
def test_the_numbers_are_copied_whatever_their_precision(kind: type) -> None:
    array = np.arange(6, dtype=kind).reshape(1, 2, 3)
    copied = copy_tensor(Tensor(array))
    array.fill(-1)
    assert copied.dtype == np.float32
    assert copied.tolist() == [0, 1, 2, 3, 4, 5]


def test_what_lies_on_the_gpu_is_copied_by_cuda() -> None:
    asked = []

    def copy(to: int, source: int, count: int) -> None:
        asked.append(count)
        ctypes.memmove(to, source, count)

    assert copy_tensor(OnDevice(np.array([1, 2], np.float32)), copy).tolist() == [1, 2]
    assert asked == [8]


def test_whole_numbers_and_gaps_are_refused() -> None:
    with pytest.raises(StageError, match="no floating type"):
        copy_tensor(Tensor(np.arange(3)))
    with pytest.raises(StageError, match="rows are apart"):
        copy_tensor(Tensor(np.zeros((4, 4), np.float32)[:, ::2]))


def test_the_tensor_stays_its_owners() -> None:
    array = np.arange(4, dtype=np.float32)
    tensor = Tensor(array)
    for _ in range(3):
        copy_tensor(tensor)
    assert array.tolist() == [0, 1, 2, 3]
