from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.folder_card import find_folder, list_folder_cards
from edge.resources import models_dir


def test_the_generator_is_found_only_when_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (card,) = list_folder_cards()
    assert (card.name, card.task) == ("ipg", "generate")
    monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path))
    for file in card.files.values():
        assert find_folder(card) is None
        (tmp_path / file).write_bytes(b"x")
    assert find_folder(card) == tmp_path


def test_its_files_are_those_the_generator_loads() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    from edge.nets.checkpoints import NET_FILES

    (card,) = list_folder_cards()
    assert set(card.files.values()) == {f"{stem}.pth" for stem in NET_FILES.values()}


def test_it_has_a_readme() -> None:
    assert (models_dir() / "ipg" / "README.md").read_text(encoding="utf-8").startswith("# ipg\n")
