"""What the whole pipeline costs beside the parts it is made of.

``python benchmarks/bench_live.py`` runs the pipeline on 1, 2, 4 and 8 copies of a video, as files at full
speed, and prints one JSON line. Each run has a process of its own. In that process, before and after the
run, the parts are called bare: one thread, one plain loop over the video's first frames, the CPU time of
each part taken around its calls; what counts is the mean of before and after.

* decode: PyAV's decoder and the conversion to BGR;
* detect: letterbox, network, decoding and suppression, by the ``Detector`` the pipeline uses;
* track: the tracker library's ``update``;
* embed: resize and network, for as many crops per frame as the pipeline embedded.

``ratio`` is the pipeline's CPU seconds per frame (user and system, all threads, from the start of the
cameras to the closed outputs; the models are open before) over the sum of the parts. Whatever is not a part
is overhead by definition: channels and threads, choosing and cutting crops, tracklets, identities, all
outputs. ``rss_mib`` is this process's resident memory at the start, after 20 % and at the end of the run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.config.pipeline import PipelineSpec
    from edge.records import Crop, Frame

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("EDGE_SHARED") or CHECKOUT.parent / "shared")
VIDEO = SHARED / "data/video/pets09_s2l1_view1_480x360.avi"
PARTS = ("decode", "detect", "track", "embed")
SAMPLE_EVERY_S = 0.1


def main() -> int:
    options = argparse.ArgumentParser(description="CPU per frame: the pipeline against its bare parts.")
    options.add_argument("--video", type=Path, default=VIDEO, help="any video; default: %(default)s")
    options.add_argument("--copies", default="1,2,4,8", help="cameras; one run for each number")
    options.add_argument("--frames", type=int, default=0, help="first frames of each copy; 0: all")
    options.add_argument("--part-frames", type=int, default=250, help="frames the bare parts are timed on")
    options.add_argument("--pipeline", default="default", help="name or file")
    options.add_argument("--soak-s", type=float, default=0, help="then one looped copy for so long; 0: not")
    given = options.parse_args()
    if not given.video.is_file():
        print(f"bench_live: no video at {given.video}; --video names another", file=sys.stderr)
        return 0
    folders = (str(SHARED / "data/models"), os.environ.get("EDGE_PRETRAINED", ""))
    os.environ["EDGE_PRETRAINED"] = os.pathsep.join(filter(None, folders))
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    runs: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-live-") as name:
        video = shorten(given.video, Path(name), given.frames) if given.frames else given.video
        for copies in map(int, given.copies.split(",")):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                job = process.submit(
                    measure, video, copies, given.pipeline, given.part_frames, Path(name) / f"x{copies}"
                )
                runs[str(copies)] = job.result()
        soak = None
        if given.soak_s:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                soak = process.submit(
                    run_soak, given.video, given.soak_s, given.pipeline, Path(name) / "soak"
                ).result()
    line = {
        "bench": "live",
        "machine": machine(),
        "commit": commit(),
        "input": given.video.name,
        "pipeline": given.pipeline,
        "baseline": "decode + detect + track + embed, called bare in the same process",
        "ratio": {copies: run["ratio"] for copies, run in runs.items()},
        "runs": runs,
    }
    if soak is not None:
        line["soak"] = soak
    print(json.dumps(line))
    return 0


def measure(video: Path, copies: int, pipeline: str, part_frames: int, out: Path) -> dict[str, Any]:
    """One run, with the bare parts before and after it; in a process of its own."""
    import cv2

    from edge.config.pipeline import load_pipeline

    cv2.setNumThreads(1)
    spec = load_pipeline(pipeline)
    time_parts(video, spec, 20)  # warm up
    before = time_parts(video, spec, part_frames)
    run = run_pipeline(video, copies, spec, out)
    after = time_parts(video, spec, part_frames)
    each_ms = {name: 1e3 * (before[name] + after[name]) / 2 for name in PARTS}
    each_ms["embed"] *= run["crops_per_frame"]
    total_ms = sum(each_ms.values())
    run["bare_ms_per_frame"] = {name: round(ms, 3) for name, ms in each_ms.items()} | {
        "sum": round(total_ms, 3)
    }
    run["ratio"] = round(run["cpu_ms_per_frame"] / total_ms, 3)
    return run


def run_soak(video: Path, duration_s: float, pipeline: str, out: Path) -> dict[str, Any]:
    """One copy of the video over and over, in a process of its own: do memory and cost stay as they are?"""
    import cv2

    from edge.config.pipeline import load_pipeline

    cv2.setNumThreads(1)
    run = run_pipeline(video, 1, load_pipeline(pipeline), out, duration_s)
    kept = ("frames", "fps", "cpu_ms_per_frame", "cpu_ms_per_frame_by_fifth", "identities", "rss_mib")
    return {"seconds": duration_s} | {name: run[name] for name in kept}


def run_pipeline(
    video: Path, copies: int, spec: PipelineSpec, out: Path, duration_s: float | None = None
) -> dict[str, Any]:
    """Run the pipeline; with a duration on looped copies, else to their end."""
    from edge.assemble import assemble
    from edge.config.cameras import Camera, CamerasFile
    from edge.config.sources import FileSource

    source = FileSource(path=video, loop=duration_s is not None)
    cameras = tuple(Camera(name=f"copy{n}", source=source) for n in range(1, copies + 1))
    with counted() as counts, Watch(counts) as watch:
        run = assemble(CamerasFile(cameras=cameras), spec, out)
        watch.begin()
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        result = run.run(duration_s=duration_s)
        wall_s, cpu_s = time.perf_counter() - begun_s, time.process_time() - begun_cpu_s
    if result.exit_code:
        raise RuntimeError(f"the run ended with {result.exit_code}: {result.problems}")
    summary = result.summary
    frames = sum(row.frames for row in summary.cameras.values())
    return {
        "frames": frames,
        "fps": round(frames / wall_s, 1),
        "cpu_ms_per_frame": round(1e3 * cpu_s / frames, 3),
        "cpu_ms_per_frame_by_fifth": watch.cpu_ms_per_frame(5),
        "crops_per_frame": round(counts["crops"] / frames, 3),
        "identities": summary.identities,
        "rss_mib": {"start": watch.rss_mib(0.0), "20%": watch.rss_mib(0.2), "100%": watch.rss_mib(1.0)},
        "stages": {
            name: {
                "p50_ms": round(row.p50_ms, 3),
                "p95_ms": round(row.p95_ms, 3),
                "busy_s": round(row.busy_s, 2),
            }
            for name, row in summary.stages.items()
        },
    }


def time_parts(video: Path, spec: PipelineSpec, frames: int) -> dict[str, float]:
    """CPU seconds of each part called bare: per frame, and per crop for embed."""
    from edge.backends import open_session
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights
    from edge.stages.crop import Cropper
    from edge.stages.detect import Detector
    from edge.stages.track import CameraTracker
    from edge.stages.track.library import open_tracker

    card = load_card(spec.detect.model)
    detector = Detector(
        card, open_session(find_weights(card)), spec.detect.score_min, spec.detect.nms_iou, batch_max=1
    )
    embed = BareEmbed(spec)
    library = open_tracker(spec.track)
    tracker, cropper = CameraTracker(spec.track), Cropper(spec.crop)  # only to find the crops; not timed
    spent = dict.fromkeys(PARTS, 0.0)
    waiting: list[Crop] = []
    count = crops = 0
    pictures = decode(video)
    while count < frames:
        begun_s = time.thread_time()
        frame = next(pictures, None)
        decoded_s = time.thread_time()
        if frame is None:
            break
        (found,) = detector.detect([frame])
        detected_s = time.thread_time()
        library.update(found.boxes_px, found.scores, frame.pts_s)
        tracked_s = time.thread_time()
        waiting += cropper.crop(frame, tracker.track(found)).crops
        ready_s = time.thread_time()
        if len(waiting) >= spec.embed.batch_max:
            batch, waiting = waiting[: spec.embed.batch_max], waiting[spec.embed.batch_max :]
            embed.run(batch)
            crops += len(batch)
        spent["embed"] += time.thread_time() - ready_s
        spent["decode"] += decoded_s - begun_s
        spent["detect"] += detected_s - decoded_s
        spent["track"] += tracked_s - detected_s
        count += 1
    return {name: spent[name] / max(1, crops if name == "embed" else count) for name in PARTS}


def decode(video: Path) -> Iterator[Frame]:
    """Frames of a file, as somebody would read them who knows PyAV."""
    import av
    from av.video.reformatter import VideoReformatter

    from edge.records import Frame

    reformatter = VideoReformatter()
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        rate = float(stream.average_rate or 25)
        for number, picture in enumerate(container.decode(stream)):
            image: Any = reformatter.reformat(picture, format="bgr24", threads=1).to_ndarray()
            yield Frame("bare", number + 1, 0, number / rate, round(number / rate * 1e9), image)


class BareEmbed:
    """Resize and network, nothing else."""

    def __init__(self, spec: PipelineSpec) -> None:
        from edge.backends import open_session
        from edge.backends.pictures import InputBatch
        from edge.config.catalog import load_card
        from edge.config.weights import find_weights

        self._card = load_card(spec.embed.model)
        self._session = open_session(find_weights(self._card))
        self._inputs = InputBatch(self._card.input, spec.embed.batch_max)

    def run(self, crops: Sequence[Crop]) -> dict[str, NDArray[np.generic]]:
        for slot, crop in enumerate(crops):
            self._inputs.write(slot, crop.image_bgr_hwc)
        return self._session.run({self._card.input.name: self._inputs.view(len(crops))})


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Count the frames and crops that any embedder gets."""
    from edge.stages.embed import Embedder

    counts = {"frames": 0, "crops": 0}
    original = Embedder.embed

    def embed(self: Embedder, batch: Any) -> Any:
        counts["frames"] += len(batch)
        counts["crops"] += sum(len(frame.crops) for frame in batch)
        return original(self, batch)

    Embedder.embed = embed  # type: ignore[method-assign]
    try:
        yield counts
    finally:
        Embedder.embed = original  # type: ignore[method-assign]


class Watch:
    """Resident memory, CPU time and frames of this process over a run."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._samples: list[Sample] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> None:
        """The run begins now."""
        self._samples = [self._sample()]

    def rss_mib(self, share: float) -> float:
        """MiB after that share of the run's time, the median of some samples."""
        wanted_s = self._time_s(share)
        nearest = sorted(self._samples, key=lambda sample: abs(sample.time_s - wanted_s))[: 5 if share else 1]
        return round(median(sample.rss_mib for sample in nearest), 1)

    def cpu_ms_per_frame(self, parts: int) -> list[float]:
        """The run's time in equal parts: does a frame cost more in the end?"""
        marks = [
            min(self._samples, key=lambda sample: abs(sample.time_s - self._time_s(part / parts)))
            for part in range(parts + 1)
        ]
        return [
            round(1e3 * (end.cpu_s - begin.cpu_s) / max(1, end.frames - begin.frames), 2)
            for begin, end in itertools.pairwise(marks)
        ]

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _time_s(self, share: float) -> float:
        first, last = self._samples[0].time_s, self._samples[-1].time_s
        return first + share * (last - first)

    def _sample(self) -> Sample:
        return Sample(time.perf_counter(), rss_mib(), time.process_time(), self._counts["frames"])

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_EVERY_S):
            self._samples.append(self._sample())


class Sample(NamedTuple):
    time_s: float
    rss_mib: float
    cpu_s: float
    frames: int


def rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def shorten(video: Path, folder: Path, frames: int) -> Path:
    """Copy a video's first packets, without coding them anew."""
    import av

    path = folder / f"short{video.suffix}"
    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if packet.dts is None or number >= frames:
                break
            packet.stream = copy
            target.mux(packet)
    return path


def machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
