"""Boxes by the row, for tests of scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.evaluate.mot import MotBoxes

__all__ = ["boxes_of", "walk", "write_boxes"]


def boxes_of(rows: list[tuple[int, int, float]], hidden: bool = False) -> MotBoxes:
    """(frame, id, left) rows; every box is 10 wide and 20 high. ``hidden``: with confidence 0."""
    table = np.array(rows, dtype=float).reshape(-1, 3)
    boxes = np.zeros((len(table), 4))
    boxes[:, 0] = table[:, 2]
    boxes[:, 2:] = (10, 20)
    confidences = np.zeros(len(table)) if hidden else np.ones(len(table))
    return MotBoxes(table[:, 0].astype(int), table[:, 1].astype(int), boxes, confidences)


def walk(person: int, left: float, frames: range) -> list[tuple[int, int, float]]:
    """Rows of somebody who stands still."""
    return [(frame, person, left) for frame in frames]


def write_boxes(path: Path, *parts: MotBoxes) -> Path:
    """Write MOTChallenge lines; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{frame},{person},{','.join(f'{n:g}' for n in box)},{confidence:g},-1,-1,-1\n"
        for boxes in parts
        for frame, person, box, confidence in zip(
            boxes.frames, boxes.ids, boxes.boxes_ltwh_px, boxes.confidences, strict=True
        )
    ]
    path.write_text("".join(lines))
    return path
