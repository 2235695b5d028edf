"""Pictures drawn once and kept in a file, since drawing takes longer than learning from a picture does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import OutputError
from edge.flow.parent import end_with_parent
from edge.site.portraits import random_portrait
from edge.site.samples import SceneSample, random_crop, random_scene
from edge.site.site_views import site_views

__all__ = [
    "CropSet",
    "PortraitSet",
    "SceneSet",
    "SceneTruth",
    "draw_crops",
    "draw_portraits",
    "draw_scenes",
    "draw_site_views",
]

Drawn = Callable[[int, int], None]  # (pictures so far, pictures in all)

_PART = 16  # pictures of one piece of work
SCENE_SIZE_PX = (640, 360)
CROP_SIZE_PX = (64, 128)


@dataclass(frozen=True, slots=True, eq=False)
class SceneTruth:
    """Who is on one scene; row i of every array is one person.

    boxes_px: float32 (n, 4)  left, top, right, bottom
    visible: float32 (n,)     share of the whole body that is in the picture and not hidden
    """

    boxes_px: NDArray[np.float32]
    visible: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SceneSet:
    """Scenes with everybody in them.

    images_bgr_nhwc: uint8 (n, h, w, 3), in a file
    truths: one for each
    """

    images_bgr_nhwc: NDArray[np.uint8]
    truths: tuple[SceneTruth, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CropSet:
    """Several views of each of many people.

    images_bgr_pvhwc: uint8 (people, views, h, w, 3), in a file
    """

    images_bgr_pvhwc: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class PortraitSet:
    """Several portraits of each of many people.

    images_bgr_pvhwc: uint8 (people, views, h, w, 3), in a file
    keypoints_px: float32 (people, views, 18, 2)  NaN where one is not seen
    """

    images_bgr_pvhwc: NDArray[np.uint8]
    keypoints_px: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Order:
    """What a store holds; another order means another store."""

    kind: str
    first_seed: int
    count: int
    views: int
    width_px: int
    height_px: int


def draw_scenes(
    folder: Path, first_seed: int, count: int, *, workers: int = 1, drawn: Drawn | None = None
) -> SceneSet:
    """The scenes of ``count`` seeds, drawn unless the folder has them already.

    Args:
        folder: where they are kept; about 0.7 MB each.
        first_seed: of the first scene; the others follow.
        count: how many.
        workers: processes that draw.
        drawn: told how far it is.

    Raises:
        OutputError: the folder cannot be written.
    """
    order = _Order("scenes", first_seed, count, 1, *SCENE_SIZE_PX)
    jobs = [
        (first_seed + start, min(_PART, count - start), SCENE_SIZE_PX) for start in range(0, count, _PART)
    ]
    return _scene_set(folder, order, _scene_part, jobs, workers, drawn)


def draw_site_views(
    folder: Path, first_seed: int, count: int, *, workers: int = 1, drawn: Drawn | None = None
) -> SceneSet:
    """Moments of the preset sites, a few of each camera, drawn unless the folder has them already.

    Args:
        folder: where they are kept; about 0.7 MB each.
        first_seed: of the first camera, see :func:`edge.site.site_views.site_views`; the others follow.
        count: how many pictures.
        workers: processes that draw.
        drawn: told how far it is.

    Raises:
        OutputError: the folder cannot be written.
    """
    order = _Order("site-views", first_seed, count, 1, *SCENE_SIZE_PX)
    parts = -(-count // _PART)
    jobs = [(first_seed + part, min(_PART, count - part * _PART), SCENE_SIZE_PX) for part in range(parts)]
    return _scene_set(folder, order, _site_part, jobs, workers, drawn)


def draw_crops(
    folder: Path, first_seed: int, people: int, views: int, *, workers: int = 1, drawn: Drawn | None = None
) -> CropSet:
    """``views`` crops of each of ``people`` people, drawn unless the folder has them already.

    Args:
        folder: where they are kept; 25 kB each.
        first_seed: of the first person; the others follow.
        people: how many.
        views: how many of each, of view seeds 0 and on.
        workers: processes that draw.
        drawn: told how far it is.

    Raises:
        OutputError: the folder cannot be written.
    """
    order = _Order("crops", first_seed, people, views, *CROP_SIZE_PX)
    images, _ = _people(folder, order, _crop_part, workers, drawn)
    return CropSet(images)


def draw_portraits(
    folder: Path, first_seed: int, people: int, views: int, *, workers: int = 1, drawn: Drawn | None = None
) -> PortraitSet:
    """``views`` portraits of each of ``people`` people, drawn unless the folder has them already.

    Args:
        folder: where they are kept; 25 kB each.
        first_seed: of the first person; the others follow.
        people: how many.
        views: how many of each, of view seeds 0 and on.
        workers: processes that draw.
        drawn: told how far it is.

    Raises:
        OutputError: the folder cannot be written.
    """
    order = _Order("portraits", first_seed, people, views, *CROP_SIZE_PX)
    images, notes = _people(folder, order, _portrait_part, workers, drawn)
    points = np.array([rows for rows, _ in notes], np.float32).reshape(people, views, -1, 2)
    return PortraitSet(images, np.where(points < 0, np.nan, points))


_Job = tuple[int, int, tuple[int, int]]
_Note = tuple[list[list[float]], list[float]]
_Part = tuple[NDArray[np.uint8], list[_Note]]


def _scene_set(
    folder: Path,
    order: _Order,
    part_of: Callable[[_Job], _Part],
    jobs: Sequence[_Job],
    workers: int,
    drawn: Drawn | None,
) -> SceneSet:
    shape = (order.count, order.height_px, order.width_px, 3)
    file, notes = _fill(folder, order, shape, part_of, jobs, workers, drawn)
    truths = tuple(
        SceneTruth(np.array(boxes, np.float32).reshape(-1, 4), np.array(visible, np.float32).reshape(-1))
        for boxes, visible in notes
    )
    return SceneSet(np.memmap(file, np.uint8, "r", shape=shape), truths)


def _people(
    folder: Path,
    order: _Order,
    part_of: Callable[[_Job], _Part],
    workers: int,
    drawn: Drawn | None,
) -> tuple[NDArray[np.uint8], list[_Note]]:
    """Pictures of people, uint8 (people, views, h, w, 3), and what was noted of each."""
    size_px = order.width_px, order.height_px
    jobs = [(order.first_seed + person, order.views, size_px) for person in range(order.count)]
    shape = (order.count, order.views, order.height_px, order.width_px, 3)
    file, notes = _fill(folder, order, shape, part_of, jobs, workers, drawn)
    return np.memmap(file, np.uint8, "r", shape=shape), notes


def _scene_part(job: _Job) -> _Part:
    first, count, size = job
    return _noted([random_scene(seed, size) for seed in range(first, first + count)])


def _site_part(job: _Job) -> _Part:
    seed, count, _ = job
    return _noted(site_views(seed, count))


def _noted(samples: Sequence[SceneSample]) -> _Part:
    """Pictures, and the boxes and shares of everybody in each."""
    notes = [
        (sample.boxes_px.round(2).tolist(), (sample.visible * sample.inside).round(3).tolist())
        for sample in samples
    ]
    return np.stack([sample.image_bgr_hwc for sample in samples]), notes


def _crop_part(job: _Job) -> _Part:
    person, views, size = job
    return np.stack([random_crop(person, view, size) for view in range(views)])[None], []


def _portrait_part(job: _Job) -> _Part:
    person, views, size = job
    portraits = [random_portrait(person, view, size) for view in range(views)]
    points = [
        np.nan_to_num(one.keypoints_px, nan=-1.0).round(2).tolist() for one in portraits
    ]  # JSON has no NaN
    return np.stack([one.image_bgr_hwc for one in portraits])[None], [(rows, []) for rows in points]


def _fill(
    folder: Path,
    order: _Order,
    shape: tuple[int, ...],
    part_of: Callable[[_Job], _Part],
    jobs: Sequence[_Job],
    workers: int,
    drawn: Drawn | None,
) -> tuple[Path, list[_Note]]:
    """Draw everything into one file, unless it is there; returns it, and what was noted of each picture."""
    name = f"{order.kind}-{order.first_seed}-{order.count}x{order.views}"
    file, list_file = folder / f"{name}.u8", folder / f"{name}.json"
    try:
        if list_file.is_file():
            listed = json.loads(list_file.read_text(encoding="utf-8"))
            if listed["order"] == asdict(order) and file.stat().st_size == int(np.prod(shape)):
                return file, listed["notes"]
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        pictures = np.memmap(part, np.uint8, "w+", shape=shape)
        notes: list[_Note] = []
        start = 0
        for images, more in _drawn_parts(part_of, jobs, workers):
            pictures[start : start + len(images)] = images
            start += len(images)
            notes += more
            if drawn is not None:
                drawn(start, shape[0])
        pictures.flush()
        part.replace(file)
        list_file.write_text(json.dumps({"order": asdict(order), "notes": notes}), encoding="utf-8")
    except OSError as error:
        need = int(np.prod(shape)) / 1e9
        raise OutputError(
            f"cannot keep drawn pictures in {folder} ({need:.1f} GB): {error.strerror or error}"
        ) from None
    return file, notes


def _drawn_parts(part_of: Callable[[_Job], _Part], jobs: Sequence[_Job], workers: int) -> Iterator[_Part]:
    """The parts in order, from this process or from several."""
    cv2.setNumThreads(1)
    if workers <= 1:
        yield from map(part_of, jobs)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=end_with_parent) as pool:
        yield from pool.map(part_of, jobs)
