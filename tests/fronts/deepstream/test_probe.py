from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deepstream_site import cameras_of
from numpy.typing import NDArray

from edge.clock import FakeClock
from edge.config.pipeline import CropSpec
from edge.fronts.deepstream.capture_time import CaptureTime
from edge.fronts.deepstream.picker import Picker
from edge.fronts.deepstream.probe import Probe
from edge.fronts.deepstream.roster import Roster
from edge.fronts.deepstream.seen import SeenFrame, seen_frame
from edge.fronts.region import Region
from edge.records import EmbeddedFrame, Tracks
from edge.stages.capture.thinning import FpsLimit

NOW_NS = 1_700_000_000_000_000_000
DIM = 4
VECTOR = np.array([3, 0, 4, 0], np.float32)
HOUR_NS = 3600 * 10**9


def seen(
    source: int = 0,
    number: int = 0,
    *,
    ntp_ns: int = NOW_NS,
    pts_ns: int = 0,
    size_px: tuple[int, int] = (960, 540),
    boxes: tuple[tuple[float, float, float, float], ...] = ((100, 100, 100, 300),),
    vector: NDArray[np.float32] | None = VECTOR,
) -> SeenFrame:
    people = [(track, box, 0.9) for track, box in enumerate(boxes)]
    vectors = {} if vector is None else dict.fromkeys(range(len(boxes)), vector)
    return seen_frame((source, number, pts_ns, ntp_ns), size_px, people, vectors)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW_NS)


@pytest.fixture
def make(tmp_path: Path, clock: FakeClock) -> Probe:
    return probe_of(tmp_path, clock)


def probe_of(
    tmp_path: Path,
    clock: FakeClock,
    *,
    regions: dict[str, Region] | None = None,
    limits: dict[str, FpsLimit] | None = None,
) -> Probe:
    cameras = cameras_of(tmp_path).cameras
    times = {camera.name: CaptureTime(camera, clock, NOW_NS) for camera in cameras}
    roster = Roster([camera.name for camera in cameras])
    picker = Picker(CropSpec(), "reid@1", DIM)
    return Probe(roster, times, (1920, 1080), picker, regions or {}, limits or {})


def test_a_frame_comes_in_the_cameras_own_pixels_with_ids_from_1(make: Probe) -> None:
    frame = make.take([seen(1, number=4)])[0]
    tracks = frame.tracks
    assert (tracks.camera, tracks.number, tracks.size_px) == ("yard-2", 5, (960, 540))
    assert tracks.captured_at_ns == NOW_NS
    assert tracks.boxes_px.tolist() == [[50, 50, 100, 200]]
    assert tracks.track_ids.tolist() == [1]
    embedding = frame.embeddings[0]
    assert embedding.vector.tolist() == pytest.approx([0.6, 0, 0.8, 0])
    assert (embedding.model, embedding.crop.track, embedding.crop.image_bgr_hwc.size) == ("reid@1", 1, 0)


def test_boxes_without_an_area_and_outside_the_region_go_with_their_vectors(
    tmp_path: Path, clock: FakeClock
) -> None:
    region = Region([[(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)]])
    boxes = ((100, 10, 100, 300), (1919.5, 10, 50, 600), (300, 400, 100, 400))
    frame = probe_of(tmp_path, clock, regions={"door": region}).take([seen(boxes=boxes)])[0]
    assert frame.tracks.track_ids.tolist() == [3]
    assert [one.crop.track for one in frame.embeddings] == [3]


def test_people_who_cover_each_other_are_known_to(make: Probe) -> None:
    boxes = ((100, 100, 100, 300), (150, 100, 100, 300))
    frame = make.take([seen(boxes=boxes)])[0]
    assert frame.tracks.overlaps.tolist() == pytest.approx([0.5, 0.5])


def test_frames_of_a_source_that_nobody_knows_are_left_out_and_told_once(
    make: Probe, caplog: pytest.LogCaptureFixture
) -> None:
    assert [make.take([seen(7), seen(0, number=n)])[0].tracks.camera for n in (1, 2)] == ["door", "door"]
    assert caplog.messages == ["DeepStream's source 7 is no camera of cams.yaml; left out"]


def test_numbers_and_times_only_grow_even_when_deepstream_starts_again(make: Probe, clock: FakeClock) -> None:
    frames = [
        make.take([seen(number=number, ntp_ns=NOW_NS + ns)])[0].tracks
        for number, ns in ((5, 0), (6, 40_000_000), (0, 20_000_000), (1, 80_000_000))
    ]
    numbers, times = [one.number for one in frames], [one.captured_at_ns - NOW_NS for one in frames]
    assert numbers == [6, 7, 8, 9]
    assert times == [0, 40_000_000, 40_000_001, 80_000_000]


def test_frames_above_the_cameras_rate_are_left_out(tmp_path: Path, clock: FakeClock) -> None:
    probe = probe_of(tmp_path, clock, limits={"door": FpsLimit(5.0)})
    taken = [frame for n in range(25) for frame in probe.take([seen(number=n, pts_ns=n * 40_000_000)])]
    assert 4 <= len(taken) <= 6


def test_without_a_sender_report_the_time_of_arrival_is_taken(tmp_path: Path, clock: FakeClock) -> None:
    time = CaptureTime(cameras_of(tmp_path).cameras[0], clock, 0)
    assert time.of(0, 0) == NOW_NS
    clock.advance(1)
    assert time.of(0, NOW_NS + 700_000_000) == NOW_NS + 700_000_000


def test_a_camera_whose_clock_is_wrong_is_told_once_and_not_believed(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    time = CaptureTime(cameras_of(tmp_path).cameras[0], clock, 0)
    assert time.of(0, NOW_NS - 2 * HOUR_NS) == NOW_NS
    assert time.of(0, NOW_NS - 2 * HOUR_NS) == NOW_NS + 1
    assert len(caplog.messages) == 1
    assert "camera 'door': its clock is off by -2.0 h" in caplog.messages[0]


def test_a_files_time_is_its_stream_time_from_its_start(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "a.mp4").touch()
    text = (
        "cameras:\n- {name: a, source: {path: a.mp4, starts_at: 2026-01-01T00:00:00Z, offset_s: 2}}\n"
        "- {name: b, source: a.mp4}\n"
    )
    dated, plain = cameras_of(tmp_path, text).cameras
    assert CaptureTime(dated, clock, NOW_NS).of(10**9, NOW_NS) == 1_767_225_603 * 10**9
    assert CaptureTime(plain, clock, NOW_NS).of(10**9, 0) == NOW_NS + 10**9


def pick(picker: Picker, time_s: float, *, overlap: float = 0.0, height: float = 200.0) -> int:
    tracks = Tracks(
        "door",
        1,
        NOW_NS + round(time_s * 1e9),
        (960, 540),
        np.array([7]),
        np.array([[100, 100, 100 + height / 2.5, 100 + height]], np.float32),
        np.array([0.9], np.float32),
        np.array([overlap], np.float32),
    )
    return len(picker.pick(tracks, {0: VECTOR}))


def test_a_track_is_embedded_at_once_and_then_as_often_as_the_pipeline_says() -> None:
    picker = Picker(CropSpec(refresh_s=0.4), "reid@1", DIM)
    assert [pick(picker, n / 10) for n in range(9)] == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_a_hidden_person_is_embedded_only_after_waiting() -> None:
    picker = Picker(CropSpec(wait_s=1.0), "reid@1", DIM)
    assert [pick(picker, n / 4, overlap=0.8) for n in range(6)] == [0, 0, 0, 0, 1, 0]


def test_a_clearly_better_view_need_not_wait() -> None:
    picker = Picker(CropSpec(refresh_s=10.0, wait_s=20.0, better_s=0.2), "reid@1", DIM)
    assert [pick(picker, 0.0, overlap=0.3), pick(picker, 0.1), pick(picker, 0.3)] == [1, 0, 1]


def test_small_people_are_not_embedded() -> None:
    assert pick(Picker(CropSpec(height_min_px=300), "reid@1", DIM), 0.0) == 0


@pytest.mark.parametrize(
    "vector", [np.zeros(DIM), np.full(DIM, np.nan), np.ones(DIM + 1)], ids=["zero", "nan", "longer"]
)
def test_a_vector_without_direction_is_dropped_and_counted(make: Probe, vector: NDArray[np.float64]) -> None:
    frame: EmbeddedFrame = make.take([seen(vector=vector.astype(np.float32))])[0]
    assert frame.embeddings == ()
    assert make._picker.unusable == 1


def test_a_roster_follows_cameras_that_come_and_go() -> None:
    roster = Roster(["a", "b"])
    assert roster.remove(0) == "a"
    assert roster.name_of(0) is None
    assert roster.add(5, "a")
    assert roster.name_of(5) == "a"
    assert not roster.add(6, "stranger")
    assert roster.add(6, "a")  # the same camera, opened anew: its old number means nobody
    assert (roster.name_of(5), roster.name_of(6), roster.name_of(1)) == (None, "a", "b")
