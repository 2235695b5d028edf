from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
import torch

from edge.backends.surfaces import SurfaceCounts, SurfaceDevice
from edge.errors import MissingExtraError, RunError

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def picture(height: int = 6, width: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", DEVICES)
def test_a_picture_comes_to_the_host_once_and_only_when_somebody_asks(name: str) -> None:
    device = SurfaceDevice(name)
    surface = device.uploaded(picture())
    assert surface.size_px == (4, 6)
    assert device.counts == SurfaceCounts(uploads=1)
    assert np.array_equal(surface.on_host(), picture())
    assert surface.on_host() is surface.on_host()
    assert device.counts == SurfaceCounts(uploads=1, downloads=1, downloaded_bytes=72)


def test_what_is_on_the_device_already_is_not_copied() -> None:
    device = SurfaceDevice("cpu")
    surface = device.uploaded(picture())
    assert device.uploaded(surface) is surface


def test_an_uploaded_picture_is_its_own_memory() -> None:
    array = picture()
    surface = SurfaceDevice("cpu").uploaded(array)
    array.fill(0)
    assert np.array_equal(surface.on_host(), picture())


def test_a_downloaded_picture_is_its_own_memory() -> None:
    surface = SurfaceDevice("cpu").uploaded(picture())
    host = surface.on_host()
    host.fill(0)
    assert np.array_equal(surface.tensor.numpy(), picture())


@pytest.mark.parametrize("name", DEVICES)
def test_parts_are_copies(name: str) -> None:
    device = SurfaceDevice(name)
    whole = device.uploaded(picture())
    (part,) = device.cut(whole, [(1, 2, 4, 5)])
    whole.tensor.zero_()
    assert np.array_equal(part.on_host(), picture()[2:5, 1:4])


def test_a_mirrored_picture_has_left_and_right_exchanged() -> None:
    mirrored = SurfaceDevice("cpu").uploaded(picture()).mirrored()
    assert np.array_equal(mirrored.on_host(), picture()[:, ::-1])


def test_too_many_cut_out_people_go_to_the_host_the_oldest_first() -> None:
    device = SurfaceDevice("cpu", kept_bytes=3 * 72)
    wholes = [device.uploaded(picture(seed=seed)) for seed in range(5)]
    people = [device.cut(whole, [(0, 0, 4, 6)])[0] for whole in wholes]
    assert device.counts.evictions == 2
    assert [one._tensor is None for one in people] == [True, True, False, False, False]
    for seed, one in enumerate(people):
        assert np.array_equal(one.on_host(), picture(seed=seed))
    assert np.array_equal(people[0].tensor.numpy(), picture(seed=0))  # and back, where it is needed there


def test_people_nobody_needs_any_more_do_not_count() -> None:
    device = SurfaceDevice("cpu", kept_bytes=2 * 72)
    whole = device.uploaded(picture())
    for _ in range(20):
        device.cut(whole, [(0, 0, 4, 6)])
    assert device.counts.evictions == 0


def test_threads_that_cut_and_let_go_leave_the_count_right() -> None:
    device = SurfaceDevice("cpu", kept_bytes=10 * 72)
    whole = device.uploaded(picture())

    def work() -> None:
        held = []
        for _ in range(200):
            held += device.cut(whole, [(0, 0, 4, 6)])
            del held[:-2]

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert device._held_bytes == sum(size for _, size in device._kept.values())


def test_another_process_gets_the_array() -> None:
    surface = SurfaceDevice("cpu").uploaded(picture())
    copy = pickle.loads(pickle.dumps(surface))
    assert isinstance(copy, np.ndarray)
    assert np.array_equal(copy, picture())


def test_a_full_device_is_one_line() -> None:
    device = SurfaceDevice("cpu")
    with (
        pytest.raises(RunError, match=r"the GPU's memory is full \(CUDA out of memory.*channel.size"),
        device.memory(),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20 MiB")


def test_without_a_gpu_it_says_what_to_do() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(MissingExtraError, match=r"torch finds no NVIDIA GPU.*capture.device"):
        SurfaceDevice("cuda")
