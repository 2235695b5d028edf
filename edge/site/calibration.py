"""What an installer would measure on site, as files: matrices per camera, and travel times between cameras.

``calib/topology.yaml``::

    format: 1
    pairs:
      - {from: hall, to: yard, median_s: 6.1, spread_s: 0.8, low_s: 4.9, high_s: 8.0, count: 41, overlap: 0.0}

Counted are people who are seen by ``from`` and next by ``to``, which may be the same camera. A travel
time reaches from the last moment there to the first moment here. ``spread_s`` is half the distance between
its 16th and 84th percentile, ``low_s`` and ``high_s`` are the 2nd and 98th. ``overlap`` is the share of those
whom ``to`` saw before ``from`` had lost them; they have no travel time, and where there is nobody else, the
times are 0.
A pair that is not in the list was never seen.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from edge.site.backdrop import paint_place
from edge.site.film import nearby, shrunk
from edge.site.layout import Site, SiteCamera
from edge.site.people import random_look
from edge.site.walks import Paths, simulate

__all__ = ["camera_calibration", "sightings", "topology", "write_calibration"]

FORMAT = 1
_SURVEY_STREAM = 0x70_90
_SURVEY_PEOPLE = 20
_SURVEY_S = 600.0
_SURVEY_HZ = 4.0
_BLINK_S = 1.5  # hidden for less: the same visit
_COUNT_LEAST = 3
_MATURE_M = (0.3, 0.9, 1.5)  # heights at which a person is looked for


def write_calibration(folder: Path, site: Site) -> None:
    """Write ``<camera>.yaml`` for every camera, and ``topology.yaml``, into a folder.

    The travel times are those of other people on the same site, on another day; nobody of the videos is
    among them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for one in site.cameras:
        text = "# Pixels: (0, 0) is the centre of the top left pixel. Metres; the floor is z = 0.\n"
        text += yaml.safe_dump(camera_calibration(one), sort_keys=False, default_flow_style=None)
        (folder / f"{one.name}.yaml").write_text(text, encoding="ascii")
    rng = np.random.default_rng(_SURVEY_STREAM)
    people = max(_SURVEY_PEOPLE, 2 * len(site.cameras))
    looks = [random_look(rng) for _ in range(people)]
    paths = simulate(site.routes, looks, duration_s=_SURVEY_S, rate_hz=_SURVEY_HZ, rng=rng)
    pairs = topology(sightings(site, paths), [one.name for one in site.cameras], _SURVEY_HZ)
    text = yaml.safe_dump(
        {"format": FORMAT, "pairs": pairs}, sort_keys=False, default_flow_style=None, width=110
    )
    (folder / "topology.yaml").write_text(text, encoding="ascii")


def camera_calibration(one: SiteCamera) -> dict[str, object]:
    """A camera's matrices as plain lists."""
    camera = one.camera

    def rows(matrix: NDArray[np.float64]) -> list[object]:
        listed: list[object] = matrix.tolist()
        return listed

    return {
        "format": FORMAT,
        "camera": one.name,
        "size_px": list(camera.size_px),
        "intrinsics": rows(camera.intrinsics),
        "rotation": rows(camera.rotation),
        "translation_m": rows(camera.shift_m),
        "projection": rows(camera.projection),
        "image_to_ground_m": rows(camera.image_to_floor),
    }


def sightings(site: Site, paths: Paths) -> NDArray[np.bool_]:
    """Whether two of three points of a body show: bool (cameras, frames, people)."""
    seen = np.zeros((len(site.cameras), *paths.present.shape), bool)
    flat = paths.xy_m.reshape(-1, 2)
    for number, one in enumerate(site.cameras):
        camera = shrunk(one.camera, 2)
        width, height = camera.size_px
        blockers = paint_place(nearby(site.place, camera), camera, one.light).blockers_m
        count = np.zeros(len(flat), np.int64)
        for level in _MATURE_M:
            pixels, depths = camera.project(np.column_stack([flat, np.full(len(flat), level)]))
            inside = (
                (depths > 0.5) & (pixels >= 0).all(axis=1) & (pixels < (width - 1, height - 1)).all(axis=1)
            )
            columns, lines = np.round(np.where(inside[:, None], pixels, 0)).astype(np.int64).T
            count += inside & (blockers[lines, columns] > depths)
        seen[number] = (count.reshape(paths.present.shape) >= 2) & paths.present
    return seen


def topology(seen: NDArray[np.bool_], names: list[str], rate_hz: float) -> list[dict[str, object]]:
    """Travel times of every pair of cameras that people went between.

    Args:
        seen: bool (cameras, frames, people).
        names: the cameras'.
        rate_hz: frames per second.
    """
    times: dict[tuple[int, int], list[float]] = defaultdict(list)
    for person in range(seen.shape[2]):
        visits = sorted(
            (start, end, camera)
            for camera in range(seen.shape[0])
            for start, end in _visits(seen[camera, :, person], round(_BLINK_S * rate_hz))
        )
        for (_, left, one), (came, _, other) in itertools.pairwise(visits):
            times[one, other].append((came - left) / rate_hz)
    rows: list[dict[str, object]] = []
    for (one, other), found in sorted(times.items()):
        if len(found) < _COUNT_LEAST:
            continue
        gaps = [gap for gap in found if gap > 0] or [0.0]
        lowest, low, median, high, highest = (float(v) for v in np.percentile(gaps, (2, 16, 50, 84, 98)))
        rows.append(
            {
                "from": names[one],
                "to": names[other],
                "median_s": round(median, 2),
                "spread_s": round((high - low) / 2, 2),
                "low_s": round(lowest, 2),
                "high_s": round(highest, 2),
                "count": len(found),
                "overlap": round(sum(gap <= 0 for gap in found) / len(found), 2),
            }
        )
    return rows


def _visits(seen: NDArray[np.bool_], blink: int) -> list[tuple[int, int]]:
    """First and last frame of every stretch in which somebody is seen, short gaps closed."""
    frames = np.flatnonzero(seen)
    if not len(frames):
        return []
    breaks = np.flatnonzero(np.diff(frames) > blink + 1)
    starts = [int(frames[0]), *(int(frames[k + 1]) for k in breaks)]
    ends = [*(int(frames[k]) for k in breaks), int(frames[-1])]
    return list(zip(starts, ends, strict=True))
