from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge.backends.surfaces import SurfaceDevice
from edge.records.crop import Crop
from edge.records.identity import Decision
from edge.stages.sink.album import Album

MakeCrop = Callable[..., Crop]
MakeDecision = Callable[..., Decision]


def test_a_picture_is_kept_as_a_small_jpeg(make_crop: MakeCrop, make_decision: MakeDecision) -> None:
    album = Album()
    album.decide(make_decision(crop=make_crop(height=400)))
    (picture,) = album.people[0].pictures
    image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (176, 88, 3)
    assert picture.size_px == (88, 176)


def test_a_tracklet_has_one_picture_its_best(make_crop: MakeCrop, make_decision: MakeDecision) -> None:
    album = Album()
    for quality in (0.4, 0.9, 0.6):
        album.decide(make_decision(crop=make_crop(quality=quality)))
    assert [picture.quality for picture in album.people[0].pictures] == [0.9]


def test_a_full_album_keeps_every_camera_and_then_the_best(
    make_crop: MakeCrop, make_decision: MakeDecision
) -> None:
    album = Album(pictures_per_person=3)
    for number, quality in enumerate((0.7, 0.5, 0.9, 0.8, 0.1)):
        album.decide(
            make_decision("identity.match", tracklet=f"door/{number}/0", crop=make_crop(quality=quality))
        )
    assert sorted(picture.quality for picture in album.people[0].pictures) == [0.7, 0.8, 0.9]
    album.decide(make_decision("identity.match", tracklet="yard/1/0", crop=make_crop("yard", 0.2)))
    kept = sorted((picture.camera, picture.quality) for picture in album.people[0].pictures)
    assert kept == [("door", 0.8), ("door", 0.9), ("yard", 0.2)]
    album.decide(make_decision("identity.match", tracklet="yard/2/0", crop=make_crop("yard", 0.3)))
    kept = sorted((picture.camera, picture.quality) for picture in album.people[0].pictures)
    assert kept == [("door", 0.8), ("door", 0.9), ("yard", 0.3)]


def test_a_merge_brings_pictures_and_times_together(make_crop: MakeCrop, make_decision: MakeDecision) -> None:
    album = Album()
    album.decide(make_decision(identity=1, tracklet="door/1/0", crop=make_crop()))
    album.decide(make_decision(identity=2, tracklet="yard/1/0", camera="yard", crop=make_crop("yard")))
    album.sight(1, "door", 10, 20)
    album.sight(2, "door", 15, 40)
    album.decide(make_decision("identity.merge", 1, previous=2, camera="", track=0, tracklet=""))
    (person,) = album.people
    assert (person.identity, person.formerly, person.seen) == (1, [2], {"door": (10, 40)})
    assert sorted(picture.camera for picture in person.pictures) == ["door", "yard"]


@pytest.mark.parametrize("identity", [2, 0])
def test_a_rename_moves_the_pictures_of_that_tracklet_only(
    make_crop: MakeCrop, make_decision: MakeDecision, identity: int
) -> None:
    album = Album()
    for tracklet in ("door/1/0", "door/2/0"):
        album.decide(make_decision(identity=1, tracklet=tracklet, crop=make_crop()))
    kind = "identity.rename" if identity else "identity.unknown"
    album.decide(make_decision(kind, identity, previous=1, tracklet="door/2/0"))
    pictures = {one.identity: [picture.tracklet for picture in one.pictures] for one in album.people}
    assert pictures == ({1: ["door/1/0"], 2: ["door/2/0"]} if identity else {1: ["door/1/0"]})


def test_people_a_revision_left_nothing_of_are_not_shown(
    make_crop: MakeCrop, make_decision: MakeDecision
) -> None:
    album = Album()
    album.decide(make_decision(identity=1, crop=make_crop()))
    album.decide(make_decision("identity.rename", 2, previous=1))
    assert [person.identity for person in album.people] == [2]


def test_of_too_many_people_those_seen_last_are_kept(
    make_crop: MakeCrop, make_decision: MakeDecision
) -> None:
    album = Album(people=2)
    for identity in (1, 2, 3):
        album.decide(make_decision(identity=identity, time_ns=identity, crop=make_crop()))
    assert [person.identity for person in album.people] == [2, 3]
    album.sight(2, "door", 5, 9)
    album.decide(make_decision(identity=4, time_ns=8, crop=make_crop()))
    assert [person.identity for person in album.people] == [2, 4]
    assert album.left_out == 2


def test_without_pictures_people_are_still_known(make_crop: MakeCrop, make_decision: MakeDecision) -> None:
    album = Album(pictures_per_person=0)
    album.decide(make_decision(crop=make_crop()))
    album.sight(1, "door", 1, 2)
    assert [(one.identity, one.pictures) for one in album.people] == [(1, [])]


def test_unknown_people_are_nobody(make_crop: MakeCrop, make_decision: MakeDecision) -> None:
    album = Album()
    album.decide(make_decision("identity.unknown", 0, crop=make_crop()))
    album.sight(0, "door", 1, 2)
    assert album.people == []


def test_an_empty_crop_is_no_picture(make_crop: MakeCrop, make_decision: MakeDecision) -> None:
    album = Album()
    album.decide(make_decision(crop=make_crop(pixels=np.zeros((0, 4, 3), np.uint8))))
    assert album.people == []


def test_a_picture_on_a_device_is_copied_only_if_it_is_kept(
    make_decision: MakeDecision, make_crop: MakeCrop
) -> None:
    device = SurfaceDevice("cpu")
    album = Album(pictures_per_person=1)
    for quality in (0.9, 0.5, 0.4):
        surface = device.uploaded(make_crop().image_bgr_hwc)
        album.decide(make_decision(crop=make_crop(quality=quality, pixels=surface)))
    assert device.counts.downloads == 1
    assert len(album.people[0].pictures) == 1
