from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from mot_boxes import boxes_of, walk, write_boxes

from edge.errors import ConfigError, MissingExtraError
from edge.evaluate.mot import MotBoxes, read_mot
from edge.evaluate.tracking import TrackingScore, box_ious, score_boxes, score_tracking

TEN = range(1, 11)
TWO_PEOPLE = walk(1, 0, TEN) + walk(2, 100, TEN)


def test_the_truth_itself_is_perfect() -> None:
    score = score_boxes(boxes_of(TWO_PEOPLE), boxes_of(TWO_PEOPLE))
    assert (score.idf1, score.mota, score.precision, score.recall) == (1, 1, 1, 1)
    assert (score.idp, score.idr, score.id_switches) == (1, 1, 0)
    assert score.hota == score.deta == score.assa == pytest.approx(1)
    assert (score.truth_boxes, score.result_boxes, score.truth_ids, score.result_ids) == (20, 20, 2, 2)


def test_names_and_order_of_lines_do_not_matter() -> None:
    result = [(frame, 4000 - person, left) for frame, person, left in reversed(TWO_PEOPLE)]
    score = score_boxes(boxes_of(TWO_PEOPLE), boxes_of(result))
    assert (score.idf1, score.mota, score.id_switches) == (1, 1, 0)
    assert score.hota == pytest.approx(1)


def test_one_change_of_name_in_the_middle() -> None:
    truth = boxes_of(walk(1, 0, TEN))
    score = score_boxes(truth, boxes_of(walk(5, 0, range(1, 7)) + walk(6, 0, range(7, 11))))
    assert score.id_switches == 1
    assert score.mota == pytest.approx(1 - 1 / 10)
    assert score.idf1 == pytest.approx(6 / 10)  # 6 boxes under the better name; 4 missed and 4 false
    assert score.deta == pytest.approx(1)
    assert score.assa == pytest.approx((6 * 6 / 10 + 4 * 4 / 10) / 10)
    assert score.hota == pytest.approx(np.sqrt(score.assa))


def test_a_swap_of_two_people() -> None:
    first, second = range(1, 6), range(6, 11)
    result = walk(1, 0, first) + walk(2, 100, first) + walk(2, 0, second) + walk(1, 100, second)
    score = score_boxes(boxes_of(TWO_PEOPLE), boxes_of(result))
    assert score.id_switches == 2
    assert score.idf1 == pytest.approx(0.5)
    assert score.mota == pytest.approx(1 - 2 / 20)


def test_misses_and_false_boxes() -> None:
    result = walk(1, 0, TEN) + walk(9, 500, range(1, 4))
    score = score_boxes(boxes_of(TWO_PEOPLE), boxes_of(result))
    assert score.recall == pytest.approx(10 / 20)
    assert score.precision == pytest.approx(10 / 13)
    assert score.mota == pytest.approx((10 - 3) / 20)
    assert score.idf1 == pytest.approx(2 * 10 / (20 + 13))


def test_a_name_regained_after_an_absence_is_no_switch() -> None:
    truth = boxes_of(walk(1, 0, range(1, 4)) + walk(1, 0, range(50, 53)))
    assert score_boxes(truth, boxes_of(walk(8, 0, range(1, 4)) + walk(8, 0, range(50, 53)))).idf1 == 1
    renamed = score_boxes(truth, boxes_of(walk(8, 0, range(1, 4)) + walk(9, 0, range(50, 53))))
    assert (renamed.id_switches, renamed.idf1) == (1, 0.5)


def test_boxes_in_frames_the_truth_lacks_are_false() -> None:
    score = score_boxes(boxes_of(walk(1, 0, TEN)), boxes_of(walk(1, 0, range(1, 21))))
    assert score.mota == pytest.approx(0)
    assert score.precision == pytest.approx(0.5)


def test_only_half_an_overlap_counts_as_found() -> None:
    truth = boxes_of(walk(1, 0, TEN))
    assert score_boxes(truth, boxes_of(walk(1, 3.3, TEN))).recall == 1  # IoU 0.504
    assert score_boxes(truth, boxes_of(walk(1, 3.4, TEN))).recall == 0  # IoU 0.493


def test_an_empty_result_scores_nothing() -> None:
    score = score_boxes(boxes_of(TWO_PEOPLE), boxes_of([]))
    assert (score.idf1, score.hota, score.mota, score.recall, score.id_switches) == (0, 0, 0, 0, 0)


def test_nobody_in_truth_makes_every_box_false() -> None:
    score = score_boxes(boxes_of([]), boxes_of(TWO_PEOPLE))
    assert (score.idf1, score.hota, score.precision) == (0, 0, 0)
    assert score.mota == -20


@pytest.mark.parametrize("unknown", [0, -1])
def test_unknown_people_are_found_but_nobodys_identity(unknown: int) -> None:
    result = walk(1, 0, TEN) + walk(unknown, 100, TEN)
    score = score_boxes(boxes_of(TWO_PEOPLE), boxes_of(result))
    assert (score.precision, score.recall) == (1, 1)
    assert score.idf1 == pytest.approx(11 / 20)  # one of the unknown boxes may stand for person 2
    assert score.result_ids == 1
    assert score.id_switches == 9


def test_a_thousand_boxes_equal_a_count_by_hand() -> None:
    """Five people far from each other, a fifth of their boxes missed, two of them renamed at frame 120."""
    random = np.random.default_rng(4)
    truth = [(frame, person, person * 50.0) for frame in range(1, 201) for person in range(1, 6)]
    result = [
        (frame, person * 7 + 1000 * (frame > 120 and person < 3), left)
        for frame, person, left in truth
        if random.random() < 0.8
    ]
    boxes_under: dict[float, Counter[int]] = defaultdict(Counter)
    for _, name, left in result:
        boxes_under[left][name] += 1
    right = sum(max(names.values()) for names in boxes_under.values())
    score = score_boxes(boxes_of(truth), boxes_of(result))
    assert score.id_switches == 2
    assert score.recall == pytest.approx(len(result) / len(truth))
    assert score.mota == pytest.approx((len(result) - 2) / len(truth))
    assert score.idf1 == pytest.approx(2 * right / (len(truth) + len(result)))


def test_ious_of_known_pairs() -> None:
    first = np.array([[0, 0, 10, 10], [5, 5, 0, 0]], dtype=float)
    second = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [20, 20, 1, 1], [5, 5, 0, 0]], dtype=float)
    assert box_ious(first, second) == pytest.approx(np.array([[1, 1 / 3, 0, 0], [0, 0, 0, 0]]))
    assert box_ious(first, np.empty((0, 4))).shape == (2, 0)


# --- files ---


def test_the_scale_multiplies_the_truth(tmp_path: Path) -> None:
    result = boxes_of(TWO_PEOPLE)
    truth = write_boxes(tmp_path / "truth.txt", result.scaled(1.6))
    tracks = write_boxes(tmp_path / "tracks.txt", result)
    assert score_tracking(truth, tracks, 0.625).idf1 == 1
    assert score_tracking(truth, tracks).idf1 < 1


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_positive_number_is_refused(scale: float, tmp_path: Path) -> None:
    truth = write_boxes(tmp_path / "truth.txt", boxes_of(TWO_PEOPLE))
    with pytest.raises(ConfigError, match="--scale: must be a positive number"):
        score_tracking(truth, truth, scale)


def test_an_empty_truth_is_an_error_and_an_empty_result_is_not(tmp_path: Path) -> None:
    truth = write_boxes(tmp_path / "truth.txt", boxes_of(TWO_PEOPLE))
    empty = write_boxes(tmp_path / "empty.txt", boxes_of([]))
    assert score_tracking(truth, empty).idf1 == 0
    with pytest.raises(ConfigError, match=r"empty\.txt: holds no boxes"):
        score_tracking(empty, truth)


def test_a_truth_without_identities_is_an_error(tmp_path: Path) -> None:
    detections = write_boxes(tmp_path / "det.txt", boxes_of(walk(-1, 0, TEN)))
    with pytest.raises(ConfigError, match=r"det\.txt: .*needs an identity"):
        score_tracking(detections, detections)


def test_without_trackeval_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackeval", None)
    monkeypatch.delitem(sys.modules, "trackeval.metrics", raising=False)
    with pytest.raises(MissingExtraError, match=r"'trackeval'; pip install 'edge-reid\[eval\]'"):
        score_boxes(boxes_of(TWO_PEOPLE), boxes_of(TWO_PEOPLE))


def test_importing_the_module_does_not_import_trackeval() -> None:
    code = "import sys, edge.evaluate.tracking; print('trackeval' in sys.modules, 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_scoring_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    score_boxes(boxes_of(TWO_PEOPLE), boxes_of(TWO_PEOPLE))
    assert capfd.readouterr() == ("", "")


def test_the_shared_truth_scores_one_against_itself(shared: Path) -> None:
    path = shared / "data/gt/PETS09-S2L1/gt.txt"
    score = score_tracking(path, path)
    assert (score.idf1, score.mota, score.id_switches) == (1, 1, 0)
    assert score.hota == pytest.approx(1)


@pytest.mark.slow
def test_bytetrack_on_pets_scores_what_its_users_measure(shared: Path) -> None:
    import supervision
    from trackers import ByteTrackTracker

    tracker = ByteTrackTracker()
    rows: list[tuple[float, ...]] = []
    for number, boxes, scores in pets_detections(shared):
        tracked = tracker.update(supervision.Detections(xyxy=boxes.astype(float), confidence=scores))
        for box, track in zip(tracked.xyxy, tracked.tracker_id, strict=True):
            if track >= 0:
                rows.append((number, track + 1, *box))
    table = np.array(rows)
    ltwh = np.concatenate((table[:, 2:4], table[:, 4:] - table[:, 2:4]), axis=1)
    result = MotBoxes(table[:, 0].astype(int), table[:, 1].astype(int), ltwh, np.ones(len(table)))
    truth = read_mot(shared / "data/gt/PETS09-S2L1/gt.txt").scaled(0.625)
    score: TrackingScore = score_boxes(truth, result)
    assert score.idf1 == pytest.approx(0.636, abs=0.03)
    assert score.hota == pytest.approx(0.502, abs=0.03)
    assert score.mota == pytest.approx(0.810, abs=0.02)


def pets_detections(shared: Path) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Every frame's number, boxes and scores, by yolox-nano."""
    import av

    from edge.backends import open_session
    from edge.config.catalog import load_card
    from edge.records import Frame
    from edge.stages.detect import Detector

    card = load_card("yolox-nano")
    detector = Detector(card, open_session(shared / "data/models" / card.file))
    found = []
    with av.open(str(shared / "data/video/pets09_s2l1_view1_480x360.avi")) as video:
        for number, picture in enumerate(video.decode(video=0), start=1):
            frame = Frame("pets", number, 0, number / 10, number, picture.to_ndarray(format="bgr24"))
            one = detector.detect([frame])[0]
            found.append((number, one.boxes_px, one.scores))
    return found
