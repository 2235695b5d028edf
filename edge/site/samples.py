"""Random pictures to train networks on: scenes with boxes and keypoints, and crops of one person.

Everything is drawn anew from a seed: place, camera, light, people, poses, and what the camera does to the
picture. The same seed gives the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.backdrop import paint_place
from edge.site.camera import Camera, aim
from edge.site.canvas import Canvas
from edge.site.crowd import Actor, gather
from edge.site.paint import draw_crowd, paint_people
from edge.site.people import Look, person_look
from edge.site.scenery import collage, grained, random_colour, random_light, random_place
from edge.site.sensor import develop, random_sensor
from edge.site.skeleton import articulate, place_joints
from edge.site.stance import random_stance, stand, walk

__all__ = ["SceneSample", "random_crop", "random_scene", "spoil"]

Reals = NDArray[np.float64]

_SCENE_STREAM, _CROP_STREAM = 0x5CE_4E, 0xC4_09
_PEOPLE_MAX = 15
_STRANGERS_FROM, _STRANGERS = (
    1 << 31,
    300,
)  # seeds of whoever else is in a crop; few, as a new figure takes time
_SMALLEST_PX = 18.0


@dataclass(frozen=True, slots=True, eq=False)
class SceneSample:
    """One picture with everybody in it; row i of every array is one person.

    image_bgr_hwc: uint8 (h, w, 3)
    boxes_px: float32 (n, 4)          left, top, right, bottom of the whole body, clipped to the picture
    visible: float32 (n,)             share of the body's pixels in the picture that nothing hides
    inside: float32 (n,)              share of the whole body's box that lies in the picture
    keypoints_px: float32 (n, 18, 3)  OpenPose's COCO order; x, y, and 0 outside the picture, 1 hidden by
                                      somebody else or something, 2 not
    person_seeds: int64 (n,)          see :func:`random_crop`
    """

    image_bgr_hwc: NDArray[np.uint8]
    boxes_px: NDArray[np.float32]
    visible: NDArray[np.float32]
    inside: NDArray[np.float32]
    keypoints_px: NDArray[np.float32]
    person_seeds: NDArray[np.int64]


def random_scene(seed: int, size_px: tuple[int, int] = (640, 360)) -> SceneSample:
    """A picture of a random place with 0 to 15 people.

    Args:
        seed: 0 or more; the same seed and size give the same picture.
        size_px: width and height.
    """
    rng = np.random.default_rng((_SCENE_STREAM, seed))
    camera = _random_camera(rng, size_px)
    light = random_light(rng)
    if rng.random() < 0.22:
        canvas = collage(rng, size_px)
    else:
        place = random_place(rng, camera, things=int(rng.integers(0, 16)))
        canvas = paint_place(place, camera, light, exact=False)
    if rng.random() < 0.5:
        image = grained(canvas.image_bgr_hwc, rng, float(rng.uniform(0.05, 0.45)))
        canvas = Canvas(image, canvas.blockers_m)
    seeds, actors = _random_people(rng, camera)
    seen = paint_people(canvas, camera, actors, light)
    image = develop(canvas.image_bgr_hwc, random_sensor(rng), rng)
    image = spoil(image, rng)
    return SceneSample(
        image_bgr_hwc=image,
        boxes_px=seen.boxes_px,
        visible=seen.visible,
        inside=seen.inside,
        keypoints_px=seen.keypoints_px,
        person_seeds=np.array(seeds, np.int64)[seen.actors],
    )


def random_crop(
    person_seed: int, view_seed: int, size_px: tuple[int, int] = (64, 128), *, look: Look | None = None
) -> NDArray[np.uint8]:
    """One person as a detector would cut them out, in a random pose, light, camera and place.

    Args:
        person_seed: who; the same seed is the same person in every view and in :func:`random_scene`.
        view_seed: everything else.
        size_px: width and height of the crop; it is stretched to that as a network's input is.
        look: somebody else than ``person_seed`` says.

    Returns:
        uint8 (h, w, 3), blue, green, red.
    """
    rng = np.random.default_rng((_CROP_STREAM, person_seed, view_seed))
    look = person_look(person_seed) if look is None else look
    who = _random_actor(rng, look, (0.0, 0.0), upright=True)
    camera = _crop_camera(rng, who, size_px)
    light = random_light(rng)
    light = replace(light, shadow=light.shadow if rng.random() < 0.3 else 0.0, softness_px=2.0)
    canvas = _crop_backdrop(rng, camera)
    actors = [who]
    behind = camera.rotation[2] * (1, 1, 0)
    behind /= math.hypot(behind[0], behind[1])
    beside = camera.rotation[0]
    for chance, steps in ((0.30, (0.5, 2.5)), (0.14, (-1.2, -0.5))):
        if rng.random() < chance:
            away = float(rng.uniform(*steps))
            aside = float(rng.uniform(0.22, 0.75)) * (1 if rng.random() < 0.5 else -1)
            spot = behind * away + beside * aside
            stranger = person_look(_STRANGERS_FROM + int(rng.integers(_STRANGERS)))
            actors.append(_random_actor(rng, stranger, (float(spot[0]), float(spot[1])), upright=True))
    crowd = gather(camera, actors)
    if crowd is not None:
        draw_crowd(canvas, camera, crowd, light)
    image = canvas.image_bgr_hwc
    if rng.random() < 0.12:
        _cover(image, rng)
    return _coarsen(develop(image, random_sensor(rng), rng), rng)


def _random_camera(rng: np.random.Generator, size_px: tuple[int, int]) -> Camera:
    high = float(np.exp(rng.uniform(math.log(1.5), math.log(8.0))))
    fov = float(rng.uniform(32.0, 95.0))
    steepest = min(0.95, math.atan(high / 2.2))
    pitch = float(rng.uniform(0.0, steepest)) if rng.random() < 0.8 else float(rng.uniform(-0.08, 0.1))
    heading = float(rng.uniform(0, 2 * math.pi))
    target = (
        math.cos(pitch) * math.cos(heading),
        math.cos(pitch) * math.sin(heading),
        high - math.sin(pitch),
    )
    roll = float(rng.normal(0.0, 1.5))
    return aim((0.0, 0.0, high), target, fov_deg=fov, size_px=size_px, roll_deg=roll)


def _random_people(rng: np.random.Generator, camera: Camera) -> tuple[list[int], list[Actor]]:
    """People somewhere in the picture, of all sizes; some in groups."""
    kind = rng.random()
    count = 0 if kind < 0.06 else int(rng.integers(1, 5 if kind < 0.45 else _PEOPLE_MAX + 1))
    seeds: list[int] = []
    actors: list[Actor] = []
    spots: list[tuple[float, float]] = []
    for _ in range(count):
        near = spots[int(rng.integers(len(spots)))] if spots and rng.random() < 0.3 else None
        spot = _random_spot(rng, camera, near)
        if spot is None or any(math.hypot(spot[0] - x, spot[1] - y) < 0.42 for x, y in spots):
            continue
        seed = int(rng.integers(1 << 31))
        spots.append(spot)
        seeds.append(seed)
        actors.append(_random_actor(rng, person_look(seed), spot))
    return seeds, actors


def _random_spot(
    rng: np.random.Generator, camera: Camera, near: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Where somebody may stand so that most of them is in the picture; None after a few misses."""
    width, height = camera.size_px
    focal = camera.intrinsics[0, 0]
    position, ahead = camera.position_m, camera.rotation[2]
    level = math.hypot(ahead[0], ahead[1])
    for _ in range(6):
        if near is not None:
            x, y = near[0] + float(rng.normal(0, 0.9)), near[1] + float(rng.normal(0, 0.9))
        else:
            tall_px = float(np.exp(rng.uniform(math.log(_SMALLEST_PX), math.log(0.95 * height))))
            depth = focal * 1.7 / tall_px
            reach = (depth + position[2] * ahead[2]) / level  # ahead[2] is negative when looking down
            if reach < 0.8:
                continue
            aside = (float(rng.uniform(-0.03, 1.03)) * width - camera.intrinsics[0, 2]) / focal * depth
            right = camera.rotation[0]
            x = float(position[0] + reach * ahead[0] / level + aside * right[0])
            y = float(position[1] + reach * ahead[1] / level + aside * right[1])
        pixels, depths = camera.project(np.array([[x, y, 0.1], [x, y, 0.9], [x, y, 1.6]]))
        if depths.min() < 0.8:
            continue
        inside = ((pixels > -5) & (pixels < (width + 5, height + 5))).all(axis=1)
        if inside.sum() >= 2 and abs(pixels[2, 1] - pixels[0, 1]) > 0.8 * _SMALLEST_PX:
            return x, y
    return None


def _random_actor(
    rng: np.random.Generator, look: Look, spot: tuple[float, float], *, upright: bool = False
) -> Actor:
    if upright:
        phase, aside = float(rng.uniform(0, 2 * math.pi)), float(rng.normal(0, 0.25))
        stance = (
            walk(look, phase, float(rng.uniform(0.5, 1.8)), aside)
            if rng.random() < 0.75
            else stand(look, phase, aside)
        )
    else:
        stance = random_stance(look, rng)
    return Actor(look, place_joints(articulate(look, stance), spot, float(rng.uniform(0, 2 * math.pi))))


def _crop_camera(rng: np.random.Generator, who: Actor, size_px: tuple[int, int]) -> Camera:
    """A camera that sees the person's box, a little off, over the whole of a small picture."""
    width, height = size_px
    far = float(rng.uniform(3.5, 16.0))
    high = float(np.exp(rng.uniform(math.log(1.4), math.log(6.0))))
    around = float(rng.uniform(0, 2 * math.pi))
    wide = aim(
        (far * math.cos(around), far * math.sin(around), high),
        (0.0, 0.0, 0.5 * who.look.height_m),
        fov_deg=60.0,
        size_px=(1000, 1000),
        roll_deg=float(rng.normal(0, 2.0)),
    )
    pixels, depths = wide.project(who.joints_m)
    girth = wide.intrinsics[0, 0] / float(depths[0]) * np.array([0.10, 0.03])  # of what is around the bones
    low = pixels.min(axis=0) - girth
    size = pixels.max(axis=0) + girth - low
    least = 0.36 * size[1]
    if size[0] < least:  # detectors' boxes are not slimmer either
        low[0] -= (least - size[0]) / 2
        size[0] = least
    jitter = rng.normal((-0.03, -0.02, 0.03, 0.02), 0.045)
    corner = low + jitter[:2] * size
    size = size * (1 + jitter[2:] - jitter[:2])
    scale = np.array([width, height]) / size
    shift = np.array([[scale[0], 0, -corner[0] * scale[0]], [0, scale[1], -corner[1] * scale[1]], [0, 0, 1]])
    return Camera(shift @ wide.intrinsics, wide.rotation, wide.shift_m, size_px)


def _crop_backdrop(rng: np.random.Generator, camera: Camera) -> Canvas:
    """Floor below, something else above, and some patches."""
    width, height = camera.size_px
    image = np.empty((height, width, 3), np.uint8)
    split = int(height * float(rng.uniform(-0.2, 1.0)))
    image[:] = random_colour(rng)
    if split > 0:
        image[:split] = random_colour(rng)
    for _ in range(int(rng.integers(0, 5))):
        x, y = int(rng.uniform(-0.5, 1) * width), int(rng.uniform(-0.5, 1) * height)
        corner = (x + int(rng.uniform(0.1, 0.8) * width), y + int(rng.uniform(0.1, 0.8) * height))
        cv2.rectangle(image, (x, y), corner, random_colour(rng), -1)
    if rng.random() < 0.7:
        image = grained(image, rng, float(rng.uniform(0.05, 0.6)))
    return Canvas(image, np.full((height, width), np.inf, np.float32))


def _cover(image: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Something stands before the person: from below, or at one side."""
    height, width = image.shape[:2]
    colour = random_colour(rng)
    if rng.random() < 0.5:
        image[int(height * float(rng.uniform(0.55, 0.9))) :] = colour
    elif rng.random() < 0.5:
        image[:, : int(width * float(rng.uniform(0.1, 0.4)))] = colour
    else:
        image[:, int(width * float(rng.uniform(0.6, 0.9))) :] = colour


def _coarsen(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Fewer pixels, as of somebody far away, and a codec's artefacts."""
    height, width = image.shape[:2]
    if rng.random() < 0.6:
        share = float(rng.uniform(0.3, 1.0))
        small = (max(8, round(width * share)), max(16, round(height * share)))
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.5:
        image = _squeeze(image, int(rng.integers(25, 92)))
    if image.shape[:2] != (height, width):
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return image


def spoil(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A codec's artefacts, and now and then a lower resolution than the picture pretends to have."""
    height, width = image.shape[:2]
    if rng.random() < 0.25:
        share = float(rng.uniform(0.5, 0.9))
        small = cv2.resize(image, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < 0.6:
        image = _squeeze(image, int(rng.integers(18, 95)))
    return image


def _squeeze(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
