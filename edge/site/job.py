"""One camera of a site rendered into a folder: its video, truth and crops."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from edge.errors import OutputError
from edge.site.crops import CropCutter
from edge.site.film import Film
from edge.site.layout import Site
from edge.site.presets import build_site
from edge.site.truth import TruthWriter
from edge.site.video import VideoWriter
from edge.site.walks import Paths, simulate

__all__ = ["CameraJob", "render_camera", "walk_site"]

_PATH_STREAM = 0x9A_7B
# Measured on the presets by day; a noisier video says itself, once some of it is written, that it takes more.
_VIDEO_BYTES_PER_PIXEL = 0.02
_OTHER_BYTES = 4000  # truth and crops of one frame


@dataclass(frozen=True, slots=True)
class CameraJob:
    """One camera to be rendered."""

    preset: str
    seed: int
    duration_s: float
    number: int
    folder: Path
    pixels: bool


@lru_cache(maxsize=2)
def walk_site(preset: str, seed: int, duration_s: float) -> tuple[Site, Paths]:
    """A site and where everybody walks; kept, as each camera of a process needs it."""
    site = build_site(preset, seed=seed, duration_s=duration_s)
    rng = np.random.default_rng((_PATH_STREAM, seed))
    return site, simulate(site.routes, site.looks, duration_s=duration_s, rate_hz=site.rate_hz, rng=rng)


def render_camera(job: CameraJob, show: Callable[[int], bool]) -> int:
    """Render one camera's video, truth and crops, and return the number of boxes.

    Args:
        job: what.
        show: told how many frames are done; False ends the work, whose result nobody wants any more.

    Raises:
        OutputError: it cannot be written; the message says how much room is needed.
    """
    site, paths = walk_site(job.preset, job.seed, job.duration_s)
    name = site.cameras[job.number].name
    if not show(0):
        return 0
    film = Film(site, job.number, paths, seed=job.seed, pixels=job.pixels)
    done = 0
    try:
        with TruthWriter(job.folder, name) as truth:
            if not job.pixels:
                for shot in film.shots():
                    truth.add(shot, site.rate_hz)
                    done += 1
                    if not show(done):
                        break
                return truth.boxes
            video = job.folder / "video" / f"{name}.mp4"
            video.parent.mkdir(exist_ok=True)
            cutter = CropCutter(job.folder / "crops", job.number, len(site.looks), site.rate_hz)
            with VideoWriter(video, site.cameras[job.number].camera.size_px, site.rate_hz) as writer:
                for shot in film.shots():
                    if shot.image_bgr_hwc is not None:
                        writer.add(shot.image_bgr_hwc)
                    cutter.add(shot)
                    truth.add(shot, site.rate_hz)
                    done += 1
                    if not show(done):
                        break
            return truth.boxes
    except OSError as error:
        raise _broken_off(job, site, name, done, paths.frames, error) from None


def _broken_off(job: CameraJob, site: Site, name: str, done: int, frames: int, error: OSError) -> OutputError:
    """The error of a camera whose files could not be written, with what the whole site would need."""
    out = job.folder.parent
    if error.errno != errno.ENOSPC:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return OutputError(f"camera '{name}': cannot write '{out}': {reason}; give another folder")
    width, height = site.cameras[job.number].camera.size_px
    video = job.folder / "video" / f"{name}.mp4"
    written = video.stat().st_size / max(done, 1) if video.exists() else 0.0
    typical = _VIDEO_BYTES_PER_PIXEL * width * height if job.pixels else 0.0
    need = (max(written, typical) + _OTHER_BYTES) * frames * len(site.cameras)
    free = shutil.disk_usage(out).free + sum(p.stat().st_size for p in job.folder.rglob("*") if p.is_file())
    return OutputError(
        f"no space left for camera '{name}' in '{out}' after {done} of {frames} frames: the site needs about "
        f"{need / 1e6:.0f} MB and {free / 1e6:.0f} MB are there; make room, or give another folder"
    )
