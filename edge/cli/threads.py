"""How many threads the libraries below may start."""

from __future__ import annotations

__all__ = ["one_thread_each"]


def one_thread_each() -> None:
    """Keep libraries from starting threads of their own: the stages are what runs side by side.

    For numpy it takes effect only where numpy has not been imported yet.
    """
    import os

    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    import cv2

    cv2.setNumThreads(1)
