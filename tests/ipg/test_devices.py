from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.errors import ConfigError, StartError  # noqa: E402
from edge.ipg import devices  # noqa: E402
from edge.ipg.devices import choose_device, choose_dtype, free_bytes, is_out_of_memory  # noqa: E402
from edge.ipg.options import PRESETS  # noqa: E402

CPU = torch.device("cpu")


def test_a_device_that_is_not_there_is_said() -> None:
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ConfigError, match="no device is called"):
        choose_device("gpu0")
    with pytest.raises(StartError, match="there is no device 'cuda:99' here"):
        choose_device("cuda:99")


def test_bfloat16_is_chosen_on_a_cpu_only_where_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for amx, dtype in ((False, torch.float32), (True, torch.bfloat16)):
        monkeypatch.setattr(devices, "_has_amx", lambda amx=amx: amx)
        assert choose_dtype(PRESETS["fast"], CPU) == dtype
        assert choose_dtype(PRESETS["exact"], CPU) == torch.float32
    assert choose_dtype(replace(PRESETS["exact"], dtype="float16"), CPU) == torch.float16


def test_a_lack_of_memory_is_recognised_and_nothing_else() -> None:
    assert 1 << 20 < free_bytes(CPU) < 1 << 50
    for error in (
        MemoryError(),
        torch.OutOfMemoryError("x"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ):
        assert is_out_of_memory(error)
    for error in (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("out of memory")):
        assert not is_out_of_memory(error)
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert is_out_of_memory(caught.value)
