"""A painter for tests of workers in real processes: quick, and it fails where a job's camera says so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.config.ipg import IpgSpec
from edge.errors import ModelError
from edge.ipg.process import Setup
from edge.ipg.worker import Drawn
from edge.records import Crop, IpgJob, Prototype

DIM = 8
MODEL = "quick-reid@0"
GENERATOR = "quick@1"


class QuickPainter:
    """Draws coloured rectangles; each person takes a few steps of a few milliseconds."""

    generator = GENERATOR

    def __init__(self, step_s: float = 0.002) -> None:
        self._step_s = step_s

    def paint(self, jobs: Sequence[IpgJob], beat: Callable[[], None]) -> list[Drawn]:
        for job in jobs:
            _misbehave(job.reference.camera)
        for _ in range(3):
            time.sleep(self._step_s)
            beat()
        return [Drawn(self.prototype(job), too_far=1) for job in jobs]

    def prototype(self, job: IpgJob) -> Prototype:
        return prototype_of(job)


class FaithfulPainter(QuickPainter):
    """What it draws looks like the person, as far as a ReID model can tell."""

    def prototype(self, job: IpgJob) -> Prototype:
        rng = np.random.default_rng(job.identity)
        noise = rng.normal(size=(2, len(job.real))) * 0.3 / np.sqrt(len(job.real))
        vectors = (job.real + noise).astype(np.float32)
        return replace(prototype_of(job), generated=vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _misbehave(camera: str) -> None:
    if camera == "kills":
        os._exit(7)
    if camera == "hangs":
        time.sleep(3600)
    if camera == "raises":
        raise ValueError("cannot draw this")
    if camera == "eats":
        raise MemoryError("nothing left")


def prototype_of(job: IpgJob) -> Prototype:
    rng = np.random.default_rng(job.identity)
    vectors = rng.normal(size=(2, DIM)).astype(np.float32)
    pictures = np.full((2, 16, 8, 3), job.identity % 256, dtype=np.uint8)
    return Prototype(
        identity=job.identity,
        version=0,
        made_at_ns=time.time_ns(),
        real=job.real,
        generated=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        eta=0.125,
        poses=("front", "back"),
        rejected=1,
        model=job.model,
        generator=GENERATOR,
        reference=job.reference,
        pictures_bgr_mhwc=pictures,
    )


def open_quick(setup: Setup) -> QuickPainter:
    return QuickPainter()


def open_slow(setup: Setup) -> QuickPainter:
    return QuickPainter(step_s=0.2)


def open_faithful(setup: Setup) -> QuickPainter:
    return FaithfulPainter(step_s=0.02)


def open_none(setup: Setup) -> QuickPainter:
    raise ModelError("generator 'quick': no weights found; put them there")


def open_dead(setup: Setup) -> QuickPainter:
    os._exit(3)


def make_job(identity: int, value: float = 1.0, camera: str = "door", quality: float = 0.8) -> IpgJob:
    crop = Crop(camera, identity, 1, 1_000_000_000 + identity, quality, np.zeros((16, 8, 3), np.uint8))
    real = np.zeros(DIM, np.float32)
    real[identity % DIM] = 1.0
    return IpgJob(identity, crop, real, MODEL, value, 1_000_000_000)


def make_setup(folder: Path, painter: str = "open_quick", model: str = MODEL, **given: Any) -> Setup:
    budget = {"per_minute": 1e5, "share": 1.0, "give_way": False, **given.pop("budget", {})}
    spec = IpgSpec.model_validate({"workers": 1, "budget": budget, **given})
    return Setup(
        spec=spec,
        store=folder / "prototypes.db",
        embed_model="quick",
        embed_backend="auto",
        flip=False,
        model=model,
        store_ttl_s=3600.0,
        store_bytes_max=100_000_000,
        painter=f"quick_painter:{painter}",
    )
