"""Where a worker's process begins: it steps back behind everything else before it loads anything.

This module imports the standard library alone: how many threads numerical libraries start is decided by the
environment at their first import.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import platform
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.flow.parent import end_with_parent

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from edge.config.ipg import BudgetSpec, IpgSpec
    from edge.ipg.gauge import Gauge

__all__ = ["DRAWING", "Setup", "main"]

DRAWING = "edge.ipg.drawing:open_painter"

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IDLE_CLASS = 3 << 13
_WHO_PROCESS = 1


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is started with.

    spec: the pipeline's section.
    store: the file of prototypes; store_ttl_s, store_bytes_max: see :class:`edge.stores.PrototypeStore`.
    embed_model, embed_backend, flip: the live ReID model, as the pipeline names it.
    model: its fingerprint; a worker that finds another one refuses to work.
    painter: ``module:function`` of what draws, see :class:`edge.ipg.worker.Painter`.
    """

    spec: IpgSpec
    store: Path
    embed_model: str
    embed_backend: str
    flip: bool
    model: str
    store_ttl_s: float
    store_bytes_max: int
    painter: str = DRAWING


def main(setup: Setup, pipe: Connection, gauge: Gauge) -> None:
    """Be a worker until the live process says stop, or is gone."""
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the live process' affair
    end_with_parent()
    bound(setup.spec.budget)
    if setup.spec.budget.give_way:
        step_back()
    logging.basicConfig(level=logging.WARNING, format="worker: %(message)s", stream=sys.stderr)
    from edge.ipg.worker import serve

    serve(setup, pipe, gauge)


def bound(budget: BudgetSpec) -> None:
    """Keep libraries that are imported from now on within the budget; be the first to go without memory."""
    for variable in _THREADS:
        os.environ[variable] = str(budget.threads)
    if budget.mps_percent is not None:
        os.environ["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"] = str(budget.mps_percent)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def step_back() -> None:
    """Give way to every other process: processor and disk."""
    with contextlib.suppress(OSError):
        os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None and sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).syscall(number, _WHO_PROCESS, 0, _IDLE_CLASS)
