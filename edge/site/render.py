"""Renders a site into a folder: all cameras side by side, whole or not at all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from edge.errors import ConfigError, OutputError, RunError
from edge.site.calibration import write_calibration
from edge.site.job import CameraJob, render_camera, walk_site
from edge.site.layout import Site
from edge.site.manifest import MANIFEST, Manifest, renderer_hash, write_manifest
from edge.site.presets import build_site
from edge.site.truth import path_lines

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import SynchronizedArray

__all__ = ["STARTS_AT", "Progress", "RenderedSite", "render_site"]

STARTS_AT = "2026-01-05T09:00:00Z"  # the same for all cameras and runs
Progress = Callable[[int, int], None]

_PARTIAL = ".partial"
_WORKERS_MAX = 8
_POLL_S = 0.2
_ENTRIES = ("video", "truth", "calib", "crops", "cams.yaml")


@dataclass(frozen=True, slots=True)
class RenderedSite:
    """A site that has been rendered.

    folder: where it lies.
    manifest: what it is.
    size_bytes: of all its files.
    boxes: lines of ``truth/<camera>.txt``, all cameras together.
    wall_s: how long it took.
    """

    folder: Path
    manifest: Manifest
    size_bytes: int
    boxes: int
    wall_s: float

    @property
    def cameras_file(self) -> Path:
        """For ``edge-run --cameras``; there only with pixels."""
        return self.folder / "cams.yaml"


def render_site(
    preset: str,
    out: Path,
    *,
    seed: int = 0,
    duration_s: float | None = None,
    pixels: bool | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> RenderedSite:
    """Render a site; the same arguments give the same bytes.

    Args:
        preset: a key of :data:`edge.site.presets.PRESETS`.
        out: the folder; made if it is not there, and a site in it is replaced once the new one is complete.
        seed: who the people are, and where they walk.
        duration_s: other than the preset's own.
        pixels: whether there are videos and crops; the preset's own choice when None.
        workers: processes; as many as cameras and processors, eight at most, when None. With one, everything
            happens in this process.
        progress: called with frames done and frames in all, of all cameras together.

    Raises:
        ConfigError: the preset, the seed or the duration is wrong.
        OutputError: the folder holds something else, cannot be written, or the disk is full.
        RunError: a process died.
    """
    begun_s = time.perf_counter()
    site = build_site(preset, seed=seed, duration_s=duration_s)
    pixels = site.pixels if pixels is None else pixels
    partial = _make_room(out)
    try:
        jobs = [
            CameraJob(preset, seed, site.duration_s, number, partial, pixels)
            for number in range(len(site.cameras))
        ]
        boxes = _run_jobs(jobs, workers, progress, round(site.duration_s * site.rate_hz))
        manifest = _write_rest(partial, site, seed, pixels)
        _move_in(partial, out)
        write_manifest(out, manifest)
    except OSError as error:
        raise _cannot_write(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return RenderedSite(out, manifest, size, boxes, time.perf_counter() - begun_s)


def _make_room(out: Path) -> Path:
    """The folder for what is not complete yet, inside the one that was asked for."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in out.iterdir() if path.name != _PARTIAL)
        if found and MANIFEST not in found and not set(found) <= set(_ENTRIES):
            raise OutputError(
                f"'{out}' holds other files ('{found[0]}') and no site; give a new or an empty folder"
            )
        partial = out / _PARTIAL
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
    except OSError as error:
        raise _cannot_write(out, error) from error
    return partial


def _cannot_write(out: Path, error: OSError) -> OutputError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return OutputError(f"cannot write '{out}': {reason}; give another folder")


def _run_jobs(jobs: Sequence[CameraJob], workers: int | None, progress: Progress | None, frames: int) -> int:
    """Render all cameras and return the number of boxes."""
    if workers is None:
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = min(usable, _WORKERS_MAX)
    if workers < 1:
        raise ConfigError(f"must be 1 or more (got {workers})", key="workers")
    if min(workers, len(jobs)) == 1:
        return _run_here(jobs, progress, frames)
    context = get_context("spawn")  # a fork would copy threads' locks as they happen to be
    counts: SynchronizedArray[int] = context.Array("l", len(jobs))
    with ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=context, initializer=_begin_worker, initargs=(counts,)
    ) as pool:
        waiting = {pool.submit(_render_in_worker, job) for job in jobs}
        futures = list(waiting)
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                if progress:
                    progress(sum(counts[:]), frames * len(jobs))
        except BrokenProcessPool:
            raise RunError(
                "a process that rendered the site died, perhaps for want of memory; try again with more of it"
            ) from None
        except BaseException:
            with counts.get_lock():
                counts[:] = [-1] * len(jobs)  # tells the cameras that are still at it to stop
            for future in futures:
                future.cancel()
            raise  # the pool waits for them, so nobody writes into the folder any more
        return sum(future.result() for future in futures)


def _run_here(jobs: Sequence[CameraJob], progress: Progress | None, frames: int) -> int:
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        boxes = 0
        for job in jobs:

            def show(done: int, before: int = job.number * frames) -> bool:
                if progress:
                    progress(before + done, frames * len(jobs))
                return True

            boxes += render_camera(job, show)
        return boxes
    finally:
        cv2.setNumThreads(threads)


_counts: SynchronizedArray[int] | None = None  # of this worker process


def _begin_worker(counts: SynchronizedArray[int]) -> None:
    import cv2

    from edge.flow.parent import end_with_parent

    global _counts
    _counts = counts
    end_with_parent()
    cv2.setNumThreads(1)


def _render_in_worker(job: CameraJob) -> int:
    def show(done: int) -> bool:
        if _counts is None or _counts[job.number] < 0:
            return False
        _counts[job.number] = done
        return True

    return render_camera(job, show)


def _write_rest(folder: Path, site: Site, seed: int, pixels: bool) -> Manifest:
    """Write what is not one camera's."""
    _, paths = walk_site(site.name, seed, site.duration_s)
    with (folder / "truth" / "paths.jsonl").open("w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in path_lines(paths))
    parts = folder / "truth" / "parts"
    with (folder / "truth" / "keypoints.jsonl").open("wb") as whole:
        for one in site.cameras:
            whole.write((parts / f"{one.name}.jsonl").read_bytes())
    shutil.rmtree(parts)
    write_calibration(folder / "calib", site)
    if pixels:
        _write_cameras_file(folder / "cams.yaml", site)
    return Manifest(
        preset=site.name,
        seed=seed,
        duration_s=site.duration_s,
        rate_hz=site.rate_hz,
        frames=paths.frames,
        cameras=tuple(one.name for one in site.cameras),
        people=len(site.looks),
        pixels=pixels,
        starts_at=STARTS_AT,
        renderer=renderer_hash(),
    )


def _write_cameras_file(path: Path, site: Site) -> None:
    cameras = [
        {
            "name": one.name,
            "source": {"path": f"video/{one.name}.mp4", "starts_at": STARTS_AT},
            "calibration": f"calib/{one.name}.yaml",
        }
        for one in site.cameras
    ]
    about = {"name": site.name, "topology": "calib/topology.yaml"}
    text = yaml.safe_dump({"site": about, "cameras": cameras}, sort_keys=False)
    path.write_text(text, encoding="ascii")


def _move_in(partial: Path, out: Path) -> None:
    """Put what is complete in the place of what was there."""
    (out / MANIFEST).unlink(missing_ok=True)
    for name in _ENTRIES:
        old, new = out / name, partial / name
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
        if new.exists():
            new.rename(old)
