"""Pictures of the preset sites to train a detector on: other people, and cameras hung a little otherwise.

:mod:`edge.site.samples` draws places that look like none, so that a network does not depend on any. These
look like the sites, so that it also gets used to what it will mostly see. Sites of seeds below
:data:`FIRST_SEED` stay for measuring.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.site.camera import aim
from edge.site.film import Film, Shot
from edge.site.job import walk_site
from edge.site.layout import Site, SiteCamera, check_camera
from edge.site.samples import SceneSample, spoil
from edge.site.sensor import random_sensor
from edge.site.truth import LEAST_SHARE, whole_share
from edge.site.walks import Paths

__all__ = ["FIRST_SEED", "site_views"]

FIRST_SEED = 1_000  # of a site to train on
_STREAM = 0x51_3E
_DURATION_S = 40.0
_PRESETS = (("demo", 0.3), ("handover", 0.3), ("twins", 0.15), ("crowd", 0.15), ("night", 0.1))
_TRIES = 6
_GLANCES = 6
_EMPTY_KEPT = 0.2  # of the frames that show nobody


def site_views(seed: int, count: int) -> list[SceneSample]:
    """Moments of one camera of one site.

    Args:
        seed: 0 or more; which site, who is there, which camera, how it hangs, which moments.
        count: how many.
    """
    rng = np.random.default_rng((_STREAM, seed))
    names, chances = zip(*_PRESETS, strict=True)
    preset = names[int(rng.choice(len(names), p=np.array(chances)))]
    site, paths = walk_site(preset, FIRST_SEED + seed, _DURATION_S)
    number = int(rng.integers(len(site.cameras)))
    film = _film(site, number, paths, seed, rng)
    samples: list[SceneSample] = []
    while len(samples) < count:  # a second time over the frames where nearly all of them are empty
        for frame in rng.permutation(paths.frames).tolist():
            shot = film.shot(frame)
            if shot.image_bgr_hwc is None or (not len(shot.ids) and rng.random() > _EMPTY_KEPT):
                continue
            samples.append(_sample(shot.image_bgr_hwc, shot, rng))
            if len(samples) == count:
                break
    return samples


def _film(site: Site, number: int, paths: Paths, seed: int, rng: np.random.Generator) -> Film:
    """What a camera sees that hangs otherwise, if that still shows people; else from where it is."""
    for _ in range(_TRIES):
        moved = list(site.cameras)
        moved[number] = _hung_otherwise(site, site.cameras[number], rng)
        film = Film(replace(site, cameras=tuple(moved)), number, paths, seed=FIRST_SEED + seed)
        glances = rng.choice(paths.frames, _GLANCES, replace=False).tolist()
        shots = [film.shot(frame) for frame in glances]
        if sum(int((whole_share(shot) >= LEAST_SHARE).sum()) for shot in shots) >= _GLANCES // 2:
            return film
    return Film(site, number, paths, seed=FIRST_SEED + seed)


def _sample(image_bgr_hwc: NDArray[np.uint8], shot: Shot, rng: np.random.Generator) -> SceneSample:
    seen = shot.seen
    return SceneSample(
        image_bgr_hwc=spoil(image_bgr_hwc, rng),
        boxes_px=seen.boxes_px,
        visible=seen.visible,
        inside=seen.inside,
        keypoints_px=seen.keypoints_px,
        person_seeds=shot.ids,
    )


def _hung_otherwise(site: Site, view: SiteCamera, rng: np.random.Generator) -> SiteCamera:
    """The camera at another place nearby, turned, with another lens, and perhaps another sensor."""
    sensor = view.sensor
    if rng.random() < 0.5:
        sensor = random_sensor(rng, infrared=sensor.infrared)
    camera = view.camera
    for _ in range(_TRIES):
        ahead = camera.rotation[2] * float(rng.uniform(4.0, 8.0))
        position = camera.position_m + rng.normal(0.0, (0.9, 0.9, 0.3))
        target = camera.position_m + ahead + rng.normal(0.0, (1.2, 1.2, 0.4))
        fov_deg = float(rng.uniform(55.0, 90.0))
        made = aim(_point(position), _point(target), fov_deg=fov_deg, size_px=camera.size_px)
        other = replace(view, camera=made, sensor=sensor)
        try:
            check_camera(site, other)
        except ConfigError:
            continue
        return other
    return replace(view, sensor=sensor)


def _point(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z
