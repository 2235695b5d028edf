"""What neighbor feature centralization costs: time, memory, one arrival, and growth.

``python benchmarks/bench_nfc.py`` prints one JSON line; ``--quick`` takes seconds instead of minutes. All
features are random (which is the worst case: nothing is mutual by itself, and values lie close together).

* batch: ``neighbor_centralize`` against the bare search it cannot do without, a matrix product and the k
  largest of each row, block by block, on rows already normalized: given an array against NumPy (``matmul``,
  ``argpartition``), given a tensor against torch (``mm``, ``topk``), where torch is installed. They take
  turns; medians; ``ratio`` is ours over the bare one, the worse of the two.
* memory: the most that is held at once beside the features (tracemalloc), each in a process of its own,
  against the plain form, which holds one float32 (n, n).
* window: one arrival and the reading of its feature, at 5,000 in the window, against computing all anew;
  ``ratio`` is how many times faster.
* growth: seconds of a batch and milliseconds of an arrival for n = 500 ... 50,000, as a table on stderr and
  as a picture (``--svg``).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench_live import CHECKOUT, commit, machine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 1024
GROWTH = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
LARGEST_WINDOW = 10_000


def main() -> int:
    options = argparse.ArgumentParser(description="NFC: time, memory, one arrival, growth.")
    options.add_argument("--quick", action="store_true", help="small sizes: to see that it runs")
    options.add_argument("--repeats", type=int, default=3, help="turns of each; medians are given")
    options.add_argument("--svg", type=Path, default=CHECKOUT / "out/bench_nfc.svg", help="picture of growth")
    given = options.parse_args()
    count, dimensions, window = (4_000, 256, 1_000) if given.quick else (20_000, 768, 5_000)
    sizes = [size for size in GROWTH if size <= count or not given.quick]
    batch = {str(k): batch_times(count, dimensions, k, given.repeats) for k in (2, 6)}
    grown = growth(sizes, dimensions)
    draw(grown, given.svg)
    line = {
        "bench": "nfc",
        "machine": machine(),
        "commit": commit(),
        "input": f"{count} x {dimensions} random float32",
        "batch": batch,
        "memory": memory(count, dimensions),
        "window": arrival(window, dimensions),
        "growth": grown,
    }
    print(json.dumps(line))
    return 0


def features(count: int, dimensions: int) -> NDArray[np.float32]:
    import numpy as np

    return np.random.default_rng(0).standard_normal((count, dimensions), dtype=np.float32)


def batch_times(count: int, dimensions: int, k: int, repeats: int) -> dict[str, float]:
    """Seconds of NFC(k, k) and of the bare searches, and their ratio."""
    import numpy as np

    from edge.centralize import neighbor_centralize

    feats = features(count, dimensions)
    rows = feats / np.linalg.norm(feats, axis=1, keepdims=True)
    ways: dict[str, Callable[[], object]] = {
        "numpy_s": lambda: neighbor_centralize(feats, k, k),
        "bare_numpy_s": lambda: bare_numpy(rows, k),
    }
    if importlib.util.find_spec("torch"):
        import torch

        ways["torch_s"] = lambda: neighbor_centralize(torch.from_numpy(feats), k, k)
        ways["bare_torch_s"] = lambda: bare_torch(rows, k)
    took: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:  # the first is to warm up
                took[name].append(time.perf_counter() - start)
    out = {name: round(median(seconds), 3) for name, seconds in took.items()}
    ratio = max(out[name] / out[f"bare_{name}"] for name in ("numpy_s", "torch_s") if name in out)
    return {**out, "ratio": round(ratio, 3)}


def bare_numpy(rows: NDArray[np.float32], k: int) -> None:
    import numpy as np

    buffer = np.empty((BLOCK, len(rows)), dtype=np.float32)
    for low in range(0, len(rows), BLOCK):
        some = rows[low : low + BLOCK]
        block = np.matmul(some, rows.T, out=buffer[: len(some)])
        np.argpartition(block, len(rows) - k, axis=1)[:, -k:]


def bare_torch(rows: NDArray[np.float32], k: int) -> None:
    import torch

    given = torch.from_numpy(rows)
    buffer = torch.empty((BLOCK, len(rows)))
    for low in range(0, len(rows), BLOCK):
        some = given[low : low + BLOCK]
        torch.mm(some, given.T, out=buffer[: len(some)]).topk(k, dim=1)


def memory(count: int, dimensions: int) -> dict[str, float]:
    """MiB held at most beside the features, each in a process of its own, and their ratio."""
    out = {}
    for name in ("nfc", "plain"):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            out[f"{name}_mib"] = process.submit(peak_mib, name, count, dimensions).result()
    return {**out, "ratio": round(out["nfc_mib"] / out["plain_mib"], 3)}


def peak_mib(name: str, count: int, dimensions: int) -> float:
    import numpy as np

    from edge.centralize import neighbor_centralize

    feats = features(count, dimensions)
    neighbor_centralize(feats[:256])  # imports
    tracemalloc.start()
    if name == "nfc":
        neighbor_centralize(feats, 2, 2)
    else:
        rows = feats / np.linalg.norm(feats, axis=1, keepdims=True)
        np.fill_diagonal(nearness := rows @ rows.T, -np.inf)
        for _ in range(2):
            best = nearness.argmax(axis=1)
            nearness[np.arange(count), best] = -np.inf
    return round(tracemalloc.get_traced_memory()[1] / 2**20, 1)


def arrival(window: int, dimensions: int) -> dict[str, float]:
    """Milliseconds of a change at a full window, and how many times faster it is than all anew."""
    from edge.centralize import WindowCentralizer, neighbor_centralize

    feats = features(window + 60, dimensions)
    held = WindowCentralizer(6, 6, capacity=window + 1)
    for key in range(window):
        held.add(key, feats[key])
    held.features()
    took: dict[str, list[float]] = {"arrival_ms": [], "update_ms": [], "expiry_ms": []}
    for key in range(window, window + 60):
        actions: dict[str, Callable[[], object]] = {
            "expiry_ms": lambda key=key: held.expire(key - window),  # type: ignore[misc]
            "arrival_ms": lambda key=key: (held.add(key, feats[key]), held.feature(key)),  # type: ignore[misc]
            "update_ms": lambda key=key: (held.update(key, feats[key]), held.feature(key)),  # type: ignore[misc]
        }
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            took[name].append(1e3 * (time.perf_counter() - start))
    anew = []
    for _ in range(3):
        start = time.perf_counter()
        neighbor_centralize(feats[60:], 6, 6)
        anew.append(1e3 * (time.perf_counter() - start))
    out = {name: round(median(times), 3) for name, times in took.items()}
    worst = round(sorted(took["arrival_ms"])[int(0.95 * 60)], 3)
    ratio = round(median(anew) / out["arrival_ms"], 1)
    return {**out, "arrival_p95_ms": worst, "anew_ms": round(median(anew), 1), "ratio": ratio}


def growth(sizes: list[int], dimensions: int) -> dict[str, dict[str, float]]:
    """For each n: seconds of a batch, and milliseconds of an arrival where the window fills soon enough."""
    from edge.centralize import WindowCentralizer, neighbor_centralize

    feats = features(max(sizes), dimensions)
    out: dict[str, dict[str, float]] = {}
    for size in sizes:
        start = time.perf_counter()
        neighbor_centralize(feats[:size], 2, 2)
        out[str(size)] = {"batch_s": round(time.perf_counter() - start, 4)}
    held = WindowCentralizer(2, 2, capacity=LARGEST_WINDOW + 20)
    key = 0
    for size in [size for size in sizes if size <= LARGEST_WINDOW]:
        while len(held) < size:
            held.add(key, feats[key])
            key += 1
        took = []
        for again in range(20):
            start = time.perf_counter()
            held.add(f"new {again}", feats[-1 - again])
            held.feature(f"new {again}")
            took.append(1e3 * (time.perf_counter() - start))
        for again in range(20):
            held.expire(f"new {again}")
        out[str(size)]["arrival_ms"] = round(median(took), 3)
    for size, row in out.items():
        print(
            f"{int(size):>7,}  {row['batch_s']:>9.3f} s  {row.get('arrival_ms', '-'):>8} ms", file=sys.stderr
        )
    return out


def draw(grown: dict[str, dict[str, Any]], path: Path) -> None:
    """Both curves over n, all axes logarithmic, as an SVG."""
    from math import log10

    def x(size: float) -> float:
        return 60 + 480 * (log10(size) - log10(400)) / (log10(60_000) - log10(400))

    def y(seconds: float) -> float:
        return 300 - 270 * (log10(max(seconds, 1e-4)) + 4) / 6

    shapes = []
    for power in range(-4, 3):
        level = y(10.0**power)
        shapes.append(f'<path d="M60 {level:.1f}H540" stroke="#8884"/>')
        shapes.append(f'<text x="52" y="{level + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>')
    for size in grown:
        shapes.append(f'<text x="{x(int(size)):.1f}" y="320" text-anchor="middle">{int(size):,}</text>')
    for name, unit, colour, label in (
        ("batch_s", 1.0, "#c2410c", "batch"),
        ("arrival_ms", 1e-3, "#1d4ed8", "one arrival"),
    ):
        points = [(x(int(size)), y(row[name] * unit)) for size, row in grown.items() if name in row]
        line = " ".join(f"{across:.1f},{up:.1f}" for across, up in points)
        shapes.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        shapes.append(
            f'<text x="{points[-1][0] + 6:.1f}" y="{points[-1][1] - 6:.1f}" fill="{colour}">{label}</text>'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 335" font-family="sans-serif"'
        f' font-size="11" fill="#666">{"".join(shapes)}</svg>\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    sys.exit(main())
