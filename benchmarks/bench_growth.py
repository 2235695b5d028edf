"""Does a step cost the same after ten hours as after one minute?

``python benchmarks/bench_growth.py`` sends tracklets of people who are always new, two per second and camera
from four cameras, through refine and identify: ten minutes of event time, then on to ten hours. Nobody ever
comes back, so window and gallery are as full as they get. It prints one JSON line:

* ``ms``: CPU milliseconds per tracklet in the first minute, at the end of the ten minutes, and at the end;
* ``ratio_10_min``, ``ratio_end``: the last minute's over the first minute's (the aim is 1.2 or less);
* ``rss_mib``: resident memory after the first minute, after ten minutes, and at the end.

The first minute includes filling an empty window; ``full`` is the first minute in which window and
gallery are full, which is what a step costs from then on, and ``ratio_full_end`` compares with that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bench_live import commit, machine  # noqa: E402

if TYPE_CHECKING:
    import numpy as np

    from edge.records import Tracklet

START_NS = 1_800_000_000_000_000_000
CAMERAS = ("a", "b", "c", "d")


def main() -> int:
    options = argparse.ArgumentParser(description="Cost and memory of a decision over ten hours.")
    options.add_argument("--hours", type=float, default=10.0, help="event time in all")
    options.add_argument("--rate", type=float, default=2.0, help="tracklets per second and camera")
    options.add_argument("--dimensions", type=int, default=256)
    options.add_argument("--people-max", type=int, default=None, help="the pipeline's unless given")
    given = options.parse_args()
    print(json.dumps(measure(given.hours, given.rate, given.dimensions, given.people_max)), flush=True)
    return 0


def measure(hours: float, rate: float, dimensions: int, people_max: int | None) -> dict[str, Any]:
    import numpy as np

    from edge.config.pipeline import load_pipeline
    from edge.stages.identify import Identifier
    from edge.stages.refine import Refiner

    pipeline = load_pipeline()
    changed = {} if people_max is None else {"people_max": people_max}
    spec = pipeline.identify.model_copy(update=changed)
    identifier = Identifier(spec, Refiner(pipeline.refine), CAMERAS)
    rng = np.random.default_rng(0)
    minutes: list[float] = []
    memory: list[float] = []
    full = 0
    track = 0
    for minute in range(max(2, round(hours * 60))):
        count = round(60 * rate)
        spent = 0.0
        for number in range(count):
            time_s = minute * 60 + number / rate
            some = [
                stranger(rng, camera, track + place, time_s, dimensions)
                for place, camera in enumerate(CAMERAS)
            ]
            track += len(CAMERAS)
            begin = time.process_time()
            identifier.add(some)
            identifier.advance(some[0].ended_at_ns + 1)
            spent += time.process_time() - begin
        minutes.append(1e3 * spent / (count * len(CAMERAS)))
        memory.append(resident_mib())
        if not full and track >= spec.people_max + len(CAMERAS) * rate * spec.revise_s:
            full = minute + 1
        if minute in (0, 9) or minute % 60 == 59:
            print(
                f"{minute + 1:>4} min  {minutes[-1]:.3f} ms  {memory[-1]:.0f} MiB",
                file=sys.stderr,
                flush=True,
            )
    tenth = min(9, len(minutes) - 1)
    end = sorted(minutes[-5:])[len(minutes[-5:]) // 2]
    settled = minutes[min(full, len(minutes) - 1)]
    return {
        "benchmark": "growth",
        "machine": machine(),
        "commit": commit(),
        "input": f"{len(CAMERAS)} cameras, {rate:g} new people per second and camera,"
        f" {dimensions} dimensions, {hours:g} h",
        "ms": {
            "first_min": round(minutes[0], 3),
            "full": round(settled, 3),
            "ten_min": round(minutes[tenth], 3),
            "end": round(end, 3),
        },
        "ratio_10_min": round(minutes[tenth] / minutes[0], 3),
        "ratio_end": round(end / minutes[0], 3),
        "ratio_full_end": round(end / settled, 3),
        "rss_mib": {"first_min": round(memory[0]), "ten_min": round(memory[tenth]), "end": round(memory[-1])},
        "identities": identifier.people,
    }


def stranger(rng: np.random.Generator, camera: str, track: int, end_s: float, dimensions: int) -> Tracklet:
    """Two seconds of somebody who was never seen before: three crops, twenty boxes."""
    import numpy as np

    from edge.records import Tracklet

    face = rng.standard_normal(dimensions)
    rows = face + 0.4 * rng.standard_normal((3, dimensions))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    mean = rows.mean(axis=0)
    times_ns = START_NS + (1e9 * (end_s - 2.0 + 0.1 * np.arange(1, 21))).astype(np.int64)
    height = rng.uniform(40, 120)
    left = (
        600.0 / 19 * np.arange(20)
    )  # from edge to edge, so that nobody looks like going on as somebody else
    top = rng.uniform(0, 240) + rng.uniform(-1, 1) * np.arange(20)
    boxes = np.stack([left, top, left + 0.4 * height, top + height], axis=1)
    return Tracklet(
        uid=f"{camera}/{track}/0",
        camera=camera,
        track=track,
        part=0,
        started_at_ns=int(times_ns[0]),
        ended_at_ns=int(times_ns[-1]),
        frames=np.arange(20, dtype=np.int64) + 1 + round(10 * end_s),
        times_ns=times_ns,
        boxes_px=boxes.astype(np.float32),
        scores=np.full(20, 0.9, np.float32),
        size_px=(640, 360),
        vector=(mean / np.linalg.norm(mean)).astype(np.float32),
        vectors=rows.astype(np.float32),
        weight=2.4,
        crops=(),
        model="strangers",
        joined=False,
        overlap_start=0.0,
        overlap_end=0.0,
        closed=True,
    )


def resident_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
