from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.evaluate.mot import MotBoxes, read_mot
from edge.evaluate.tracking import score_boxes, score_tracking
from edge.evaluate.visits import join_people, split_visits


def boxes_of(*rows: tuple[int, int]) -> MotBoxes:
    """(frame, id) rows; everybody has a place of their own."""
    frames, ids = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    boxes = np.zeros((len(rows), 4))
    boxes[:, 0] = 50.0 * ids
    boxes[:, 2:] = (10, 20)
    return MotBoxes(frames, ids, boxes, np.ones(len(rows)))


def file_of(folder: Path, text: str) -> Path:
    path = folder / "same.txt"
    path.write_text(text)
    return path


# --- ids of the truth that are one person ---


def test_listed_ids_become_the_lowest_of_them(tmp_path: Path) -> None:
    truth = boxes_of((1, 3), (2, 7), (3, 5), (4, 9))
    joined = join_people(truth, file_of(tmp_path, "# a comment\n\n 7 3 # came back\n"))
    assert joined.ids.tolist() == [3, 3, 5, 9]
    assert truth.ids.tolist() == [3, 7, 5, 9]


def test_lines_that_share_an_id_speak_of_one_person(tmp_path: Path) -> None:
    truth = boxes_of((1, 3), (2, 7), (3, 5), (4, 9))
    assert join_people(truth, file_of(tmp_path, "7 9\n3 5\n5,9\n")).ids.tolist() == [3, 3, 3, 3]


def test_a_list_of_nobody_changes_nothing(tmp_path: Path) -> None:
    assert join_people(boxes_of((1, 3)), file_of(tmp_path, "# nobody came back\n")).ids.tolist() == [3]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("3 7\n3 8\n", 2, "the truth has no id 8"),
        ("3 x\n", 1, "an id must be a whole number (got 'x')"),
        ("3 7.0\n", 1, "an id must be a whole number"),
        ("\n7\n", 2, "two or more ids"),
        ("7 7\n", 1, "two or more ids"),
        ("3 5\n", 1, "ids 3 and 5 are both in frame 4, so they are two people"),
        ("3 7\n7 5\n", 2, "ids 3 and 5 are both in frame 4, so they are two people"),
    ],
)
def test_a_wrong_line_is_named(text: str, line: int, message: str, tmp_path: Path) -> None:
    truth = boxes_of((1, 3), (4, 3), (2, 7), (4, 5))
    with pytest.raises(ConfigError) as raised:
        join_people(truth, file_of(tmp_path, text))
    assert str(raised.value).startswith(f"{tmp_path / 'same.txt'}:{line}: ")
    assert message in str(raised.value)


def test_a_missing_or_unreadable_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.txt: no such file"):
        join_people(boxes_of((1, 3)), tmp_path / "nowhere.txt")
    (tmp_path / "picture.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ConfigError, match=r"picture\.txt: cannot be read: not a text file"):
        join_people(boxes_of((1, 3)), tmp_path / "picture.txt")


def test_the_list_for_pets_says_that_its_19_ids_are_10_people(shared: Path, checkout: Path) -> None:
    truth = read_mot(shared / "data/gt/PETS09-S2L1/gt.txt")
    same = checkout / "benchmarks/truth/PETS09-S2L1.same.txt"
    if not same.exists():
        pytest.skip("no benchmarks/ beside these tests")
    assert len(set(truth.ids.tolist())) == 19
    assert len(set(join_people(truth, same).ids.tolist())) == 10


# --- a result's identities, visit by visit ---


def test_an_absence_longer_than_the_limit_begins_another_identity() -> None:
    result = boxes_of((1, 4), (2, 4), (6, 4), (10, 4))  # absent in frames 3 to 5, and 7 to 9
    assert split_visits(result, 3).ids.tolist() == [1, 1, 1, 1]
    assert split_visits(result, 2).ids.tolist() == [1, 1, 2, 3]


def test_the_order_of_the_lines_does_not_matter_and_is_kept() -> None:
    result = boxes_of((9, 4), (1, 6), (1, 4), (2, 4), (9, 6))
    split = split_visits(result, 1)
    assert split.frames.tolist() == [9, 1, 1, 2, 9]
    assert split.ids.tolist() == [2, 3, 1, 1, 4]


def test_nobody_gets_an_id_that_somebody_else_has() -> None:
    random = np.random.default_rng(1)
    rows = {(int(frame), int(one)) for frame, one in random.integers(1, 60, (400, 2))}
    result = boxes_of(*sorted(rows))
    split = split_visits(result, 2)
    for visit in np.unique(split.ids):
        rows_of_it = split.ids == visit
        assert len(set(result.ids[rows_of_it].tolist())) == 1
        frames = np.sort(result.frames[rows_of_it])
        assert (np.diff(frames) - 1).max(initial=0) <= 2


def test_unknown_people_stay_unknown() -> None:
    assert split_visits(boxes_of((1, 0), (9, 0), (3, -1)), 1).ids.tolist() == [0, 0, -1]
    assert split_visits(boxes_of((1, 0), (9, 5), (50, 5)), 1).ids.tolist() == [0, 1, 2]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="--per-visit: must be 1 or more"):
        split_visits(boxes_of((1, 1)), 0)


# --- what they are for ---

RETURN_UNDER_A_NEW_ID = boxes_of(
    *((frame, 1) for frame in range(1, 11)), *((frame, 2) for frame in range(50, 60))
)


def seen_as(truth: MotBoxes, *ids: int) -> MotBoxes:
    """The truth's boxes under other ids: one for each of its own, in order."""
    names = dict(zip(sorted(set(truth.ids.tolist())), ids, strict=True))
    return MotBoxes(
        truth.frames,
        np.array([names[one] for one in truth.ids.tolist()]),
        truth.boxes_ltwh_px,
        truth.confidences,
    )


def test_who_recognises_a_person_whom_the_truth_renames_is_not_punished(tmp_path: Path) -> None:
    truth = RETURN_UNDER_A_NEW_ID
    recognised = seen_as(truth, 8, 8)
    assert score_boxes(truth, recognised).idf1 == 0.5
    assert score_boxes(truth, split_visits(recognised, 20)).idf1 == 1
    assert score_boxes(join_people(truth, file_of(tmp_path, "1 2\n")), recognised).idf1 == 1


def test_with_the_list_who_does_not_recognise_is_punished(tmp_path: Path) -> None:
    truth = RETURN_UNDER_A_NEW_ID
    joined = join_people(truth, file_of(tmp_path, "1 2\n"))
    assert score_boxes(joined, seen_as(truth, 8, 9)).idf1 == 0.5


def test_files_are_scored_with_both(tmp_path: Path) -> None:
    truth = RETURN_UNDER_A_NEW_ID
    rows = zip(truth.frames, truth.ids, truth.boxes_ltwh_px, strict=True)
    lines = [f"{frame},{one},{','.join(f'{n:g}' for n in box)}\n" for frame, one, box in rows]
    (tmp_path / "truth.txt").write_text("".join(lines))
    (tmp_path / "result.txt").write_text("".join(line.replace(",2,", ",1,", 1) for line in lines))
    files = (tmp_path / "truth.txt", tmp_path / "result.txt")
    same = file_of(tmp_path, "1 2\n")
    assert score_tracking(*files).result_ids == 1
    assert score_tracking(*files, per_visit=20).result_ids == 2
    assert score_tracking(*files, same=same).truth_ids == 1
    both = score_tracking(*files, same=same, per_visit=20)
    assert (both.truth_ids, both.result_ids) == (1, 2)
