"""Cuts people out of the pictures, into folders in Market-1501's layout.

Half of the people are for training (``bounding_box_train``), the others for testing: one crop per camera
goes to ``query``, the rest to ``bounding_box_test``. A crop is called ``0002_c1s1_000451_03.jpg``: global id,
camera from 1, sequence, frame from 1, number of the box in its frame from 1.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.film import Shot

__all__ = ["CropCutter"]

TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"

_EVERY_S = 0.5
_VISIBLE_LEAST = 0.6
_INSIDE_LEAST = 0.9
_TALL_LEAST_PX = 40.0
_QUALITY = 92


class CropCutter:
    """Cuts the people of one camera.

    Args:
        folder: ``crops/`` of the site.
        camera: number of the camera, from 0.
        people: how many people the site has; the first half trains.
        rate_hz: frames per second.
    """

    def __init__(self, folder: Path, camera: int, people: int, rate_hz: float) -> None:
        self._folder = folder
        self._camera = camera
        self._train = people // 2
        self._every = max(1, round(_EVERY_S * rate_hz))
        self._queried: set[int] = set()
        for place in (TRAIN, QUERY, GALLERY):
            (folder / place).mkdir(parents=True, exist_ok=True)

    def add(self, shot: Shot) -> int:
        """Cut whoever shows well in a frame, twice a second; return how many bytes were written."""
        if shot.image_bgr_hwc is None or shot.number % self._every:
            return 0
        seen, written = shot.seen, 0
        tall = seen.boxes_px[:, 3] - seen.boxes_px[:, 1]
        well = (seen.visible >= _VISIBLE_LEAST) & (seen.inside >= _INSIDE_LEAST) & (tall >= _TALL_LEAST_PX)
        for row in np.flatnonzero(well).tolist():
            person = int(shot.ids[row])
            place = TRAIN if person <= self._train else GALLERY
            if place == GALLERY and person not in self._queried:
                self._queried.add(person)
                place = QUERY
            name = f"{person:04d}_c{self._camera + 1}s1_{shot.number + 1:06d}_{row + 1:02d}.jpg"
            written += self._write(self._folder / place / name, shot.image_bgr_hwc, seen.boxes_px[row])
        return written

    def _write(self, path: Path, image: NDArray[np.uint8], box: NDArray[np.float32]) -> int:
        left, top = (max(0, int(v)) for v in np.floor(box[:2]))
        right, bottom = (int(v) for v in np.ceil(box[2:]))
        done, data = cv2.imencode(".jpg", image[top:bottom, left:right], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not done:
            raise OSError(f"cannot encode {path.name}")
        path.write_bytes(data.tobytes())
        return len(data)
