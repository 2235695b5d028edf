from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import OutputError
from edge.stages.sink.folder import check_folder, prepare_folder, put_away


def test_a_missing_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "a" / "b")
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["events.jsonl", "tracks"]


def test_a_folder_below_a_file_is_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"output folder '.*file/out' cannot be written: Not a directory"):
        prepare_folder(tmp_path / "file" / "out")


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        prepare_folder(tmp_path / "out")


def test_a_read_only_place_is_refused() -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        prepare_folder(Path("/proc/edge-out"))


@pytest.mark.parametrize("mark", ["events", "empty events", "summary"])
def test_an_earlier_run_is_replaced_but_its_events_stay(tmp_path: Path, mark: str) -> None:
    if mark == "summary":
        (tmp_path / "summary.json").write_text('{"schema": "edge-reid/summary/1"}', encoding="utf-8")
    else:
        text = '{"schema": "edge-reid/event/1"}\n' if mark == "events" else ""
        (tmp_path / "events.jsonl").write_text(text, encoding="utf-8")
    for name in ("tracks/gone.txt", "video/gone.mp4", "report.html", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old", encoding="utf-8")
    before = (tmp_path / "events.jsonl").read_text("utf-8") if mark != "summary" else ""
    prepare_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "notes.txt", "tracks"]
    assert list((tmp_path / "tracks").iterdir()) == []
    assert (tmp_path / "events.jsonl").read_text("utf-8") == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("report.html", "mine"),
        ("events.jsonl", '{"schema": "another/1"}\n'),
        ("events.jsonl", "[1]\n"),
        ("summary.json", "not json"),
        ("tracks/door.txt", "1,2,3"),
    ],
)
def test_files_of_somebody_else_are_never_replaced(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(OutputError, match="not written by edge-run"):
        prepare_folder(tmp_path)
    assert (tmp_path / name).read_text("utf-8") == text


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "cams.yaml").write_text("cameras: []", encoding="utf-8")
    prepare_folder(tmp_path)
    assert (tmp_path / "cams.yaml").exists()


def test_looking_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text('{"schema": "edge-reid/event/1"}\n', encoding="utf-8")
    (tmp_path / "report.html").write_text("old", encoding="utf-8")
    check_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "report.html"]


def leave(folder: Path, run: str) -> None:
    """What a killed run leaves."""
    (folder / "tracks").mkdir(parents=True)
    (folder / "tracks" / "door.txt").write_text("1,1,0,0,5,5,1,-1,-1,-1\n", encoding="utf-8")
    (folder / "events.jsonl").write_text('{"schema": "edge-reid/event/1"}\n', encoding="utf-8")
    text = f'{{"schema": "edge-reid/summary/1", "run": "{run}", "exit": null}}'
    (folder / "summary.json").write_text(text, encoding="utf-8")


def test_a_killed_run_is_put_away_once(tmp_path: Path) -> None:
    leave(tmp_path, "r1")
    place = tmp_path / "earlier" / "r1"
    for _ in range(2):
        assert put_away(tmp_path, "r1") == place
        assert sorted(path.name for path in place.iterdir()) == ["summary.json", "tracks"]
        assert (place / "tracks" / "door.txt").exists()
        assert [path.name for path in tmp_path.iterdir() if path.name != "earlier"] == ["events.jsonl"]


def test_putting_away_goes_on_after_it_was_broken_off(tmp_path: Path) -> None:
    leave(tmp_path, "r1")
    (tmp_path / "earlier" / "r1" / "tracks").mkdir(parents=True)
    (tmp_path / "tracks" / "door.txt").rename(tmp_path / "earlier" / "r1" / "tracks" / "door.txt")
    (tmp_path / "tracks" / "yard.txt").write_text("", encoding="utf-8")
    place = put_away(tmp_path, "r1")
    assert place is not None
    assert {path.name for path in (place / "tracks").iterdir()} == {"door.txt", "yard.txt"}


def test_another_run_is_not_put_away(tmp_path: Path) -> None:
    leave(tmp_path, "r2")
    assert put_away(tmp_path, "r1") is None
    assert put_away(tmp_path / "missing", "r1") is None
    assert (tmp_path / "tracks" / "door.txt").exists()
