"""The sites that come with the product; each is made from its name and a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from edge.errors import ConfigError
from edge.site.buildings import Room, room_routes, rooms_place, shop_place, shop_routes
from edge.site.camera import aim
from edge.site.canvas import Light
from edge.site.layout import Site, SiteCamera, check_site
from edge.site.people import Look, alike_look, random_look
from edge.site.sensor import Sensor

__all__ = ["PRESETS", "Preset", "build_site"]

SIZE_PX = (640, 360)
RATE_HZ = 10.0
_LOOK_STREAM = 0x51_7E

_SENSORS = (
    Sensor((1.02, 1.0, 0.98), gamma=1.0, blur_px=0.45, noise=2.5),
    Sensor((0.86, 0.98, 1.10), gamma=1.12, blur_px=0.6, noise=3.5, vignette=0.22),
    Sensor((1.16, 1.04, 0.90), gamma=0.92, blur_px=0.5, noise=3.0, saturation=0.85),
    Sensor((1.10, 1.12, 1.08), gamma=1.05, blur_px=0.4, noise=2.0),
)
_INDOORS = Light((0.25, 0.15, 0.956), direct=0.36, ambient=0.70, shadow=0.26, softness_px=5.0)
_OUTDOORS = Light((-0.52, -0.43, 0.74), direct=0.62, ambient=0.55, shadow=0.5, softness_px=1.6)


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of site.

    about: one sentence for the user.
    build: makes it from the people's random numbers.
    """

    about: str
    build: Callable[[np.random.Generator], Site]


def build_site(preset: str, *, seed: int = 0, duration_s: float | None = None) -> Site:
    """Make a site and check that it is possible.

    Args:
        preset: a key of :data:`PRESETS`.
        seed: who the people are, and where they walk.
        duration_s: other than the preset's own.

    Raises:
        ConfigError: no such preset, a negative seed, or a duration of not one frame.
    """
    if preset not in PRESETS:
        raise ConfigError(f"no preset is called '{preset}'; there are: {', '.join(PRESETS)}", key="--preset")
    if seed < 0:
        raise ConfigError(f"must be 0 or more (got {seed})", key="--seed")
    site = PRESETS[preset].build(np.random.default_rng((_LOOK_STREAM, seed)))
    site = replace(site, name=preset)
    return check_site(site if duration_s is None else replace(site, duration_s=duration_s))


def _strangers(rng: np.random.Generator, count: int) -> tuple[Look, ...]:
    return tuple(random_look(rng) for _ in range(count))


def _families(rng: np.random.Generator, families: int, members: int) -> tuple[Look, ...]:
    """Groups of people who are dressed alike."""
    looks: list[Look] = []
    for _ in range(families):
        first = random_look(rng)
        looks += [first, *(alike_look(first, rng) for _ in range(members - 1))]
    return tuple(looks)


def _shop(looks: tuple[Look, ...], *, infrared: bool = False) -> Site:
    spots = (
        ("entrance", (6.6, 9.75, 2.9), (2.5, 5.0, 0.4), 80.0, _INDOORS),
        ("hall", (2.6, 0.35, 3.0), (8.0, 5.0, 0.3), 76.0, _INDOORS),
        ("till", (15.75, 9.7, 2.9), (12.4, 5.3, 0.4), 82.0, _INDOORS),
        ("yard", (36.4, -1.6, 4.2), (29.8, 5.0, 0.2), 62.0, _OUTDOORS),
    )
    cameras = tuple(
        SiteCamera(
            name,
            aim(position, target, fov_deg=fov, size_px=SIZE_PX),
            _at_night(sensor) if infrared else sensor,
            replace(light, direct=0.3, ambient=0.62, shadow=0.15) if infrared else light,
        )
        for (name, position, target, fov, light), sensor in zip(spots, _SENSORS, strict=True)
    )
    return Site("", shop_place(), cameras, looks, shop_routes(), (-2.5, -2.0, 40.5, 12.5), 60.0, RATE_HZ)


def _at_night(sensor: Sensor) -> Sensor:
    exposure = 0.95 * sensor.gain_bgr[1]
    return Sensor(
        (exposure, exposure, exposure),
        gamma=sensor.gamma,
        black=12.0,
        blur_px=sensor.blur_px + 0.25,
        noise=1.6 * sensor.noise,
        vignette=0.5,
        infrared=True,
    )


def _separate(
    looks: tuple[Look, ...], names: tuple[str, ...], columns: int, rng: np.random.Generator
) -> Site:
    """Rooms with one camera each, on a grid; the travel times from room to room differ."""
    palette = ((196, 208, 214), (170, 190, 170), (200, 190, 165), (150, 175, 205), (185, 185, 200))
    textures = ("concrete", "", "bricks", "concrete", "planks")
    rooms = tuple(
        Room(
            name,
            (18.0 * (k % columns), 14.0 * (k // columns)),
            palette[k % len(palette)],
            textures[k % len(textures)],
            k % 4,
        )
        for k, name in enumerate(names)
    )
    between = []
    for k in range(len(rooms)):
        for other in (k + 1, k + columns):
            same_row = other != k + 1 or (k + 1) % columns != 0
            if other < len(rooms) and same_row:
                between.append((k, other, float(rng.uniform(3.0, 11.0)), float(rng.uniform(0.4, 1.0))))
    cameras = tuple(
        SiteCamera(
            room.name,
            aim(
                (*room.at(0.35 if k % 2 else 8.65, 0.35), 2.9),
                (*room.at(5.4 if k % 2 else 3.6, 4.6), 0.7),
                fov_deg=78.0,
                size_px=SIZE_PX,
            ),
            _varied(rng, _SENSORS[k % len(_SENSORS)]),
            replace(_INDOORS, direct=float(rng.uniform(0.25, 0.45))),
        )
        for k, room in enumerate(rooms)
    )
    right, high = 18.0 * columns, 14.0 * (-(-len(rooms) // columns))
    area = (-3.0, -1.0, right, high)
    return Site(
        "", rooms_place(rooms), cameras, looks, room_routes(rooms, tuple(between)), area, 60.0, RATE_HZ
    )


def _varied(rng: np.random.Generator, sensor: Sensor) -> Sensor:
    blue, green, red = (
        float(g * f) for g, f in zip(sensor.gain_bgr, rng.uniform(0.93, 1.07, 3), strict=True)
    )
    return replace(sensor, gain_bgr=(blue, green, red))


def _build_handover(rng: np.random.Generator) -> Site:
    looks = (*_families(rng, 4, 2), *_strangers(rng, 4))
    site = _separate(looks, ("lobby", "office", "store", "dock"), 4, rng)
    return replace(site, duration_s=90.0)


def _build_large(rng: np.random.Generator) -> Site:
    names = tuple(f"room{k:02d}" for k in range(1, 33))
    return replace(_separate(_strangers(rng, 96), names, 8, rng), pixels=False)


PRESETS: dict[str, Preset] = {
    "demo": Preset(
        "Four cameras of a shop, three of them with overlapping views, and 12 people.",
        lambda rng: _shop(_strangers(rng, 12)),
    ),
    "twins": Preset(
        "The same shop; its 12 people are four groups of three who are dressed alike.",
        lambda rng: _shop(_families(rng, 4, 3)),
    ),
    "night": Preset(
        "The same shop in infrared: one grey channel, more noise.",
        lambda rng: _shop(_strangers(rng, 12), infrared=True),
    ),
    "crowd": Preset("The same shop with 32 people.", lambda rng: _shop(_strangers(rng, 32))),
    "handover": Preset(
        "Four rooms without any overlap; people come out of one and into another after a known time.",
        _build_handover,
    ),
    "large": Preset(
        "32 rooms and 96 people; truth and calibration only, unless pixels are asked for.", _build_large
    ),
}
