from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from mot_boxes import boxes_of, walk, write_boxes

from edge.errors import ConfigError
from edge.evaluate.mot import MotBoxes
from edge.evaluate.site_score import evaluate_site, score_site

TEN = range(1, 11)
PAIR = walk(1, 0, TEN) + walk(2, 100, TEN)
SWAPPED = walk(2, 0, TEN) + walk(1, 100, TEN)
TRUTH = {"door": boxes_of(PAIR), "yard": boxes_of(PAIR)}


def folder_of(place: Path, cameras: Mapping[str, MotBoxes]) -> Path:
    for camera, boxes in cameras.items():
        write_boxes(place / f"{camera}.txt", boxes)
    return place


def test_identities_swapped_in_one_camera_show_only_across_cameras() -> None:
    score = score_site(TRUTH, {"door": boxes_of(PAIR), "yard": boxes_of(SWAPPED)})
    assert [one.idf1 for one in score.cameras.values()] == [1, 1]
    assert (score.overall.idf1, score.overall.mota, score.overall.id_switches) == (1, 1, 0)
    assert score.across.idf1 == pytest.approx(0.5)  # 20 of 40 boxes under the better name
    assert score.overall.hota == pytest.approx(1)
    # every box: 10 of its person's 20 boxes under this name, which has 20 boxes: 10 / (20 + 20 - 10)
    assert score.across.hota == pytest.approx((1 / 3) ** 0.5)


def test_the_same_identities_everywhere_are_perfect() -> None:
    renamed = {camera: boxes_of(walk(31, 0, TEN) + walk(7, 100, TEN)) for camera in TRUTH}
    score = score_site(TRUTH, renamed)
    assert (score.overall.idf1, score.across.idf1) == (1, 1)
    assert (score.across.truth_ids, score.overall.truth_ids, score.overall.result_ids) == (2, 2, 2)


def test_a_new_identity_in_the_next_camera_is_half_right_across() -> None:
    """One person in two cameras, 10 and 30 boxes: the identity with 30 is the person's."""
    truth = {"door": boxes_of(walk(1, 0, TEN)), "yard": boxes_of(walk(1, 0, range(1, 31)))}
    result = {"door": boxes_of(walk(1, 0, TEN)), "yard": boxes_of(walk(2, 0, range(1, 31)))}
    score = score_site(truth, result)
    assert score.overall.idf1 == 1
    assert score.across.idf1 == pytest.approx(30 / 40)


def test_overall_counts_every_box_alike_whatever_its_camera() -> None:
    """A camera of 10 boxes all missed beside one of 30 all found: recall 30 of 40."""
    truth = {"door": boxes_of(walk(1, 0, TEN)), "yard": boxes_of(walk(1, 0, range(1, 31)))}
    score = score_site(truth, {"door": boxes_of([]), "yard": boxes_of(walk(1, 0, range(1, 31)))})
    assert score.overall.recall == pytest.approx(0.75)
    assert score.overall.mota == pytest.approx(0.75)
    assert score.overall.idf1 == pytest.approx(2 * 30 / (40 + 30))
    assert score.cameras["door"].idf1 == 0


def test_unknown_people_of_two_cameras_are_not_one_person() -> None:
    truth = {"door": boxes_of(walk(1, 0, TEN)), "yard": boxes_of(walk(1, 0, TEN))}
    score = score_site(truth, {camera: boxes_of(walk(0, 0, TEN)) for camera in truth})
    assert score.across.idf1 == pytest.approx(1 / 20)
    assert score.across.result_ids == 0


def test_a_person_hardly_visible_counts_neither_way(tmp_path: Path) -> None:
    write_boxes(
        tmp_path / "gt" / "door.txt", boxes_of(walk(1, 0, TEN)), boxes_of(walk(2, 100, TEN), hidden=True)
    )
    found = folder_of(tmp_path / "found", {"door": boxes_of(PAIR)})
    missed = folder_of(tmp_path / "missed", {"door": boxes_of(walk(1, 0, TEN))})
    for result in (found, missed):
        score = evaluate_site(tmp_path / "gt", result)
        assert (score.overall.idf1, score.overall.mota) == (1, 1)
        assert (score.overall.truth_boxes, score.overall.result_boxes) == (10, 10)


def test_hidden_people_may_have_a_file_of_their_own(tmp_path: Path) -> None:
    write_boxes(tmp_path / "site" / "truth" / "door.txt", boxes_of(walk(1, 0, TEN)))
    write_boxes(tmp_path / "site" / "truth" / "hidden" / "door.txt", boxes_of(walk(2, 100, TEN)))
    found = folder_of(tmp_path / "found", {"door": boxes_of(PAIR)})
    score = evaluate_site(tmp_path / "site", found)
    assert (score.overall.idf1, score.overall.precision, score.overall.truth_ids) == (1, 1, 1)
    assert list(score.cameras) == ["door"]


def test_folders_as_the_site_and_the_run_write_them(tmp_path: Path) -> None:
    folder_of(tmp_path / "site" / "truth", TRUTH)
    folder_of(tmp_path / "run" / "tracks", TRUTH)
    score = evaluate_site(tmp_path / "site", tmp_path / "run")
    assert list(score.cameras) == ["door", "yard"]
    assert (score.across.idf1, score.missing, score.unscored, score.warnings) == (1, (), (), ())
    assert evaluate_site(tmp_path / "site" / "truth", tmp_path / "run" / "tracks") == score


def test_a_camera_without_result_is_all_missed_and_one_without_truth_left_out(tmp_path: Path) -> None:
    truth = folder_of(tmp_path / "truth", TRUTH)
    result = folder_of(tmp_path / "out", {"door": boxes_of(PAIR), "roof": boxes_of(PAIR)})
    score = evaluate_site(truth, result)
    assert list(score.cameras) == ["door", "yard"]
    assert score.cameras["yard"].recall == 0
    assert score.overall.recall == pytest.approx(0.5)
    assert score.across.idf1 == pytest.approx(2 * 20 / (40 + 20))
    assert score.warnings == (
        "camera 'yard': no result, so everybody there counts as missed",
        "camera 'roof': no truth, so its result is left out",
    )
    assert score.as_json()["missing"] == ["yard"]


def test_a_camera_that_saw_nobody_is_fine_and_a_site_is_not(tmp_path: Path) -> None:
    nobody = boxes_of([])
    truth = folder_of(tmp_path / "truth", {"door": boxes_of(PAIR), "yard": nobody})
    assert evaluate_site(truth, truth).across.idf1 == 1
    empty = folder_of(tmp_path / "empty", {"door": nobody})
    with pytest.raises(ConfigError, match=r"empty: holds no boxes"):
        evaluate_site(empty, truth)


def test_json_has_the_keys_of_the_design() -> None:
    score = score_site(TRUTH, TRUTH).as_json()
    assert {"idf1", "hota", "mota", "id_switches", "cross_camera_idf1", "cross_camera_hota"} <= set(score)
    cameras = score["cameras"]
    assert isinstance(cameras, dict)
    assert cameras["door"]["idf1"] == 1
    alone = score_site({"door": TRUTH["door"]}, {"door": TRUTH["door"]}).as_json()
    assert "cross_camera_idf1" not in alone
    assert alone["idf1"] == 1


def test_a_scale_multiplies_every_truth(tmp_path: Path) -> None:
    truth = folder_of(tmp_path / "truth", {camera: boxes.scaled(1.6) for camera, boxes in TRUTH.items()})
    result = folder_of(tmp_path / "result", TRUTH)
    assert evaluate_site(truth, result, 0.625).across.idf1 == 1
    assert evaluate_site(truth, result).across.idf1 < 1


def test_folders_that_do_not_fit_say_so(tmp_path: Path) -> None:
    truth = folder_of(tmp_path / "truth", {"door": boxes_of(PAIR)})
    other = folder_of(tmp_path / "other", {"gate": boxes_of(PAIR)})
    with pytest.raises(ConfigError, match=r"other: no camera has both: truth of door, results of gate"):
        evaluate_site(truth, other)
    (tmp_path / "bare").mkdir()
    with pytest.raises(ConfigError, match=r"bare: holds no <camera>\.txt, .* 'tracks'"):
        evaluate_site(truth, tmp_path / "bare")
    with pytest.raises(ConfigError, match=r"gone: no such folder"):
        evaluate_site(tmp_path / "gone", truth)
