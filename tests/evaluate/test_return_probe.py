from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from small_videos import write_video
from tiny_models import write_pipeline

from edge.cli import evaluate
from edge.errors import ConfigError, EdgeError, SourceError
from edge.evaluate.mot import MotBoxes
from edge.evaluate.return_probe import (
    ProbeVideo,
    ReturnScore,
    match_boxes,
    mirror_truth,
    score_return,
    write_probe_video,
)

VIDEO = ProbeVideo(frames=10, empty_frames=5, width_px=1000, height_px=100, fps=10.0)
SECOND = 15  # the second pass's frame 1 is frame 16

Rows = list[tuple[int, int, float]]


def boxes_of(rows: Rows) -> MotBoxes:
    """(frame, id, left) rows; every box is 10 wide and 20 high."""
    table = np.array(rows, dtype=float).reshape(-1, 3)
    boxes = np.zeros((len(table), 4))
    boxes[:, 0] = table[:, 2]
    boxes[:, 2:] = (10, 20)
    return MotBoxes(table[:, 0].astype(int), table[:, 1].astype(int), boxes, np.ones(len(table)))


def walk(one: int, left: float, frames: range) -> Rows:
    return [(frame, one, left) for frame in frames]


ALL = range(1, 11)
TRUTH = boxes_of(walk(1, 100, ALL) + walk(2, 300, ALL))


def first(one: int, left: float, frames: range = ALL) -> Rows:
    return walk(one, left, frames)


def second(one: int, left: float, frames: range = ALL) -> Rows:
    """The same place in the mirrored pass."""
    return walk(one, 1000 - left - 10, range(SECOND + frames.start, SECOND + frames.stop))


def score(*rows: Rows) -> ReturnScore:
    return score_return(TRUTH, boxes_of([row for part in rows for row in part]), VIDEO)


# --- what is right, wrong and new ---


def test_everybody_under_the_old_identity_is_all_right() -> None:
    got = score(first(7, 100), first(8, 300), second(7, 100), second(8, 300))
    assert (got.right, got.wrong, got.new) == (1, 0, 0)
    assert (got.boxes, got.people, got.recognised) == (20, 2, 2)


def test_ids_that_never_were_are_new() -> None:
    got = score(first(7, 100), first(8, 300), second(9, 100), second(8, 300))
    assert (got.right, got.wrong, got.new, got.recognised) == (0.5, 0, 0.5, 1)


def test_somebody_elses_identity_is_wrong() -> None:
    got = score(first(7, 100), first(8, 300), second(8, 100), second(7, 300))
    assert (got.right, got.wrong, got.new, got.recognised) == (0, 1, 0, 0)


def test_an_identity_that_showed_nobody_in_the_first_pass_is_still_an_old_one() -> None:
    got = score(first(7, 100), first(8, 300), first(5, 700), second(5, 100), second(8, 300))
    assert (got.right, got.wrong, got.new) == (0.5, 0.5, 0)


@pytest.mark.parametrize("unknown", [0, -1])
def test_unknown_people_count_as_new(unknown: int) -> None:
    assert score(first(7, 100), second(unknown, 100)).new == 1


@pytest.mark.parametrize("unknown", [0, -1])
def test_being_unknown_is_no_old_identity(unknown: int) -> None:
    got = score(first(unknown, 100), first(8, 300), second(unknown, 100), second(8, 300))
    assert (got.right, got.wrong, got.new) == (0.5, 0, 0.5)


def test_the_old_identity_is_the_one_of_most_boxes() -> None:
    names = first(7, 100, range(1, 5)) + first(8, 100, range(5, 11))
    assert score(names, second(8, 100)).right == 1
    assert score(names, second(7, 100)).wrong == 1


def test_of_two_even_identities_the_lower_is_the_old_one() -> None:
    names = first(9, 100, range(1, 6)) + first(4, 100, range(6, 11))
    assert score(names, second(4, 100)).right == 1


def test_shares_are_of_boxes_and_people_by_their_majority() -> None:
    back = second(7, 100, range(1, 8)) + second(9, 100, range(8, 11))
    got = score(first(7, 100), first(8, 300), back, second(9, 300, range(1, 6)))
    assert (got.boxes, got.people, got.recognised) == (15, 2, 1)
    assert (got.right, got.new) == (pytest.approx(7 / 15), pytest.approx(8 / 15))


def test_who_was_not_found_in_the_first_pass_can_only_be_new_or_wrong() -> None:
    assert score(first(8, 300), second(9, 100)).new == 1
    assert score(first(8, 300), second(8, 100)).wrong == 1


def test_boxes_that_show_nobody_do_not_count() -> None:
    got = score(first(7, 100), second(7, 100), second(8, 600))
    assert (got.right, got.boxes, got.people) == (1, 10, 1)


def test_boxes_in_the_empty_pictures_do_not_count() -> None:
    got = score(first(7, 100), walk(7, 100, range(11, 16)), second(9, 100))
    assert (got.new, got.boxes) == (1, 10)


def test_an_empty_result_scores_nothing() -> None:
    assert score() == ReturnScore(0.0, 0.0, 0.0, 0, 0, 0)


def test_json_has_plain_names() -> None:
    assert set(score().as_json()) == {"right", "wrong", "new", "boxes", "people", "recognised"}


# --- which box shows whom ---


def test_half_an_overlap_is_needed() -> None:
    truth = boxes_of([(1, 1, 100)])
    assert list(match_boxes(truth, boxes_of([(1, 5, 103.3)]))) == [(1, 5)]  # IoU 0.504
    assert list(match_boxes(truth, boxes_of([(1, 5, 103.4)]))) == []  # IoU 0.493
    assert list(match_boxes(truth, boxes_of([(2, 5, 100)]))) == []


def test_a_box_shows_one_person_and_the_best_assignment_is_taken() -> None:
    truth = boxes_of([(1, 1, 100), (1, 2, 103)])
    result = boxes_of([(1, 5, 101), (1, 6, 98)])
    assert sorted(match_boxes(truth, result)) == [(1, 6), (2, 5)]  # not (1, 5), the largest single overlap
    assert sorted(match_boxes(truth, boxes_of([(1, 5, 100)]))) == [(1, 5)]


def test_pairs_that_overlap_too_little_do_not_push_others_out() -> None:
    truth = boxes_of([(1, 1, 100), (1, 2, 104)])
    result = boxes_of([(1, 5, 101), (1, 6, 92)])  # 6 shows nobody; with it 1 could not have 5
    assert list(match_boxes(truth, result)) == [(1, 5)]


def test_the_truth_is_mirrored_within_the_picture() -> None:
    mirrored = mirror_truth(boxes_of([(1, 3, 0), (10, 4, 990)]), VIDEO)
    assert mirrored.frames.tolist() == [16, 25]
    assert mirrored.boxes_ltwh_px.tolist() == [[990, 0, 10, 20], [0, 0, 10, 20]]


# --- the video ---


def pictures_of(path: Path) -> tuple[list[np.ndarray], list[float], Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = Fraction(stream.average_rate or 0)
        frames = list(container.decode(stream))
        return (
            [frame.to_ndarray(format="bgr24") for frame in frames],
            [float(frame.time) for frame in frames],
            rate,
        )


def as_read(path: Path) -> list[np.ndarray]:
    from edge.clock import SystemClock
    from edge.config.cameras import Camera
    from edge.config.sources import FileSource
    from edge.stages.capture import CameraReader

    camera = Camera(name="c", source=FileSource(path=path))
    return [frame.image_bgr_hwc for frame in CameraReader(camera, SystemClock(), 0).frames()]


@pytest.mark.parametrize("rotation", [0, 90])
def test_both_passes_are_what_the_pipeline_would_see_to_the_bit(rotation: int, tmp_path: Path) -> None:
    video = write_video(tmp_path / "door.mp4", 12, rotation=rotation)
    probe = tmp_path / "probe.mkv"
    facts = write_probe_video(video, probe, 3)
    seen = as_read(video)
    height, width = seen[0].shape[:2]
    assert facts == ProbeVideo(12, 3, width, height, 10.0)
    assert facts.second_begins == 16
    pictures = as_read(probe)
    assert len(pictures) == 12 + 3 + 12
    for there, back, picture in zip(pictures[:12], pictures[15:], seen, strict=True):
        assert np.array_equal(there, picture)
        assert np.array_equal(back, picture[:, ::-1])
    assert all((picture == 128).all() for picture in pictures[12:15])


def test_pictures_are_evenly_spaced_at_the_videos_rate(tmp_path: Path) -> None:
    video = write_video(tmp_path / "door.mp4", 9, fps=15, pts=[0, 1, 2, 4, 5, 6, 7, 9, 10])
    write_probe_video(video, tmp_path / "probe.mkv", 0)
    pictures, times_s, rate = pictures_of(tmp_path / "probe.mkv")
    assert len(pictures) == 18
    assert float(rate) == pytest.approx(15, rel=0.2)
    steps_s = np.diff(times_s)
    assert steps_s == pytest.approx(float(1 / rate), abs=0.002)


def test_a_picture_of_odd_size_stays_as_it_is(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "door.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 161, 121, "bgr0"
        picture = av.VideoFrame.from_ndarray(np.zeros((121, 161, 3), np.uint8), "bgr24")
        for _ in range(2):
            container.mux(stream.encode(picture.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    facts = write_probe_video(tmp_path / "door.mkv", tmp_path / "probe.mkv", 1)
    assert (facts.width_px, facts.height_px) == (161, 121)
    assert [picture.shape for picture in as_read(tmp_path / "probe.mkv")] == [(121, 161, 3)] * 5


def test_a_missing_video_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.mp4: there is no such video"):
        write_probe_video(tmp_path / "nowhere.mp4", tmp_path / "probe.mkv", 1)


def test_a_file_without_video_is_a_source_error(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(SourceError):
        write_probe_video(tmp_path / "text.mp4", tmp_path / "probe.mkv", 1)


def test_fewer_than_no_empty_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--empty-frames: must be 0 or more"):
        write_probe_video(tmp_path / "door.mp4", tmp_path / "probe.mkv", -1)


# --- the whole of it ---


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A video, its truth, and a pipeline of tiny networks that see one person in every picture."""
    write_pipeline(tmp_path)
    monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path))
    write_video(tmp_path / "door.mp4", 30)
    lines = [f"{frame},1,48,12,64,102,1\n" for frame in range(1, 31)]
    (tmp_path / "truth.txt").write_text("".join(lines))
    return tmp_path


def probe_tiny(folder: Path, **more: object) -> int:
    options = {"empty_frames": 5, "pipeline": str(folder / "pipeline.yaml"), **more}
    return evaluate.return_probe(folder / "door.mp4", folder / "truth.txt", **options)  # type: ignore[arg-type]


def test_people_get_a_table_of_the_return_and_the_first_pass(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny / "same.txt").write_text("# nobody\n")
    assert probe_tiny(tiny, same=tiny / "same.txt", per_visit=20) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == [
        "score",
        "right",
        "wrong",
        "new",
        "recognised",
        *["IDF1", "HOTA", "MOTA"] * 3,
    ]
    assert lines[1][1] == "1.000"
    assert lines[8][-1] == "--same"
    assert lines[11][-1] == "--per-visit"


def test_the_folder_asked_for_holds_the_probe_video_and_the_run(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe_tiny(tiny, out=tiny / "out", json=True) == 0
    names = {path.name for path in (tiny / "out").iterdir()}
    assert {"probe.mkv", "events.jsonl", "summary.json", "tracks"} <= names
    got = json.loads(capsys.readouterr().out)
    assert (got["right"], got["frames"], got["empty_frames"]) == (1, 30, 5)
    assert got["first_pass"]["idf1"] > 0.9
    assert not {"first_pass_same", "first_pass_per_visit"} & set(got)


def test_without_a_folder_nothing_is_left(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tiny / "temporary"))
    assert probe_tiny(tiny, json=True) == 0
    assert list((tiny / "temporary").iterdir()) == []


def test_missing_weights_are_said_before_the_video_is_written(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGE_PRETRAINED")
    (tiny / "tiny-reid").rename(tiny / "elsewhere")
    with pytest.raises(EdgeError):
        probe_tiny(tiny, out=tiny / "out")
    assert not (tiny / "out" / "probe.mkv").exists()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("empty_frames", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_people_who_return_get_their_old_identity_back(
    empty_frames: int, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = evaluate.return_probe(
        shared / "data/video/pets09_s2l1_view1_480x360.avi",
        shared / "data/gt/PETS09-S2L1/gt.txt",
        0.625,
        empty_frames,
        out=tmp_path,
        json=True,
    )
    assert code == 0
    got = json.loads(capsys.readouterr().out)
    print(got)  # shown when it fails
    assert (got["frames"], got["empty_frames"]) == (795, empty_frames)
    assert got["boxes"] > 4000
    assert got["right"] >= 0.80
    assert got["wrong"] <= 0.05
    assert (tmp_path / "probe.mkv").exists()
