"""A folder of ground truth as ``edge site render`` writes it, read before the run that is judged by it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.evaluate.mot import MotBoxes
from edge.evaluate.site_score import read_site_truth

__all__ = ["SiteTruth", "read_paths", "read_truth_folder"]

PATHS = "paths.jsonl"


@dataclass(frozen=True, slots=True, eq=False)
class SiteTruth:
    """Who was where.

    boxes: camera to its boxes; ids are people.
    paths: person to float64 (n, 3), time in seconds, x and y in metres; empty where it is not known.
    """

    boxes: Mapping[str, MotBoxes]
    paths: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)


def read_truth_folder(folder: Path) -> SiteTruth:
    """Read boxes, and the paths over the ground where they are known.

    Args:
        folder: as for :func:`edge.evaluate.site_score.evaluate_site`; ``paths.jsonl`` lies beside the boxes.

    Raises:
        ConfigError: the folder or a file is missing or malformed, or nobody is in the truth.
    """
    boxes = read_site_truth(folder)
    place = folder / "truth" if (folder / "truth").is_dir() else folder
    file = place / PATHS
    return SiteTruth(boxes, read_paths(file) if file.is_file() else {})


def read_paths(file: Path) -> dict[int, NDArray[np.float64]]:
    """Read where people walked: a JSON object per line, ``{"id", "time_s", "x_m", "y_m"}``.

    Returns:
        Person to float64 (n, 3), time in seconds, x and y in metres, in the order of time.

    Raises:
        ConfigError: the file cannot be read, or a line is malformed (with its number).
    """
    found: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(f"cannot be read: {reason}", file=str(file)) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            point = (float(row["time_s"]), float(row["x_m"]), float(row["y_m"]))
            if not np.isfinite(point).all():
                raise ValueError("not finite")
            found[int(row["id"])].append(point)
        except (ValueError, KeyError, TypeError):
            raise ConfigError(
                'must be a JSON object with numbers for "id", "time_s", "x_m" and "y_m"',
                file=str(file),
                line=number,
            ) from None
    return {person: np.array(sorted(points)) for person, points in sorted(found.items())}
