"""What the background worker costs the live path.

``python benchmarks/bench_worker.py`` runs the pipeline on copies of a video that are paced like cameras, with
one worker, and prints one JSON line. In turns the worker is paused and saturated (its queue is never empty,
its budget without bounds), ``--rounds`` times each, in one run and one process: whatever else the machine
does meets both alike. Of each frame the time from read to associated is taken; those of the first second
after a change count for neither.

``ratio`` is the 95th percentile with the worker saturated over that with the worker paused; the aim is 1.10
or less, and no frame dropped that is not dropped without. Where the generator that is named has no weights,
random ones of the same sizes do: they take as long.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.fronts import Run
    from edge.ipg.supervisor import Supervisor

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("EDGE_SHARED") or CHECKOUT.parent / "shared")
VIDEO = SHARED / "data/video/pets09_s2l1_view1_480x360.avi"
SETTLE_S = 1.0
LOAD_S = 300.0
PEOPLE = 64


def main() -> int:
    options = argparse.ArgumentParser(description="Latency of a frame with and without the worker at work.")
    options.add_argument("--video", type=Path, default=VIDEO, help="any video; default: %(default)s")
    options.add_argument("--copies", type=int, default=2, help="cameras")
    options.add_argument("--rounds", type=int, default=4, help="how often the worker is on, and off")
    options.add_argument("--round-s", type=float, default=10.0, help="seconds of each")
    options.add_argument("--pipeline", default="demo", help="name or file")
    options.add_argument("--generator", default="demo-ipg", help="name, or folder of weights")
    options.add_argument("--share", type=float, default=1.0, help="ipg.budget.share")
    given = options.parse_args()
    if not given.video.is_file():
        print(f"bench_worker: no video at {given.video}; --video names another", file=sys.stderr)
        return 0
    folders = (str(SHARED / "data/models"), os.environ.get("EDGE_PRETRAINED", ""))
    os.environ["EDGE_PRETRAINED"] = os.pathsep.join(filter(None, folders))
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    with tempfile.TemporaryDirectory(prefix="bench-worker-") as name:
        generator, weights = find_generator(given.generator, Path(name))
        before = os.getloadavg()[0]
        found = measure(given, generator, Path(name) / "out")
    line = {
        "bench": "worker",
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "python": platform.python_version()},
        "commit": commit(),
        "input": f"{given.copies} x {given.video.name}, paced",
        "pipeline": given.pipeline,
        "generator": given.generator,
        "weights": weights,
        "load_before": round(before, 1),
        "baseline": "the same run with the worker paused, in turns",
        **found,
    }
    print(json.dumps(line))
    return 0


def find_generator(name: str, folder: Path) -> tuple[str, str]:
    """What to load, and whether its weights are its own."""
    from edge.errors import EdgeError
    from edge.ipg.folder import weights_folder
    from edge.resources import models_dir

    try:
        return str(weights_folder(name)), "its own"
    except EdgeError:
        made = folder / "generator"
        made.mkdir()
        (made / "ipg.json").write_bytes((models_dir() / name / "ipg.json").read_bytes())
        write_random(made)
        return str(made), "random"


def write_random(folder: Path) -> None:
    """Random weights of the sizes that the folder says."""
    import torch

    from edge.nets.checkpoints import NET_FILES
    from edge.nets.ipg import build_nets
    from edge.nets.sizes import read_sizes

    torch.manual_seed(0)
    nets = build_nets(read_sizes(folder))
    for name, stem in NET_FILES.items():
        torch.save(getattr(nets, name).state_dict(), folder / f"{stem}.pth")
    (folder / "vae").mkdir()
    torch.save(nets.vae.state_dict(), folder / "vae" / "diffusion_pytorch_model.bin")


@dataclass
class Half:
    """Frames while the worker was on, or off."""

    latencies_s: list[float] = field(default_factory=list)
    dropped: int = 0
    people: int = 0
    busy_s: float = 0.0

    def numbers(self) -> dict[str, Any]:
        import numpy as np

        p50, p95 = np.percentile(self.latencies_s, [50, 95]) * 1e3 if self.latencies_s else (0.0, 0.0)
        return {
            "frames": len(self.latencies_s),
            "dropped": self.dropped,
            "p50_ms": round(float(p50), 2),
            "p95_ms": round(float(p95), 2),
            "people_drawn": self.people,
            "worker_busy_s": round(self.busy_s, 1),
        }


class Turns:
    """Lets the worker work and rest in turns, and sorts the frames' latencies."""

    def __init__(self, run: Run, supervisor: Supervisor, rounds: int, round_s: float) -> None:
        self.halves = {"off": Half(), "on": Half()}
        self._run, self._supervisor = run, supervisor
        self._rounds, self._round_s = rounds, round_s
        self._now: Half | None = None
        self._paused = False
        self._guard: Any = supervisor._guard
        self._guard.look = lambda: self._paused
        meter: Any = run._front.watched["frame"]  # type: ignore[attr-defined]
        record = meter.record

        def note(seconds: float, items: int = 1) -> None:
            record(seconds, items)
            half = self._now
            if half is not None:
                half.latencies_s.append(seconds)

        meter.record = note
        self.error = ""

    def play(self) -> None:
        """Runs in a thread of its own until all rounds are over; then the run is told to end."""
        try:
            deadline_s = time.monotonic() + LOAD_S
            while self._supervisor.row().identities < 1:  # it has loaded, and drawn once
                self._ask()
                if time.monotonic() > deadline_s or self._supervisor.row().state == "off":
                    self.error = f"the worker did not begin: {self._supervisor.row()}"
                    return
                time.sleep(0.2)
            for number in range(2 * self._rounds):
                self._turn("on" if number % 2 else "off")
        finally:
            self._run._workers.stop()

    def _turn(self, name: str) -> None:
        self._paused = name == "off"
        self._wait(SETTLE_S)
        half = self._now = self.halves[name]
        before, row = self._dropped(), self._supervisor.row()
        self._wait(self._round_s)
        self._now = None
        after = self._supervisor.row()
        half.dropped += self._dropped() - before
        half.people += after.identities - row.identities
        half.busy_s += after.busy_s - row.busy_s

    def _wait(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            if self._supervisor.row().queue < 8:
                self._ask()
            time.sleep(0.1)

    def _ask(self) -> None:
        import numpy as np

        from edge.records import Crop, IpgJob

        rng = np.random.default_rng(time.monotonic_ns())
        model = self._supervisor._setup.model
        for number in range(8):
            image = rng.integers(0, 255, size=(120, 60, 3)).astype(np.uint8)
            crop = Crop("bench", number, 1, time.time_ns() + number, 0.8, image)
            real = np.full(_dim(model), 1.0, np.float32)
            who = 1_000_000 + int(rng.integers(PEOPLE))
            self._supervisor.ask(IpgJob(who, crop, real / np.linalg.norm(real), model, 1.0, 0))

    def _dropped(self) -> int:
        return sum(row.dropped for row in self._run.summary().cameras.values())


def _dim(model: str) -> int:
    from edge.config.catalog import load_card

    return load_card(model.partition("@")[0]).dim or 1


def measure(given: argparse.Namespace, generator: str, out: Path) -> dict[str, Any]:
    """One run, with the worker on and off in turns."""
    import cv2

    from edge.assemble import assemble
    from edge.config.cameras import Camera, CamerasFile
    from edge.config.ipg import IpgSpec
    from edge.config.pipeline import load_pipeline
    from edge.config.sources import FileSource

    cv2.setNumThreads(1)
    budget = {"share": given.share, "per_minute": 1e5}
    ipg = IpgSpec.model_validate(
        {"workers": 1, "model": generator, "budget": budget, "protect": {"p95_ms": {}}}
    )
    spec = load_pipeline(given.pipeline).model_copy(update={"ipg": ipg})
    source = FileSource(path=given.video, loop=True, realtime=True)
    cameras = tuple(Camera(name=f"copy{number}", source=source) for number in range(1, given.copies + 1))
    run = assemble(CamerasFile(cameras=cameras), spec, out)
    supervisor: Any = run._drawing
    turns = Turns(run, supervisor, given.rounds, given.round_s)
    player = threading.Thread(target=turns.play, daemon=True)
    threading.Timer(1.0, player.start).start()  # once the run has begun
    result = run.run()
    if turns.error or result.exit_code:
        raise RuntimeError(turns.error or f"the run ended with {result.exit_code}: {result.problems}")
    off, on = (turns.halves[name].numbers() for name in ("off", "on"))
    return {
        "ratio": round(on["p95_ms"] / max(off["p95_ms"], 1e-9), 3),
        "more_dropped": on["dropped"] - off["dropped"],
        "off": off,
        "on": on,
        "load_after": round(os.getloadavg()[0], 1),
    }


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
