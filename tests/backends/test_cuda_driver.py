from __future__ import annotations

import pytest

from edge.backends.cuda_driver import CudaDriver, has_gpu
from edge.errors import MissingExtraError


def test_without_a_driver_it_says_what_to_do() -> None:
    if has_gpu():
        pytest.skip("this machine has a GPU")
    with pytest.raises(MissingExtraError, match=r"no NVIDIA driver here .*--gpus all"):
        CudaDriver()


@pytest.mark.gpu
def test_bytes_survive_the_way_to_the_gpu_and_back() -> None:
    gpu = CudaDriver()
    stream, address = gpu.stream(), gpu.allocate(1000)
    there, back = gpu.pinned(1000), gpu.pinned(1000)
    there[:] = [number % 251 for number in range(1000)]
    elsewhere = gpu.allocate(1000)
    gpu.to_device(elsewhere, there, 1000, stream)
    gpu.copy(address, elsewhere, 1000, stream)
    gpu.to_host(back, address, 1000, stream)
    gpu.wait(stream)
    assert (there == back).all()
    assert gpu.free_bytes() > 0
    assert gpu.capability.count(".") == 1
    for memory in (there, back):
        gpu.release_pinned(memory)
    gpu.release(elsewhere)
    gpu.release(address)
    gpu.release_stream(stream)
