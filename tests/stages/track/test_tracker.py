from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from edge.config.pipeline import TrackSpec
from edge.evaluate.mot import MotBoxes, read_mot
from edge.evaluate.tracking import TrackingScore, score_boxes
from edge.records import Detections, Tracks
from edge.stages.track import CameraTracker

Make = Callable[..., Detections]
NAMES = ("bytetrack", "ocsort")


def walker(number: int, left: float = 100.0, step: float = 3.0) -> tuple[float, float, float, float]:
    return (left + step * number, 100.0, left + 40 + step * number, 220.0)


def ids_of(tracker: CameraTracker, all_detections: Iterable[Detections]) -> list[list[int]]:
    return [tracker.track(detections).track_ids.tolist() for detections in all_detections]


@pytest.mark.parametrize("name", NAMES)
def test_somebody_keeps_the_id_and_the_detected_box(name: str, make_detections: Make) -> None:
    tracker = CameraTracker(TrackSpec(name=name))
    results = [tracker.track(make_detections(n, [walker(n)], scores=[0.8])) for n in range(1, 20)]
    assert results[0].track_ids.tolist() == []  # not yet confirmed
    for number, tracks in enumerate(results[1:], start=2):
        assert tracks.track_ids.tolist() == [1]
        assert tracks.boxes_px.tolist() == [list(walker(number))]
        assert tracks.scores.tolist() == [np.float32(0.8)]
        assert (tracks.camera, tracks.number, tracks.size_px) == ("door", number, (640, 480))
        assert tracks.captured_at_ns == number * 100_000_000
    tracks = results[-1]
    kinds = [tracks.track_ids.dtype, tracks.boxes_px.dtype, tracks.scores.dtype, tracks.overlaps.dtype]
    assert kinds == [np.int64, np.float32, np.float32, np.float32]


def test_rows_belong_together_and_are_ordered_by_id(make_detections: Make) -> None:
    tracker = CameraTracker(TrackSpec())
    rng = np.random.default_rng(1)
    for number in range(1, 30):
        people = [(walker(number, 40.0 + 120 * i, 2.0), 0.75 + 0.05 * i) for i in range(4)]
        if number > 3:
            people = [people[i] for i in rng.permutation(4)]
        tracks = tracker.track(
            make_detections(number, [box for box, _ in people], scores=[score for _, score in people])
        )
        if number > 1:
            assert tracks.track_ids.tolist() == [1, 2, 3, 4]
            assert np.allclose(tracks.scores, (0.75, 0.8, 0.85, 0.9))
            assert (np.diff(tracks.boxes_px[:, 0]) > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_frames_without_anybody_are_counted_too(name: str, make_detections: Make) -> None:
    tracker = CameraTracker(TrackSpec(name=name, lost_s=1.0))
    for number in range(1, 5):
        tracker.track(make_detections(number, [walker(0)]))
    for number in range(5, 25):  # two seconds
        tracks = tracker.track(make_detections(number))
        assert tracks.boxes_px.shape == (0, 4)
        assert tracks.overlaps.shape == tracks.track_ids.shape == tracks.scores.shape == (0,)
    back = ids_of(tracker, [make_detections(n, [walker(0)]) for n in range(25, 29)])
    assert 1 not in back[-1]
    assert back[-1] == [2]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [5, 10, 30])
def test_a_track_is_remembered_for_seconds_not_for_frames(
    name: str, rate: int, make_detections: Make
) -> None:
    for gap_s, expected in ((0.6, [1]), (1.6, [2])):
        tracker = CameraTracker(TrackSpec(name=name, lost_s=1.0))
        number = 0
        for _ in range(2 * rate):
            number += 1
            tracker.track(make_detections(number, [walker(0)], time_s=number / rate))
        for _ in range(round(gap_s * rate)):
            number += 1
            tracker.track(make_detections(number, time_s=number / rate))
        for _ in range(4):
            number += 1
            last = tracker.track(make_detections(number, [walker(0)], time_s=number / rate))
        assert last.track_ids.tolist() == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_new_epoch_forgets_tracks_and_never_repeats_their_ids(name: str, make_detections: Make) -> None:
    tracker = CameraTracker(TrackSpec(name=name))
    seen: list[set[int]] = []
    number = 0
    for epoch in range(4):
        ids: set[int] = set()
        for _ in range(5):
            number += 1
            boxes = [walker(0), walker(0, 300.0)]
            ids.update(tracker.track(make_detections(number, boxes, epoch=epoch)).track_ids.tolist())
        seen.append(ids)
    assert seen == [{1, 2}, {3, 4}, {5, 6}, {7, 8}]


def test_an_epoch_without_anybody_costs_no_ids(make_detections: Make) -> None:
    tracker = CameraTracker(TrackSpec())
    for epoch in range(3):
        tracker.track(make_detections(epoch + 1, epoch=epoch))
    ids = ids_of(tracker, [make_detections(n, [walker(0)], epoch=3) for n in (4, 5)])
    assert ids == [[], [1]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "times_s",
    [
        [5.0] * 12,
        [5.0, 5.1, 5.1, 5.2, 5.15, 5.3, 5.4, 5.4, 5.5, 5.6, 5.7, 5.8],
        [3600.0, 3600.1, 3600.2, 3600.3, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        [-1e6, -1e6 + 0.1, *(0.1 * n for n in range(10))],
        [0.0, 0.1, 3e7, 3e7 + 0.1, 3e7 + 0.2, *(3e7 + 0.2 + 0.1 * n for n in range(7))],
    ],
    ids=["standing still", "jittering", "an hour back", "from before 1970", "a year on"],
)
def test_odd_clocks_do_not_crash_or_lose_people_for_long(
    name: str, times_s: list[float], make_detections: Make
) -> None:
    tracker = CameraTracker(TrackSpec(name=name))
    ids = ids_of(
        tracker,
        [make_detections(n, [walker(n, step=1.0)], time_s=time_s) for n, time_s in enumerate(times_s)],
    )
    assert all(len(row) == 1 for row in ids[-4:])


def test_a_clock_that_goes_back_keeps_the_ids(make_detections: Make) -> None:
    times_s = [100.0, 100.1, 100.2, 50.0, 50.1, 50.2, 50.3, 49.0, 49.1]
    ids = ids_of(
        CameraTracker(TrackSpec()),
        [make_detections(n, [walker(n, step=1.0)], time_s=time_s) for n, time_s in enumerate(times_s)],
    )
    assert ids == [[]] + [[1]] * 8


@pytest.mark.parametrize("name", NAMES)
def test_weak_boxes_alone_begin_no_track(name: str, make_detections: Make) -> None:
    tracker = CameraTracker(TrackSpec(name=name))
    detections = [make_detections(n, [walker(n), walker(n, 300)], scores=[0.3, 0.0]) for n in range(10)]
    assert ids_of(tracker, detections) == [[]] * 10


def test_weak_boxes_continue_a_track(make_detections: Make) -> None:
    tracker = CameraTracker(TrackSpec())
    scores = [0.9, 0.9, 0.2, 0.15, 0.2, 0.9]
    detections = [make_detections(n, [walker(n)], scores=[score]) for n, score in enumerate(scores)]
    assert ids_of(tracker, detections) == [[]] + [[1]] * 5


@pytest.mark.parametrize("name", NAMES)
def test_other_cameras_change_nothing(name: str, make_detections: Make) -> None:
    spec = TrackSpec(name=name)
    rng = np.random.default_rng(2)
    scenes = [[walker(n, 60.0 * i, rng.uniform(0, 2)) for i in range(rng.integers(0, 6))] for n in range(40)]
    alone = ids_of(CameraTracker(spec), [make_detections(n, boxes) for n, boxes in enumerate(scenes)])
    one, other = CameraTracker(spec), CameraTracker(spec)
    beside: list[list[int]] = []
    for number, boxes in enumerate(scenes):
        beside.append(one.track(make_detections(number, boxes)).track_ids.tolist())
        other.track(make_detections(number, [walker(number, 80.0 * i) for i in range(5)]))
    assert alone == beside
    assert max(map(max, filter(None, alone))) >= 3


def test_overlaps_are_those_of_tracked_people_only(make_detections: Make) -> None:
    tracker = CameraTracker(TrackSpec())
    strong, weak = (100.0, 100.0, 140.0, 200.0), (120.0, 100.0, 160.0, 200.0)
    for number in range(5):
        tracks = tracker.track(make_detections(number, [strong, weak], scores=[0.9, 0.3]))
    assert tracks.track_ids.tolist() == [1]
    assert tracks.overlaps.tolist() == [0.0]


# --- the shared PETS video with its truth ---


def score(shared: Path, results: list[Tracks]) -> TrackingScore:
    """Against the truth of the frames the results are of."""
    truth = read_mot(shared / "data/gt/PETS09-S2L1/gt.txt").scaled(0.625)
    used = np.isin(truth.frames, [tracks.number for tracks in results])
    boxes = np.concatenate([tracks.boxes_px for tracks in results]).astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    found = MotBoxes(
        frames=np.concatenate([np.full(len(t.track_ids), t.number, np.int64) for t in results]),
        ids=np.concatenate([tracks.track_ids for tracks in results]),
        boxes_ltwh_px=boxes,
        confidences=np.concatenate([tracks.scores for tracks in results]).astype(np.float64),
    )
    return score_boxes(
        MotBoxes(truth.frames[used], truth.ids[used], truth.boxes_ltwh_px[used], truth.confidences[used]),
        found,
    )


def test_bytetrack_follows_pets_as_well_as_it_is_known_to(
    shared: Path, pets_detections: list[Detections]
) -> None:
    assert len(pets_detections) == 795
    tracker = CameraTracker(TrackSpec())
    result = score(shared, [tracker.track(detections) for detections in pets_detections])
    assert 0.60 <= result.idf1 <= 0.68
    assert result.hota >= 0.48
    assert result.mota >= 0.80


def test_ocsort_follows_pets_as_well_as_it_is_known_to(
    shared: Path, pets_detections: list[Detections]
) -> None:
    tracker = CameraTracker(TrackSpec(name="ocsort"))
    result = score(shared, [tracker.track(detections) for detections in pets_detections])
    assert result.idf1 >= 0.55
    assert result.mota >= 0.75


@pytest.mark.parametrize("step", [2, 3])
def test_pets_at_a_part_of_its_rate_is_followed_no_worse(
    step: int, shared: Path, pets_detections: list[Detections]
) -> None:
    tracker = CameraTracker(TrackSpec())
    result = score(shared, [tracker.track(detections) for detections in pets_detections[::step]])
    assert result.idf1 >= 0.60
