"""What does it cost to write everything down before it is reported?

``python benchmarks/bench_state.py`` sends tracklets of people who are always new, two per second and camera
from four cameras, through refine and identify, with a state file and without, in turns in one process. A
crowd: about a thousand visits are open at once, and every one is written once, settled, and remembered. It
prints one JSON line:

* ``note_ms``: wall milliseconds of one decision's transaction, p50, p95 and the worst;
* ``tracklet_ms``: CPU milliseconds per tracklet of refine and identify without, and of all with a state;
* ``ratio``: the second over the first;
* ``restore_ms``: what the next run takes to read it all;
* ``state_mib``: the file at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bench_growth import CAMERAS, stranger  # noqa: E402
from bench_live import commit, machine  # noqa: E402


def main() -> int:
    options = argparse.ArgumentParser(description="Cost of writing the state of a run.")
    options.add_argument("--minutes", type=float, default=5.0, help="event time in all")
    options.add_argument("--rate", type=float, default=2.0, help="tracklets per second and camera")
    options.add_argument("--dimensions", type=int, default=256)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-state-") as folder:
        found = measure(Path(folder), given.minutes, given.rate, given.dimensions)
    print(json.dumps(found), flush=True)
    return 0


def measure(folder: Path, minutes: float, rate: float, dimensions: int) -> dict[str, Any]:
    import numpy as np

    from edge.config.pipeline import load_pipeline
    from edge.fronts import Keeper, open_state
    from edge.stages.identify import Identifier
    from edge.stages.refine import Refiner
    from edge.stages.sink import event_line

    pipeline = load_pipeline()
    store = open_state(folder / "state.db", folder / "events.jsonl", fresh=False)
    refiner = Refiner(pipeline.refine)
    kept, plain = (
        Identifier(pipeline.identify, refiner, CAMERAS),
        Identifier(pipeline.identify, Refiner(pipeline.refine), CAMERAS),
    )
    run = store.begin("bench", "bench", "strangers", 0)
    keeper = Keeper(store, run, kept, refiner)
    rng = np.random.default_rng(0)
    spent = {"with": 0.0, "without": 0.0}
    notes: list[float] = []
    number = sent = 0
    for step in range(int(minutes * 60 * rate)):
        some = [
            stranger(rng, camera, sent + place, step / rate, dimensions)
            for place, camera in enumerate(CAMERAS)
        ]
        sent += len(some)
        begin_s = time.process_time()
        plain.add(some)
        plain.advance(some[0].ended_at_ns + 1)
        middle_s = time.process_time()
        kept.add(some)
        outcome = kept.advance(some[0].ended_at_ns + 1)
        if outcome.decisions:
            lines = [
                (number + place, event_line(decision, number + place, site="bench", run="bench"))
                for place, decision in enumerate(outcome.decisions, 1)
            ]
            number += len(lines)
            wall_s = time.perf_counter()
            keeper.note(outcome.decisions, lines)
            notes.append(1e3 * (time.perf_counter() - wall_s))
            keeper.told(number)
        spent["without"] += middle_s - begin_s
        spent["with"] += time.process_time() - middle_s
    kept.close()
    keeper.close()
    begin_s = time.perf_counter()
    again = open_state(folder / "state.db", folder / "events.jsonl", fresh=False)
    refiner = Refiner(pipeline.refine)
    Keeper(
        again,
        again.begin("next", "bench", "strangers", 0),
        Identifier(pipeline.identify, refiner, CAMERAS),
        refiner,
    )
    restore_s = time.perf_counter() - begin_s
    again.close()
    low, high, worst = np.percentile(notes, [50, 95, 100])
    return {
        "benchmark": "state",
        "machine": machine(),
        "commit": commit(),
        "input": f"{len(CAMERAS)} cameras, {rate:g} new people per second and camera,"
        f" {dimensions} dimensions, {minutes:g} min",
        "note_ms": {"p50": round(low, 2), "p95": round(high, 2), "worst": round(worst, 2)},
        "tracklet_ms": {key: round(1e3 * value / sent, 3) for key, value in spent.items()},
        "ratio": round(spent["with"] / spent["without"], 3),
        "restore_ms": round(1e3 * restore_s),
        "state_mib": round((folder / "state.db").stat().st_size / 2**20, 2),
        "decisions": len(notes),
    }


if __name__ == "__main__":
    sys.exit(main())
