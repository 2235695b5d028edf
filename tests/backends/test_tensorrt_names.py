"""Whether what the sessions ask of TensorRT exists in the real one: its compiled bindings are read, not run.

They come with TensorRT, or alone by ``pip install --no-deps tensorrt_cu12_bindings``; no GPU is needed.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import edge

OWNERS = (
    "builder|network|parser|config|profile|engine|_?context|_runtime|layer|error|output|port|cache|measured"
)
# Gone in version 11, where the code does without them.
OLD = {"EXPLICIT_BATCH", "FP16", "INT8", "HALF"}


def asked_for() -> set[str]:
    """Names of TensorRT in the sessions' source."""
    names: set[str] = set()
    for file in (Path(edge.__file__).parent / "backends").glob("tensorrt*.py"):
        text = file.read_text(encoding="utf-8")
        for path in re.findall(r"\btensorrt\.([A-Za-z][\w.]*)", text):
            names |= set(path.split("."))
        names |= set(re.findall(rf"\b(?:self\.)?(?:{OWNERS})\.([a-z]\w+)\(", text))
        names |= set(re.findall(r"def (phase_\w+|step_\w+|log)\(", text))
        names |= set(re.findall(r'getattr\(tensorrt\.?\w*, "(\w+)"', text))
    return names - {"__version__", "finish", "append", "strip"}


def test_the_names_that_are_asked_for_are_found_in_the_source() -> None:
    assert {
        "execute_async_v3",
        "build_serialized_network",
        "TensorIOMode",
        "STRONGLY_TYPED",
        "ILogger",
    } <= asked_for()


def test_every_name_exists_in_the_compiled_bindings() -> None:
    spec = find_spec("tensorrt_bindings")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("no TensorRT bindings here: pip install --no-deps tensorrt_cu12_bindings")
    folder = Path(next(iter(spec.submodule_search_locations)))
    content = b"".join(file.read_bytes() for file in (*folder.glob("tensorrt*.so"), *folder.glob("*.py")))
    missing = {name for name in asked_for() if name.encode() not in content}
    assert missing <= OLD
