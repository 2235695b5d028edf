"""The best pictures of each identity, in bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.records.crop import Crop
from edge.records.frame import size_of
from edge.records.identity import Decision

__all__ = ["Album", "Person", "Picture"]

_MAX_HEIGHT_PX = 176
_JPEG_QUALITY = 80
_MOST_FORMER = 16


@dataclass(frozen=True, slots=True)
class Picture:
    """A crop as it is kept.

    tracklet: uid of the tracklet it shows.
    camera, captured_at_ns, quality: from the crop.
    size_px: (width, height) of the JPEG.
    jpeg: the encoded picture.
    """

    tracklet: str
    camera: str
    captured_at_ns: int
    quality: float
    size_px: tuple[int, int]
    jpeg: bytes


@dataclass(slots=True)
class Person:
    """One identity.

    pictures: at most the album's ``pictures_per_person``, in the order they were taken in.
    seen: camera to first and last wall time, nanoseconds; settled boxes only.
    formerly: identities that merged into this one, the first sixteen.
    probability: of the last decision about it.
    touched_ns: wall time of the newest thing known about it.
    """

    identity: int
    pictures: list[Picture] = field(default_factory=list)
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    formerly: list[int] = field(default_factory=list)
    probability: float = 0.0
    touched_ns: int = 0

    def sight(self, camera: str, first_ns: int, last_ns: int) -> None:
        """Widen the time this person was seen in a camera."""
        first, last = self.seen.get(camera, (first_ns, last_ns))
        self.seen[camera] = (min(first, first_ns), max(last, last_ns))


class Album:
    """People and their best pictures: from every camera if possible, and the sharpest.

    Pictures are encoded as JPEG when they come (about 3 KB), so the memory is at most ``people`` ×
    ``pictures_per_person`` such pictures. Of more people, those seen last are kept.

    Args:
        people: most identities kept.
        pictures_per_person: most pictures of one; 0 keeps none at all.
    """

    def __init__(self, people: int = 200, pictures_per_person: int = 6) -> None:
        self._most_people = people
        self._most_pictures = pictures_per_person
        self._people: dict[int, Person] = {}
        self.left_out = 0

    @property
    def people(self) -> list[Person]:
        """The people kept, by identity; those a revision left nothing of are not among them."""
        return [one for _, one in sorted(self._people.items()) if one.seen or one.pictures]

    def decide(self, decision: Decision) -> None:
        """Take in a decision: add its picture, and move what a revision moves."""
        if decision.type == "identity.merge":
            self.merge(decision.previous, decision.identity)
        if decision.previous > 0 and decision.previous != decision.identity and decision.tracklet:
            self._take_away(decision.previous, decision.tracklet, decision.identity)
        if decision.identity <= 0:
            return
        person = self._person(decision.identity, decision.time_ns)
        person.probability = decision.probability
        if decision.crop is not None:
            self._add_picture(person, decision.tracklet, decision.crop)

    def sight(self, identity: int, camera: str, first_ns: int, last_ns: int) -> None:
        """Note that a known person was in a camera from ``first_ns`` to ``last_ns``."""
        if identity > 0:
            self._person(identity, last_ns).sight(camera, first_ns, last_ns)

    def merge(self, old: int, new: int) -> None:
        """Make one person of two; ``new`` is the name that stays."""
        if old == new or old <= 0 or new <= 0 or old not in self._people:
            return
        gone = self._people.pop(old)
        kept = self._people.setdefault(new, Person(new))
        kept.formerly = sorted({*kept.formerly, *gone.formerly, old})[:_MOST_FORMER]
        kept.touched_ns = max(kept.touched_ns, gone.touched_ns)
        for camera, (first_ns, last_ns) in gone.seen.items():
            kept.sight(camera, first_ns, last_ns)
        for picture in gone.pictures:
            _insert(kept.pictures, picture, self._most_pictures)

    def _person(self, identity: int, time_ns: int) -> Person:
        person = self._people.get(identity)
        if person is None:
            person = self._people[identity] = Person(identity)
        person.touched_ns = max(person.touched_ns, time_ns)
        if len(self._people) > self._most_people:
            oldest = min(self._people.values(), key=lambda one: (one is person, one.touched_ns))
            del self._people[oldest.identity]
            self.left_out += 1
        return person

    def _take_away(self, previous: int, tracklet: str, identity: int) -> None:
        """Move the pictures of one tracklet from one person to another, or away if to nobody."""
        former = self._people.get(previous)
        if former is None:
            return
        moved = [picture for picture in former.pictures if picture.tracklet == tracklet]
        former.pictures = [picture for picture in former.pictures if picture.tracklet != tracklet]
        if identity > 0:
            for picture in moved:
                person = self._person(identity, picture.captured_at_ns)
                _insert(person.pictures, picture, self._most_pictures)

    def _add_picture(self, person: Person, tracklet: str, crop: Crop) -> None:
        candidate = Picture(tracklet, crop.camera, crop.captured_at_ns, crop.quality, (0, 0), b"")
        if all(size_of(crop.pixels)) and _insert(list(person.pictures), candidate, self._most_pictures):
            size_px, jpeg = _encode(crop.image_bgr_hwc)
            picture = Picture(tracklet, crop.camera, crop.captured_at_ns, crop.quality, size_px, jpeg)
            _insert(person.pictures, picture, self._most_pictures)


def _insert(pictures: list[Picture], new: Picture, most: int) -> bool:
    """Add a picture where it belongs; return False when the ones there are better.

    A tracklet has one picture, its best. A full list gives up the worst picture of the camera that has
    most, always if that makes the cameras more even, else if the new one is better.
    """
    if most <= 0:
        return False
    for index, picture in enumerate(pictures):
        if picture.tracklet == new.tracklet and picture.camera == new.camera:
            if picture.quality >= new.quality:
                return False
            pictures[index] = new
            return True
    if len(pictures) < most:
        pictures.append(new)
        return True
    counts = Counter(picture.camera for picture in pictures)
    crowd = max(counts.values())
    own = counts[new.camera]
    victims = [
        picture
        for picture in pictures
        if (own < crowd and counts[picture.camera] == crowd)
        or (own + 1 >= crowd and picture.camera == new.camera)
    ]
    worst = min(victims, key=lambda picture: picture.quality)
    if own + 1 < crowd or new.quality > worst.quality:
        pictures[pictures.index(worst)] = new
        return True
    return False


def _encode(image_bgr_hwc: NDArray[np.uint8]) -> tuple[tuple[int, int], bytes]:
    """Return (width, height) and the JPEG of an image, made smaller where it is tall."""
    import cv2

    height, width = image_bgr_hwc.shape[:2]
    if height > _MAX_HEIGHT_PX:
        width, height = max(1, round(width * _MAX_HEIGHT_PX / height)), _MAX_HEIGHT_PX
        image = cv2.resize(image_bgr_hwc, (width, height), interpolation=cv2.INTER_AREA)
    else:
        image = image_bgr_hwc
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ValueError(f"a crop of {width}×{height} cannot be encoded as JPEG")
    return (width, height), data.tobytes()
