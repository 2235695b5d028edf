from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest

from edge.backends import Batch
from edge.backends.engine_cache import EngineCache, EngineKey, graph_digest

KEY = EngineKey("ab" * 32, "Orin", "8.7", "10.3.0", "strong", EngineKey.profile_of(Batch(1, 8, 16)))


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def no_build() -> bytes:
    raise AssertionError("nothing had to be built")


@pytest.mark.parametrize("part", [field.name for field in fields(EngineKey)])
def test_every_part_of_the_key_makes_another_engine(part: str, cache: EngineCache) -> None:
    other = replace(KEY, **{part: "another"})
    assert other.digest != KEY.digest
    cache.get(KEY, lambda: b"one", name="net")
    assert cache.get(other, lambda: b"two", name="net") == b"two"
    assert cache.get(KEY, no_build, name="net") == b"one"


def test_a_kept_engine_comes_back_byte_for_byte(cache: EngineCache) -> None:
    blob = bytes(range(256)) * 100 + b"\n\n"
    assert cache.get(KEY, lambda: blob, name="net") == blob
    assert cache.get(KEY, no_build, name="net") == blob


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda content: content[:-1], "is cut off"),
        (lambda content: content[:40], "is no engine"),
        (lambda content: b"", "is no engine"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "was altered"),
        (lambda content: content.replace(b'"format": 1', b'"format": 0'), "is no engine"),
        (lambda content: content.replace(b"Orin", b"Thor"), "is another graph's"),
    ],
    ids=["cut", "cut in the head", "empty", "altered", "format", "another's"],
)
def test_a_damaged_engine_is_built_again_and_said_so(
    cache: EngineCache, harm, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache.get(KEY, lambda: b"engine" * 50, name="net")
    file = cache.file_of(KEY)
    file.write_bytes(harm(file.read_bytes()))
    assert cache.get(KEY, lambda: b"again", name="net") == b"again"
    assert reason in caplog.text
    assert cache.get(KEY, no_build, name="net") == b"again"


def test_a_build_that_fails_leaves_nothing_and_frees_the_lock(cache: EngineCache) -> None:
    def fail() -> bytes:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        cache.get(KEY, fail, name="net")
    assert not cache.file_of(KEY).exists()
    assert cache.get(KEY, lambda: b"now", name="net") == b"now"


def test_without_a_folder_it_is_built_each_time() -> None:
    nowhere = EngineCache(None)
    assert [nowhere.get(KEY, lambda: b"x", name="net") for _ in range(2)] == [b"x", b"x"]
    assert nowhere.file_of(KEY) is None


def test_a_folder_that_cannot_be_written_costs_time_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    cache = EngineCache(tmp_path / "file" / "engines")
    assert cache.get(KEY, lambda: b"x", name="net") == b"x"
    assert "no lock for its engine" in caplog.text


def test_who_comes_second_waits_and_then_reads(cache: EngineCache, tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from dataclasses import asdict
from edge.backends.engine_cache import EngineCache, EngineKey
key = EngineKey(*sys.argv[2:])
def build():
    (Path(sys.argv[1]) / "begun").touch()
    time.sleep(1.0)
    return b"theirs"
EngineCache(Path(sys.argv[1]) / "engines").get(key, build, name="net")
"""
    parts = [getattr(KEY, field.name) for field in fields(EngineKey)]
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), *parts])
    until = time.monotonic() + 60
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    assert cache.get(KEY, no_build, name="net") == b"theirs"
    assert other.wait(60) == 0


def test_a_builder_that_dies_does_not_lock_the_others_out(cache: EngineCache, tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from edge.backends.engine_cache import EngineCache, EngineKey
EngineCache(Path(sys.argv[1]) / "engines").get(EngineKey(*sys.argv[2:]), lambda: os._exit(9), name="net")
"""
    parts = [getattr(KEY, field.name) for field in fields(EngineKey)]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), *parts], timeout=60, check=False)
    assert done.returncode == 9
    assert cache.get(KEY, lambda: b"mine", name="net") == b"mine"


def test_weights_beside_the_graph_count(tmp_path: Path) -> None:
    graph = tmp_path / "net.onnx"
    graph.write_bytes(b"graph")
    alone = graph_digest(graph)
    (tmp_path / "net.onnx.data").write_bytes(b"weights")
    assert graph_digest(graph) != alone


def test_timings_are_kept_for_each_gpu_and_version(cache: EngineCache) -> None:
    assert cache.read_timings(KEY) == b""
    cache.write_timings(KEY, b"fast")
    assert cache.read_timings(replace(KEY, graph="cd" * 32, profile="1,1,1")) == b"fast"
    assert cache.read_timings(replace(KEY, tensorrt="10.4.0")) == b""
    assert not list(cache.file_of(KEY).parent.glob("*.part"))
