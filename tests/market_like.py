"""A small set of pictures in Market-1501's layout: drawn figures, seen by cameras with a colour cast.

Made for whole runs of `edge eval retrieval` and `edge eval replay`. Everybody walks through every camera
once: camera after camera, everybody a little later than the one before. A person's crops in one camera are
6 frames apart, so they are one tracklet; the next camera sees the person some hundred frames later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["MarketLike", "draw_person", "name_of", "write_generated", "write_market_like"]

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

WIDTH_PX, HEIGHT_PX = 64, 128
CASTS = ((1.0, 1.0, 1.0), (1.45, 1.0, 0.55), (0.5, 0.8, 1.4), (0.45, 0.6, 0.5))  # blue, green, red
FOG = (0, 50, 25, 0)  # grey levels that light in the lens adds
# Few, so that many people look alike but for one thing.
CLOTHES: tuple[Colour, ...] = (
    (60, 60, 60),
    (170, 170, 170),
    (60, 60, 170),
    (160, 80, 60),
    (70, 130, 70),
    (60, 110, 150),
)
FRAMES_BETWEEN_CROPS = 6
FRAMES_BETWEEN_PEOPLE = 80
FRAMES_BETWEEN_CAMERAS = 400


@dataclass(frozen=True)
class MarketLike:
    """What was written.

    folder: holds query/ and bounding_box_test/.
    people, cameras: ids 1 to so many.
    query, gallery: pictures; the gallery's without junk, with distractors.
    distractors, junk: pictures.
    """

    folder: Path
    people: int
    cameras: int
    query: int
    gallery: int
    distractors: int
    junk: int


def name_of(person: int, camera: int, frame: int, *, sequence: int = 1, box: int = 1) -> str:
    """A file's name in Market-1501's form."""
    shown = "-1" if person == -1 else f"{person:04d}"
    return f"{shown}_c{camera}s{sequence}_{frame:06d}_{box:02d}.jpg"


def write_market_like(
    folder: Path,
    *,
    people: int = 20,
    cameras: int = 3,
    crops: int = 5,
    distractors: int = 12,
    junk: int = 6,
    seed: int = 0,
) -> MarketLike:
    """Draw a set.

    Args:
        folder: where; made if it is missing.
        people: how many there are.
        cameras: how many everybody walks through, 4 at most.
        crops: pictures of everybody in each camera; the first goes to query/, the others to the gallery.
        distractors: pictures of people nobody asks for.
        junk: pictures of half a person.
        seed: of looks and noise.
    """
    rng = np.random.default_rng(seed)
    query, gallery = folder / "query", folder / "bounding_box_test"
    for place in (query, gallery):
        place.mkdir(parents=True, exist_ok=True)
    for person in range(1, people + 1):
        for camera in range(1, cameras + 1):
            begin = 100 + person * FRAMES_BETWEEN_PEOPLE + camera * FRAMES_BETWEEN_CAMERAS
            for crop in range(crops):
                image = _seen_by(camera, draw_person(person, rng), rng)
                name = name_of(person, camera, begin + crop * FRAMES_BETWEEN_CROPS)
                _write((query if crop == 0 else gallery) / name, image)
    for number in range(distractors):
        camera = number % cameras + 1
        image = _seen_by(camera, draw_person(1000 + number, rng), rng)
        _write(gallery / name_of(0, camera, 50 + number, box=2), image)
    for number in range(junk):
        camera = number % cameras + 1
        image = _seen_by(camera, draw_person(number % people + 1, rng), rng)
        _write(gallery / name_of(-1, camera, 60 + number, box=3), image[: HEIGHT_PX // 2])
    seen = people * cameras
    return MarketLike(folder, people, cameras, seen, seen * (crops - 1) + distractors, distractors, junk)


def write_generated(
    data: MarketLike, folder: Path, naming: Callable[[str, int], str], *, poses: int = 2, seed: int = 1
) -> int:
    """Draw what IPG would: the same people without any camera's cast.

    Args:
        data: the set.
        folder: where query_gen/ and bounding_box_test_gen/ go.
        naming: (name of the reference without suffix, pose from 1) -> name of the file, maybe with a folder.
        poses: pictures of each reference; none of distractors.
        seed: of the noise.

    Returns:
        How many were drawn.
    """
    rng = np.random.default_rng(seed)
    count = 0
    for place in ("query", "bounding_box_test"):
        for reference in sorted((data.folder / place).glob("[0-9]*.jpg")):
            person = int(reference.stem[:4])
            for pose in range(1, poses + 1) if person else ():
                path = folder / f"{place}_gen" / naming(reference.stem, pose)
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, draw_person(person, rng))
                count += 1
    return count


def draw_person(person: int, rng: np.random.Generator) -> Image:
    """A figure whose clothes are that person's, uint8 (128, 64, 3), blue first; position and step vary."""
    look = np.random.default_rng(7919 * person + 17)
    shirt, trousers, hair, bag = (CLOTHES[look.integers(len(CLOTHES))] for _ in range(4))
    striped, has_bag, in_shorts = (bool(look.integers(2)) for _ in range(3))
    skin = (int(look.integers(90, 190)), int(look.integers(120, 210)), int(look.integers(160, 240)))
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 120, np.uint8)
    x, y = WIDTH_PX // 2 + int(rng.integers(-4, 5)), 16 + int(rng.integers(-4, 5))
    step = int(rng.integers(2, 9))
    knee = y + 76
    for side in (-1, 1):
        foot = (x + side * step, y + 104)
        cv2.line(image, (x + side * 5, y + 56), foot, trousers, 9)
        if in_shorts:
            cv2.line(image, ((x + side * 5 + foot[0]) // 2, knee + 6), foot, skin, 7)
    cv2.rectangle(image, (x - 13, y + 11), (x + 13, y + 56), shirt, -1)
    if striped:
        for row in range(y + 16, y + 56, 10):
            cv2.rectangle(image, (x - 13, row), (x + 13, row + 3), bag, -1)
    for side in (-1, 1):
        cv2.line(image, (x + side * 14, y + 14), (x + side * (14 + step // 2), y + 48), shirt, 6)
    if has_bag:
        cv2.rectangle(image, (x + 8, y + 36), (x + 22, y + 60), bag, -1)
    cv2.circle(image, (x, y), 9, skin, -1)
    cv2.ellipse(image, (x, y - 3), (9, 7), 0.0, 180.0, 360.0, hair, -1)
    return image


def _seen_by(camera: int, image: Image, rng: np.random.Generator) -> Image:
    """The picture under a camera's light, with noise."""
    fog = FOG[camera - 1]
    light = image * np.array(CASTS[camera - 1]) * (1 - fog / 100) + fog + rng.normal(0.0, 12.0, image.shape)
    return np.clip(light, 0, 255).astype(np.uint8)


def _write(path: Path, image: Image) -> None:
    coded, content = cv2.imencode(path.suffix, image)
    assert coded
    path.write_bytes(content.tobytes())
