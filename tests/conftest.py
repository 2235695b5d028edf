"""What every test may use: the shared data, and markers for hardware that is not everywhere."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path

import pytest

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for tests that use ONNX Runtime without edge.backends

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("EDGE_SHARED") or CHECKOUT.parent / "shared")


def pytest_configure() -> None:
    """Let every test, and every process it starts, find the shared weights."""
    models = SHARED / "data" / "models"
    if models.is_dir():
        folders = [str(models), os.environ.get("EDGE_PRETRAINED", "")]
        os.environ["EDGE_PRETRAINED"] = os.pathsep.join(filter(None, folders))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip marked tests where they cannot run, saying why."""
    reasons = {
        "gpu": None if _has_gpu() else "no NVIDIA GPU here",
        "deepstream": None if _has_deepstream() else "no DeepStream Python bindings here",
        "slow": None if os.environ.get("EDGE_SLOW") == "1" else "slow; runs with EDGE_SLOW=1",
    }
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared videos, truths and weights; skips the test where it is missing."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"no shared data at {SHARED} (EDGE_SHARED names another folder)")
    return SHARED


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The top of the source tree, for tests of what lies there (docs, pyproject); reading only."""
    return CHECKOUT


def _has_gpu() -> bool:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def _has_deepstream() -> bool:
    return any(importlib.util.find_spec(name) for name in ("pyds", "pyservicemaker"))
