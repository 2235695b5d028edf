"""The benchmark of GPUs runs without one, in little, and says of the rest that it was not run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.backends.cuda_driver import has_gpu


def bench(checkout: Path, *options: str) -> tuple[dict[str, Any], str]:
    """What it prints: the JSON, and the tables."""
    script = checkout / "benchmarks" / "bench_gpu.py"
    if not script.is_file():
        pytest.skip("no benchmarks/ beside these tests")
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script), *options], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_streams_go_both_ways_on_a_cpu_in_little(checkout: Path) -> None:
    found, tables = bench(checkout, "--parts", "streams", "--streams", "1,2", "--device", "cpu", "--tiny")
    assert [(row["copies"], row["front"]) for row in found["streams"]] == [
        (1, "host"),
        (1, "device"),
        (2, "host"),
        (2, "device"),
    ]
    for row in found["streams"]:
        assert row["why"] == ""
        assert row["per_s"] > 0
        assert row["limit"] > 0
    assert "| streams | pictures | frames/s |" in tables


def test_without_a_gpu_streams_and_drawing_are_not_run(checkout: Path) -> None:
    if has_gpu():
        pytest.skip("this machine has a GPU")
    found, tables = bench(checkout, "--parts", "streams,identities")
    assert [row["copies"] for row in found["streams"]] == [1, 1, 4, 4, 8, 8, 16, 16]
    assert [row["way"] for row in found["identities"]] == ["upstream", "exact", "fast"]
    rows = [*found["streams"], *found["identities"]]
    assert {row["why"] for row in rows} == {"no GPU"}
    assert tables.count("not run: no GPU") == len(rows)


@pytest.mark.slow
def test_a_person_is_drawn_three_ways_on_a_cpu_in_little(checkout: Path) -> None:
    found, tables = bench(checkout, "--parts", "identities", "--device", "cpu", "--tiny")
    for row in found["identities"]:
        assert row["s"] > row["limit"] > 0
    assert "| a person drawn |" in tables
