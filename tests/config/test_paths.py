from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.paths import is_empty_file, is_file, is_path, path_from


def test_relative_paths_start_at_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert path_from("a/b", tmp_path) == tmp_path / "a/b"
    assert path_from("/a", tmp_path) == Path("/a")
    assert path_from("~/a", tmp_path) == Path("/home/me/a")
    assert path_from("a", None) == Path("a")


def test_a_home_that_nobody_has_is_left_as_written(tmp_path: Path) -> None:
    assert path_from("~nobody-at-all/a", tmp_path) == tmp_path / "~nobody-at-all/a"


def test_what_is_a_path_and_what_a_name() -> None:
    assert [is_path(text) for text in ("default", "a/b", "p.yaml", "p.yml", "")] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_names_no_file_can_have_are_no_files(tmp_path: Path) -> None:
    for name in ("a\0b", "a" * 5000):
        assert not is_file(tmp_path / name)
        assert not is_empty_file(tmp_path / name)
    (tmp_path / "empty").touch()
    assert is_file(tmp_path / "empty")
    assert is_empty_file(tmp_path / "empty")
