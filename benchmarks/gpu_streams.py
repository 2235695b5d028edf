"""Streams from end to end, for bench_gpu.py: pictures on the host, and on the device, in the same run.

Copies of one 1080p recording are read as fast as they go through the whole of ``edge-run``, without its
report's pictures. ``limit`` is what nothing on the device can exceed: operations of the detector for a frame,
and the bytes that have to be moved at least for it (NV12 read, colours written and read once, the network's
input and output); decoding, tracking and embedding are not in it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from bench_gpu import Device, Work

REAL = ("yolox-nano-person", "reid-retail-0031")
OWN = ("demo-detector", "demo-reid")  # they come with the project
NO_GPU = "no GPU"
BYTES_PER_PIXEL = 1.5 + 3 + 3


def streams(
    folder: Path,
    shared: Path,
    copies: list[int],
    kind: str,
    limits: tuple[Device, Work] | None,
    *,
    size_px: tuple[int, int] = (1920, 1080),
    frames: int = 300,
) -> Iterator[dict[str, object]]:
    """Frames per second of each front with each number of copies; or why it was not run.

    Args:
        folder: for recordings and outputs.
        shared: where a real recording may be; drawn scenes otherwise.
        copies: numbers of cameras.
        kind: ``cuda``; ``cpu`` runs the device's way on the CPU; empty: there is no device.
        limits: the device, and what the detector needs of it; None: not told.
        size_px: width and height of the recording.
        frames: its length.
    """
    models = models_here()
    if not kind:
        for count in copies:
            for front in ("host", "device"):
                yield row(front, count, None, NO_GPU, models)
        return
    recording = write_recording(folder / "recording.mp4", shared, size_px, frames)
    fronts = {"host": "cpu", "device": "cuda" if kind == "cuda" else "cpu-tensors"}
    for device in fronts.values():
        run(folder, recording, 1, device, models)  # opens, measures in and builds what is kept
    for count in copies:
        for front, device in fronts.items():
            per_s, why = run(folder, recording, count, device, models)
            found = row(front, count, per_s, why, models)
            if limits is not None:
                found["limit"] = limit(*limits, size_px)
            yield found


def row(front: str, copies: int, per_s: float | None, why: str, models: tuple[str, str]) -> dict[str, object]:
    return {"front": front, "copies": copies, "models": "+".join(models), "per_s": per_s, "why": why}


def limit(device: Device, work: Work, size_px: tuple[int, int]) -> float:
    """Frames per second that the detector and the memory allow at most."""
    computed = device.operations_per_s["fp32"] / (2 * work.multiply_adds)
    moved = size_px[0] * size_px[1] * BYTES_PER_PIXEL + work.picture_bytes
    return min(computed, device.bytes_per_s / moved)


def models_here() -> tuple[str, str]:
    """Networks for real people where their weights are here, else our own."""
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights
    from edge.errors import EdgeError

    try:
        for name in REAL:
            find_weights(load_card(name))
    except EdgeError:
        return OWN
    return REAL


def run(
    folder: Path, recording: Path, copies: int, device: str, models: tuple[str, str]
) -> tuple[float | None, str]:
    """Frames per second of all cameras together; or None, and why."""
    from edge.assemble import assemble
    from edge.config.cameras import load_cameras
    from edge.config.pipeline import load_pipeline
    from edge.errors import EdgeError

    cameras, pipeline = folder / "cams.yaml", folder / "pipeline.yaml"
    names = [f"  - {{name: c{number}, source: {recording.name}}}\n" for number in range(copies)]
    cameras.write_text("cameras:\n" + "".join(names))
    detect, embed = models
    pipeline.write_text(
        f"detect: {{model: {detect}}}\nembed: {{model: {embed}}}\ncapture: {{device: {device}}}\n"
    )
    try:
        ready = assemble(load_cameras(cameras), load_pipeline(pipeline), folder / "out", crops=False)
        result = ready.run()
    except EdgeError as error:
        return None, str(error)
    if result.exit_code:
        return None, str(result.problems[0]) if result.problems else f"exit code {result.exit_code}"
    read = sum(camera.frames for camera in result.summary.cameras.values())
    return read / result.summary.wall_s, ""


def write_recording(path: Path, shared: Path, size_px: tuple[int, int], frames: int) -> Path:
    """H.264 without B-frames, as cameras send it."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        for image in pictures(shared, size_px, frames):
            picture = av.VideoFrame.from_ndarray(image, "bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def pictures(shared: Path, size_px: tuple[int, int], frames: int) -> Iterator[np.ndarray[Any, Any]]:
    """Real people where the shared recording is here, else drawn ones; uint8 (height, width, 3) each."""
    import av
    import cv2

    from edge.site.samples import random_scene

    real = shared / "data/video/pets09_s2l1_view1_480x360.avi"
    if not real.is_file():
        print(f"no {real}: drawn scenes instead", file=sys.stderr)
        scenes = [cv2.resize(random_scene(number).image_bgr_hwc, size_px) for number in range(min(8, frames))]
        yield from (scenes[number % len(scenes)] for number in range(frames))
        return
    with av.open(str(real)) as video:
        for number, frame in enumerate(video.decode(video=0)):
            if number >= frames:
                return
            yield cv2.resize(frame.to_ndarray(format="bgr24"), size_px)
