"""What one camera of a site sees, frame by frame: pictures, and the truth about them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.site.backdrop import paint_place
from edge.site.camera import Camera
from edge.site.canvas import Canvas
from edge.site.crowd import Actor
from edge.site.layout import Site, SiteCamera
from edge.site.paint import Seen, paint_people
from edge.site.people import Look
from edge.site.places import Place, Solid
from edge.site.sensor import develop
from edge.site.skeleton import articulate, place_joints
from edge.site.stance import Stance, blend, stand, walk
from edge.site.walks import Paths

__all__ = ["Film", "Shot", "actor_at"]

Reals = NDArray[np.float64]

_NOISE_STREAM = 0xF1_13
_FAR_M = 45.0  # what stands farther away is left out of a camera's picture of the place
_AROUND_M = 1.4  # a body and its bag are within this of the point a metre above where it stands
_COARSE = 4  # without pixels, hidden people are looked for in a picture of a quarter of the size


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame of one camera.

    number: from 0; the same number is the same moment in all cameras.
    image_bgr_hwc: uint8 (h, w, 3), None without pixels
    ids: int64 (n,)       global ids, from 1
    seen: row i belongs to ids[i]
    """

    number: int
    image_bgr_hwc: NDArray[np.uint8] | None
    ids: NDArray[np.int64]
    seen: Seen


class Film:
    """Everything one camera sees.

    Args:
        site: the site.
        number: which of its cameras.
        paths: where everybody walks.
        seed: for the noise.
        pixels: whether pictures are drawn; boxes and keypoints are the same without.
    """

    def __init__(self, site: Site, number: int, paths: Paths, *, seed: int, pixels: bool = True) -> None:
        self._site = site
        self._paths = paths
        self._seed = (_NOISE_STREAM, seed, number)
        self._view: SiteCamera = site.cameras[number]
        self._pixels = pixels
        camera = self._view.camera if pixels else shrunk(self._view.camera, _COARSE)
        self._drawn = camera
        self._empty = paint_place(nearby(site.place, camera), camera, self._view.light)

    def shots(self) -> Iterator[Shot]:
        """All frames in order."""
        for number in range(self._paths.frames):
            yield self.shot(number)

    def shot(self, number: int) -> Shot:
        """One frame; the same whichever were asked for before."""
        paths, looks = self._paths, self._site.looks
        here = np.flatnonzero(paths.present[number])
        here = here[self._may_see(paths.xy_m[number, here])]
        actors = [actor_at(looks[person], paths, number, person) for person in here.tolist()]
        canvas = Canvas(self._empty.image_bgr_hwc.copy(), self._empty.blockers_m)
        seen = paint_people(canvas, self._drawn, actors, self._view.light)
        image = None
        if self._pixels:
            rng = np.random.default_rng((*self._seed, number))
            image = develop(canvas.image_bgr_hwc, self._view.sensor, rng)
        else:
            seen = _enlarged(seen, self._view.camera, actors)
        return Shot(number, image, (here[seen.actors] + 1).astype(np.int64), seen)

    def _may_see(self, xy_m: Reals) -> NDArray[np.bool_]:
        """Who is in front of the camera, not too far off its axis, and not wholly behind something.

        In doubt somebody may be seen; it saves posing those who surely are not.
        """
        camera, blockers = self._drawn, self._empty.blockers_m
        points = np.column_stack([xy_m, np.full(len(xy_m), 1.0)])
        pixels, depths = camera.project(points)
        width, height = camera.size_px
        wide = _AROUND_M * camera.intrinsics[0, 0] / np.maximum(depths, 0.3)
        lows = np.clip(pixels - wide[:, None], 0, (width, height)).astype(np.int64)
        highs = np.clip(pixels + wide[:, None] + 1, 0, (width, height)).astype(np.int64)
        may = (depths > 0.3) & (depths < _FAR_M) & (highs > lows).all(axis=1)
        for row in np.flatnonzero(may).tolist():
            (left, top), (right, bottom) = lows[row], highs[row]
            may[row] = blockers[top:bottom, left:right].max() >= depths[row] - _AROUND_M
        return np.asarray(may)


def actor_at(look: Look, paths: Paths, frame: int, person: int) -> Actor:
    """Somebody in a frame, with the stance that goes with their speed."""
    speed, phase = float(paths.speeds_m_s[frame, person]), float(paths.phases[frame, person])
    aside = 0.35 * math.sin(0.31 * phase + person)
    share = min(1.0, max(0.0, (speed - 0.1) / 0.5))
    stance: Stance = walk(look, phase, max(speed, 0.4), aside)
    if share < 1.0:
        stance = blend(stand(look, 0.5 * phase, aside), stance, share)
    x, y = paths.xy_m[frame, person]
    return Actor(look, place_joints(articulate(look, stance), (x, y), float(paths.headings[frame, person])))


def shrunk(camera: Camera, factor: int) -> Camera:
    """The same view with so many times fewer pixels each way."""
    width, height = camera.size_px
    shift = (1 / factor - 1) / 2
    scale = np.array([[1 / factor, 0, shift], [0, 1 / factor, shift], [0, 0, 1]])
    return Camera(
        scale @ camera.intrinsics, camera.rotation, camera.shift_m, (width // factor, height // factor)
    )


def nearby(place: Place, camera: Camera) -> Place:
    """A place without what a camera cannot see: too far away, behind it, or beside its picture."""
    return Place(place.floor, place.sky_bgr, tuple(one for one in place.solids if _in_view(one, camera)))


def _in_view(one: Solid, camera: Camera) -> bool:
    outline = np.array(one.outline_m)
    x, y, _ = camera.position_m
    if np.hypot(outline[:, 0] - x, outline[:, 1] - y).min() > _FAR_M:
        return False
    corners = np.vstack(
        [np.column_stack([outline, np.full(len(outline), z)]) for z in (one.low_m, one.high_m)]
    )
    pixels, depths = camera.project(corners)
    if depths.max() < 0.1:
        return False
    if depths.min() < 0.1:
        return True
    width, height = camera.size_px
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return bool(high[0] >= 0 and high[1] >= 0 and low[0] < width and low[1] < height)


def _enlarged(seen: Seen, camera: Camera, actors: list[Actor]) -> Seen:
    """What was seen in a small picture, with boxes and keypoints as in the large one."""
    from edge.site.crowd import extents

    boxes, inside, points = extents(camera, [actors[i] for i in seen.actors.tolist()])
    flags = seen.keypoints_px[:, :, 2:]
    return Seen(seen.actors, boxes, seen.visible, inside, np.concatenate([points, flags], axis=2))
