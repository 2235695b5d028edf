"""Looks: always the same for a seed, different from all sides, and alike where they should be."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.site.camera import aim
from edge.site.canvas import Canvas, Light
from edge.site.crowd import Actor
from edge.site.paint import paint_people
from edge.site.people import Look, alike_look, person_look, random_look
from edge.site.presets import build_site
from edge.site.sensor import Sensor, develop
from edge.site.skeleton import articulate, place_joints
from edge.site.stance import stand

SIDE = 200
COLOURS = ("upper_bgr", "second_bgr", "inner_bgr", "lower_bgr")


def picture(
    look: Look, turn: float, sensor: Sensor, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Somebody seen from 0 (front), pi (back) or half of it (a side), and which pixels are of the body."""
    camera = aim((0.0, -4.0, 1.6), (0.0, 0.0, 0.9), fov_deg=32.0, size_px=(SIDE, SIDE))
    grey = np.full((SIDE, SIDE, 3), 127, np.uint8)
    canvas = Canvas(grey, np.full((SIDE, SIDE), np.inf, np.float32))
    joints = place_joints(articulate(look, stand(look)), (0.0, 0.0), turn - math.pi / 2)
    paint_people(canvas, camera, [Actor(look, joints)], Light(shadow=0.0))
    body = (canvas.image_bgr_hwc != 127).any(axis=2)
    return develop(canvas.image_bgr_hwc, sensor, np.random.default_rng(seed)), body


def histogram(image: NDArray[np.uint8], body: NDArray[np.bool_]) -> NDArray[np.float64]:
    counts = cv2.calcHist([image], [0, 1, 2], body.astype(np.uint8), [6, 6, 6], [0, 256] * 3)
    return counts.ravel() / counts.sum()


def difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Half the sum of what is in one histogram and not in the other: 0 the same, 1 nothing in common."""
    return 0.5 * float(np.abs(one - other).sum())


def test_a_seed_is_always_the_same_person() -> None:
    assert person_look(7) == person_look(7)
    assert len({person_look(seed) for seed in range(100)}) == 100


def test_front_and_back_differ_by_more_than_noise() -> None:
    """Noise and blur of a camera change a view less than walking around the person does."""
    noisy = Sensor(blur_px=0.6, noise=3.5, coarse_noise=1.2)
    for seed in range(25):
        look = person_look(seed)
        front = histogram(*picture(look, 0.0, noisy, 1))
        again = histogram(*picture(look, 0.0, noisy, 2))
        back = histogram(*picture(look, math.pi, noisy, 3))
        side = histogram(*picture(look, math.pi / 2, noisy, 4))
        noise = difference(front, again)
        assert difference(front, back) > 2 * noise, seed
        assert difference(front, side) > 2 * noise, seed


def test_look_alikes_wear_the_same_and_are_not_the_same() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        look = random_look(rng)
        other = alike_look(look, rng)
        assert other != look
        assert (other.upper, other.lower, other.pattern) == (look.upper, look.lower, look.pattern)
        for name in COLOURS:
            assert (
                max(abs(a - b) for a, b in zip(getattr(look, name), getattr(other, name), strict=True)) < 50
            )


def test_look_alikes_look_more_alike_than_strangers() -> None:
    rng = np.random.default_rng(1)
    plain = Sensor()
    alike, strange = [], []
    for seed in range(12):
        look, stranger = person_look(seed), person_look(seed + 500)
        own = histogram(*picture(look, 0.0, plain))
        alike.append(difference(own, histogram(*picture(alike_look(look, rng), 0.0, plain))))
        strange.append(difference(own, histogram(*picture(stranger, 0.0, plain))))
    assert np.mean(alike) < 0.8 * np.mean(strange)


def test_twins_come_in_groups_of_three() -> None:
    looks = build_site("twins").looks
    for first in range(0, 12, 3):
        assert len({(look.upper, look.lower, look.pattern) for look in looks[first : first + 3]}) == 1
        assert len(set(looks[first : first + 3])) == 3
