"""Does the exported graph compute what its source computes? Largest errors, and a bound for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.backends import Session, open_session
from edge.errors import ExportError

__all__ = ["TOLERANCE", "Parity", "check_rows", "compare", "compare_files"]

Array = NDArray[np.generic]
Feeds = Mapping[str, Array]

# Largest error allowed, as a share of the output's largest number.
TOLERANCE = {"fp32": 1e-4, "fp16": 2e-2}


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two computations are apart.

    max_abs: largest absolute difference of any number.
    max_rel: that, divided by the largest magnitude of the output it was found in.
    tolerance: what ``max_rel`` may be.
    worst: the output it was found in.
    """

    max_abs: float
    max_rel: float
    tolerance: float
    worst: str

    def require(self, what: str) -> None:
        """Raise ExportError where the bound is exceeded; an error that is no number is too large too."""
        if not self.max_rel <= self.tolerance:
            raise ExportError(
                f"{what}: output '{self.worst}' is off by {self.max_abs:.3g}, {self.max_rel:.2g} of its "
                f"range (allowed {self.tolerance:.2g}); nothing was written"
            )


def compare(wanted: Feeds, found: Feeds, tolerance: float) -> Parity:
    """Compare outputs by name.

    Args:
        wanted: the source's outputs.
        found: the exported graph's, with at least these names.
        tolerance: see :class:`Parity`.

    Raises:
        ExportError: an output is missing or has another shape.
    """
    worst = Parity(0.0, 0.0, tolerance, next(iter(wanted), ""))
    for name, expected in wanted.items():
        if name not in found:
            raise ExportError(f"the exported graph has no output '{name}'; it has: {', '.join(found)}")
        one, other = np.asarray(expected, np.float64), np.asarray(found[name], np.float64)
        if one.shape != other.shape:
            raise ExportError(f"output '{name}' has shape {list(other.shape)}, its source {list(one.shape)}")
        if not one.size:
            continue
        off = float(np.abs(one - other).max())
        share = off / max(float(np.abs(one).max()), 1e-12)
        if not share <= worst.max_rel:
            worst = Parity(off, share, tolerance, name)
    return worst


def compare_files(source: Path, exported: Path, feeds: Feeds, tolerance: float) -> Parity:
    """Run both files with ONNX Runtime on the CPU and compare."""
    outputs = [_run(path, feeds) for path in (source, exported)]
    return compare(outputs[0], outputs[1], tolerance)


def check_rows(
    run_source: Callable[[Feeds], Feeds], session: Session, feeds: Feeds, tolerance: float
) -> Parity:
    """Compare a batch of the exported graph with its source, run row by row.

    Args:
        run_source: computes one row.
        session: the exported graph.
        feeds: arrays whose first dimension is the batch.
        tolerance: see :class:`Parity`.
    """
    together = session.run(feeds)
    rows = len(next(iter(feeds.values())))
    each = [run_source({name: array[row : row + 1] for name, array in feeds.items()}) for row in range(rows)]
    wanted = {name: np.concatenate([np.asarray(one[name]) for one in each]) for name in each[0]}
    return compare(wanted, together, tolerance)


def _run(path: Path, feeds: Feeds) -> dict[str, Array]:
    session = open_session(path, backend="onnxruntime", card_name=path.name)
    try:
        return {name: array.copy() for name, array in session.run(feeds).items()}
    finally:
        session.close()
