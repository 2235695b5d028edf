"""Boxes with identities read from MOTChallenge text files.

One line is one box: ``frame,id,left,top,width,height[,confidence[,…]]``, frames from 1. The reader
accepts what trackers and labelling tools really write: blank lines, ``#`` comments, spaces or tabs
instead of commas, a trailing comma, a byte-order mark, whole numbers written as ``7.0``, lines in any
order, and any further columns. What would falsify a score is an error with its line: a number that
is not finite, a negative size, a frame before 1, an id that is twice in one frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError

__all__ = ["MotBoxes", "read_mot"]

_NEEDED = ("frame", "id", "left", "top", "width", "height")


@dataclass(frozen=True, slots=True, eq=False)
class MotBoxes:
    """Boxes of one camera over time; row i of every array is one box.

    frames:        int64 (n,)      frame number, from 1
    ids:           int64 (n,)      identity; below 1 means unknown in a result
    boxes_ltwh_px: float64 (n, 4)  left, top, width, height
    confidences:   float64 (n,)    the seventh column; 1 where there is none
    """

    frames: NDArray[np.int64]
    ids: NDArray[np.int64]
    boxes_ltwh_px: NDArray[np.float64]
    confidences: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frames)

    def scaled(self, scale: float) -> MotBoxes:
        """The same boxes with all four numbers multiplied by ``scale``."""
        return MotBoxes(self.frames, self.ids, self.boxes_ltwh_px * scale, self.confidences)

    def select(self, mask: NDArray[np.bool_]) -> MotBoxes:
        """Only the rows where ``mask``, bool (n,), is true."""
        return MotBoxes(self.frames[mask], self.ids[mask], self.boxes_ltwh_px[mask], self.confidences[mask])


def read_mot(path: Path) -> MotBoxes:
    """Read a MOTChallenge file; an empty file is a valid one with no boxes.

    Args:
        path: the text file.

    Raises:
        ConfigError: the file is missing or not text, or a line is malformed (with its number).
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("no such file; give the path of a MOTChallenge text file", file=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(f"cannot be read: {reason}", file=str(path)) from None
    rows: list[list[float]] = []
    seen: dict[tuple[float, float], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#", 1)[0].strip()
        if not content:
            continue
        row = _parse(content, str(path), number)
        if row[1] >= 1:
            first = seen.setdefault((row[0], row[1]), number)
            if first != number:
                raise ConfigError(
                    f"id {row[1]:.0f} is twice in frame {row[0]:.0f} (first in line {first}); "
                    "one person has one box",
                    file=str(path),
                    line=number,
                )
        rows.append(row)
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    return MotBoxes(
        frames=table[:, 0].astype(np.int64),
        ids=table[:, 1].astype(np.int64),
        boxes_ltwh_px=np.ascontiguousarray(table[:, 2:6]),
        confidences=np.ascontiguousarray(table[:, 6]),
    )


def _parse(content: str, file: str, number: int) -> list[float]:
    """The seven numbers of one line: frame, id, left, top, width, height, confidence."""

    def wrong(message: str) -> ConfigError:
        return ConfigError(message, file=file, line=number)

    fields = [part.strip() for part in content.split(",")] if "," in content else content.split()
    if fields and not fields[-1]:
        fields.pop()
    if len(fields) < len(_NEEDED):
        raise wrong(f"needs at least 6 columns ({','.join(_NEEDED)}), got {len(fields)}")
    values: list[float] = []
    for name, field in zip((*_NEEDED, "confidence"), fields, strict=False):
        try:
            value = float(field)
        except ValueError:
            raise wrong(f"{name} must be a number (got {field[:40]!r})") from None
        if not math.isfinite(value):
            raise wrong(f"{name} must be finite (got {field})")
        values.append(value)
    for name, value in zip(("frame", "id"), values, strict=False):
        if value != int(value) or abs(value) > 2**53:
            raise wrong(f"{name} must be a whole number (got {value:g})")
    if values[0] < 1:
        raise wrong(f"frame must be 1 or more (got {values[0]:.0f})")
    if values[4] < 0 or values[5] < 0:
        raise wrong(f"width and height must not be negative (got {values[4]:g} x {values[5]:g})")
    return values if len(values) > len(_NEEDED) else [*values, 1.0]
