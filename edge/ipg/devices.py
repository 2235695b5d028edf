"""What a device can do: its name, its fast precision, its free memory, and how it says it has none."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from edge.errors import ConfigError, StartError
from edge.ipg.options import Options

__all__ = ["choose_device", "choose_dtype", "free_bytes", "is_out_of_memory", "release_memory"]

_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|bad alloc", re.IGNORECASE)


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is a GPU where there is one.

    Raises:
        ConfigError: no such kind of device.
        StartError: this machine has none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(
            f"no device is called '{name}'; give auto, cpu, cuda or cuda:1", key="--device"
        ) from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"'{name}' cannot be drawn on; give auto, cpu, cuda or cuda:1", key="--device")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[device.type] or (
        device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    ):
        raise StartError(f"there is no device '{name}' here; give --device cpu")
    return device


def choose_dtype(options: Options, device: torch.device) -> torch.dtype:
    """The precision of the UNets.

    On a CPU ``auto`` is bfloat16 only where there are matrix instructions for it (AMX): elsewhere it is
    emulated, slower than float32 by orders of magnitude.
    """
    if options.dtype != "auto":
        named: torch.dtype = getattr(torch, options.dtype)
        return named
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and _has_amx():
        return torch.bfloat16
    return torch.float32


def free_bytes(device: torch.device) -> int:
    """Memory that could be taken on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return 4 << 30
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    return int(found[1]) << 10 if found else 4 << 30


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device's, or the machine's, memory was too small."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) is not None


def release_memory(device: torch.device) -> None:
    """Give back what the allocator keeps for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _has_amx() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "amx_bf16" in flags
