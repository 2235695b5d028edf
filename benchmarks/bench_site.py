"""What the synthetic site costs: CPU seconds per second of site, and samples to train on.

``python benchmarks/bench_site.py`` renders the demo preset (four cameras, 640x360, 10 fps) in this process
and prints one JSON line.

* ``cpu_s_per_site_s``: CPU seconds of the whole render per second of site, all four cameras together, with
  truth, crops and calibration; ``faster_than_real_time_on_four_cores`` is 4 over it, as each camera has a
  process.
* ``baseline``: encoding the same pictures again, nothing else; ``ratio`` is the render over it.
* ``scene_ms``, ``crop_ms``: CPU time of a random scene of 640x360 and of a random crop of 64x128.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench_live import commit, machine

if TYPE_CHECKING:
    from edge.site import RenderedSite

CAMERAS = 4


def main() -> int:
    options = argparse.ArgumentParser(description="CPU seconds per second of site.")
    options.add_argument("--preset", default="demo", help="one with four cameras; default: %(default)s")
    options.add_argument("--duration-s", type=float, default=20.0, help="length; default: %(default)s")
    options.add_argument("--samples", type=int, default=200, help="scenes, and twice as many crops")
    given = options.parse_args()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    with tempfile.TemporaryDirectory(prefix="bench-site-") as name:
        cpu_s, wall_s, site = render(given.preset, given.duration_s, Path(name) / "site")
        encode_s = encode_again(site, Path(name))
        size_bytes = site.size_bytes
    scene_ms, crop_ms = samples(given.samples)
    line = {
        "bench": "site",
        "machine": machine(),
        "commit": commit(),
        "input": f"{given.preset}, {given.duration_s:g} s, 4 cameras of 640x360 at 10 fps",
        "cpu_s_per_site_s": round(cpu_s / given.duration_s, 3),
        "cpu_ms_per_frame": round(1e3 * cpu_s / (CAMERAS * site.manifest.frames), 2),
        "wall_s": round(wall_s, 2),
        "faster_than_real_time_on_four_cores": round(CAMERAS * given.duration_s / cpu_s, 2),
        "baseline": "encoding the same pictures again",
        "ratio": round(cpu_s / encode_s, 2),
        "bytes_per_site_s": round(size_bytes / given.duration_s),
        "scene_ms": round(scene_ms, 2),
        "crop_ms": round(crop_ms, 2),
    }
    print(json.dumps(line))
    return 0


def render(preset: str, duration_s: float, out: Path) -> tuple[float, float, RenderedSite]:
    """CPU and wall seconds of a render in this process."""
    from edge.site import render_site

    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    site = render_site(preset, out, duration_s=duration_s, workers=1)
    return time.process_time() - begun_cpu_s, time.perf_counter() - begun_s, site


def encode_again(site: RenderedSite, folder: Path) -> float:
    """CPU seconds of encoding the site's pictures once more."""
    import av

    from edge.site.video import VideoWriter

    spent = 0.0
    for name in site.manifest.cameras:
        with av.open(str(site.folder / "video" / f"{name}.mp4")) as container:
            pictures = [picture.to_ndarray(format="bgr24") for picture in container.decode(video=0)]
        height, width = pictures[0].shape[:2]
        begun_s = time.process_time()
        with VideoWriter(folder / "again.mp4", (width, height), site.manifest.rate_hz) as writer:
            for picture in pictures:
                writer.add(picture)
        spent += time.process_time() - begun_s
    return spent


def samples(count: int) -> tuple[float, float]:
    """CPU milliseconds of a scene, whose people are always new, and of a crop of one of 50 people."""
    import cv2

    from edge.site.samples import random_crop, random_scene

    cv2.setNumThreads(1)
    for seed in range(10):  # warm up
        random_scene(seed)
        random_crop(seed, seed)
    begun_s = time.process_time()
    for seed in range(1000, 1000 + count):
        random_scene(seed)
    scenes_s = time.process_time()
    for seed in range(2 * count):
        random_crop(seed % 50, seed)
    return 1e3 * (scenes_s - begun_s) / count, 1e3 * (time.process_time() - scenes_s) / (2 * count)


if __name__ == "__main__":
    sys.exit(main())
