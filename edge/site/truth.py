"""The truth as files: boxes with global ids, keypoints, and paths over the floor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from edge.site.film import Shot
from edge.site.walks import Paths

__all__ = ["LEAST_SHARE", "LEAST_TALL_PX", "TruthWriter", "keypoint_line", "path_lines", "whole_share"]

LEAST_SHARE = 0.25  # of the whole body: whoever shows less need not be found
LEAST_TALL_PX = 20.0


def whole_share(shot: Shot) -> NDArray[np.float32]:
    """float32 (n,): share of everybody's whole body that can be seen: in the picture, and not hidden."""
    return shot.seen.visible * shot.seen.inside


@dataclass(slots=True)
class TruthWriter:
    """Writes one camera's boxes in MOTChallenge form, and its keypoints.

    Everybody who is to be found goes to ``truth/<camera>.txt``, whoever shows less than a quarter of the body
    or is under 20 pixels tall to ``truth/hidden/<camera>.txt`` with confidence 0. A line is
    ``frame,id,left,top,width,height,confidence,-1,-1,share``, frames from 1.

    folder: the site's folder.
    camera: its name.
    boxes: how many were written so far, hidden ones not counted.
    """

    folder: Path
    camera: str
    boxes: int = field(init=False, default=0)
    _boxes: TextIO = field(init=False)
    _hidden: TextIO = field(init=False)
    _keypoints: TextIO = field(init=False)

    def __enter__(self) -> TruthWriter:
        truth = self.folder / "truth"
        for part in (truth, truth / "hidden", truth / "parts"):
            part.mkdir(parents=True, exist_ok=True)
        self._boxes = (truth / f"{self.camera}.txt").open("w", encoding="ascii")
        self._hidden = (truth / "hidden" / f"{self.camera}.txt").open("w", encoding="ascii")
        self._keypoints = (truth / "parts" / f"{self.camera}.jsonl").open("w", encoding="ascii")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._boxes, self._hidden, self._keypoints):
            file.close()

    def add(self, shot: Shot, rate_hz: float) -> None:
        """Write down one frame."""
        shares = whole_share(shot)
        rows = zip(shot.ids.tolist(), shot.seen.boxes_px.tolist(), shares.tolist(), strict=True)
        for person, (left, top, right, bottom), share in rows:
            found = share >= LEAST_SHARE and bottom - top >= LEAST_TALL_PX
            file = self._boxes if found else self._hidden
            self.boxes += found
            file.write(
                f"{shot.number + 1},{person},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},"
                f"{int(found)},-1,-1,{share:.3f}\n"
            )
        self._keypoints.write(keypoint_line(self.camera, shot, rate_hz) + "\n")


def keypoint_line(camera: str, shot: Shot, rate_hz: float) -> str:
    """One frame's keypoints as a JSON object."""
    people = [
        {"id": person, "keypoints_px": [[round(x, 1), round(y, 1), int(flag)] for x, y, flag in points]}
        for person, points in zip(shot.ids.tolist(), shot.seen.keypoints_px.tolist(), strict=True)
    ]
    head = {"camera": camera, "frame": shot.number + 1, "time_s": round(shot.number / rate_hz, 4)}
    return json.dumps(head | {"people": people}, separators=(",", ":"))


def path_lines(paths: Paths) -> Iterator[str]:
    """Where everybody who is on the site stands, frame by frame, a JSON object each."""
    for frame in range(paths.frames):
        for person in np.flatnonzero(paths.present[frame]).tolist():
            x, y = paths.xy_m[frame, person].tolist()
            row = {
                "id": person + 1,
                "time_s": round(frame / paths.rate_hz, 4),
                "x_m": round(x, 3),
                "y_m": round(y, 3),
            }
            yield json.dumps(row, separators=(",", ":"))
