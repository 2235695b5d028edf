from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from mot_boxes import boxes_of, walk, write_boxes

from edge.cli import evaluate
from edge.cli.main import main
from edge.errors import ConfigError

LINES = "".join(f"{frame},{person},{person * 50},10,20,40,1\n" for frame in range(1, 6) for person in (1, 2))


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.txt"
    path.write_text(LINES)
    return path


def run_edge(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["edge", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_json_is_one_object_with_lower_case_keys(truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.tracking(truth, truth, 1.0, True) == 0
    score = json.loads(capsys.readouterr().out)
    assert score["idf1"] == score["mota"] == 1
    assert score["hota"] == pytest.approx(1)
    assert score["id_switches"] == 0
    assert {"precision", "recall", "idp", "idr", "deta", "assa"} <= set(score)


def test_people_get_a_table(truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.tracking(truth, truth) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["IDF1", "1.000"],
        ["HOTA", "1.000"],
        ["MOTA", "1.000"],
        ["switches", "0"],
    ]


def test_an_empty_result_is_a_bad_score_not_a_failure(
    truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert evaluate.tracking(truth, empty, 1.0, True) == 0
    assert json.loads(capsys.readouterr().out)["idf1"] == 0


def test_a_malformed_line_reaches_the_caller(truth: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("1,1,2,3,4,5\n1,2,nan,3,4,5\n")
    with pytest.raises(ConfigError, match=r"bad\.txt:2: left must be finite"):
        evaluate.tracking(truth, bad)


def test_the_command_scores_with_a_scale(
    truth: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("eval", "tracking", "--truth", truth, "--result", truth, "--scale", "0.5", "--json")
    assert run_edge(monkeypatch, *arguments) == 0
    assert json.loads(capsys.readouterr().out)["idf1"] == 0


def test_the_command_ends_with_one_line_when_a_file_is_missing(
    truth: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_edge(monkeypatch, "eval", "tracking", "--truth", truth, "--result", "nowhere.txt") == 2
    assert capsys.readouterr().err == "nowhere.txt: no such file; give the path of a MOTChallenge text file\n"


def test_json_says_which_ids_were_joined_and_how_visits_were_split(
    truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.tracking(truth, truth, 1.0, True)
    assert not {"same", "per_visit"} & set(json.loads(capsys.readouterr().out))
    same = tmp_path / "same.txt"
    same.write_text("# nobody\n")
    evaluate.tracking(truth, truth, 1.0, True, same, 20)
    score = json.loads(capsys.readouterr().out)
    assert (score["same"], score["per_visit"]) == (str(same), 20)


def test_a_list_that_joins_two_people_is_exit_code_2(
    truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    same = tmp_path / "same.txt"
    same.write_text("1 2\n")
    arguments = ("eval", "tracking", "--truth", truth, "--result", truth, "--same", same)
    assert run_edge(monkeypatch, *arguments) == 2
    expected = f"{same}:1: ids 1 and 2 are both in frame 1, so they are two people\n"
    assert capsys.readouterr().err == expected


def test_the_table_says_what_an_identity_is(truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.tracking(truth, truth, per_visit=20)
    assert "20 frames of absence" in " ".join(capsys.readouterr().out.split())


# --- folders ---


@pytest.fixture
def site(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of truths, and one of results in which the second camera has the two people swapped."""
    pair, swapped = walk(1, 0, range(1, 11)), walk(2, 0, range(1, 11))
    pair, swapped = pair + walk(2, 100, range(1, 11)), swapped + walk(1, 100, range(1, 11))
    for camera, rows in (("door", pair), ("yard", swapped)):
        write_boxes(tmp_path / "site" / "truth" / f"{camera}.txt", boxes_of(pair))
        write_boxes(tmp_path / "run" / "tracks" / f"{camera}.txt", boxes_of(rows))
    return tmp_path / "site", tmp_path / "run"


def test_folders_are_scored_across_cameras(
    site: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("eval", "tracking", "--truth", site[0], "--result", site[1])
    assert run_edge(monkeypatch, *arguments, "--json") == 0
    score = json.loads(capsys.readouterr().out)
    assert (score["idf1"], score["cross_camera_idf1"]) == (1, 0.5)
    assert {name: one["idf1"] for name, one in score["cameras"].items()} == {"door": 1, "yard": 1}
    assert run_edge(monkeypatch, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["camera", "door", "yard", "each", "across"]
    assert lines[-1].split()[2] == "0.500"


def test_a_camera_that_one_folder_lacks_is_a_warning(
    site: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (site[1] / "tracks" / "yard.txt").unlink()
    assert run_edge(monkeypatch, "eval", "tracking", "--truth", site[0], "--result", site[1]) == 0
    assert capsys.readouterr().err == (
        "warning: camera 'yard': no result, so everybody there counts as missed\n"
    )


@pytest.mark.parametrize("option", [("--same", "ids.txt"), ("--per-visit", "40")])
def test_options_for_one_camera_are_refused_with_folders(
    option: tuple[str, str],
    site: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("eval", "tracking", "--truth", site[0], "--result", site[1], *option)
    assert run_edge(monkeypatch, *arguments) == 2
    assert capsys.readouterr().err.startswith(f"{option[0]}: is for one camera's files")


def test_a_file_beside_a_folder_is_refused(
    site: tuple[Path, Path],
    truth: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_edge(monkeypatch, "eval", "tracking", "--truth", truth, "--result", site[1]) == 2
    assert "give two files or two folders" in capsys.readouterr().err
    assert run_edge(monkeypatch, "eval", "tracking", "--truth", site[0], "--result", "gone") == 2
    assert capsys.readouterr().err == "gone: no such file or folder\n"
