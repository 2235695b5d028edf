"""Where models/ and pipelines/ are found, in a checkout and in a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge import resources
from edge.errors import StartError


def test_cards_and_pipelines_are_found() -> None:
    assert list(resources.models_dir().glob("*/card.yaml"))
    assert list(resources.pipelines_dir().glob("*/*.yaml"))


def lay_out(monkeypatch: pytest.MonkeyPatch, root: Path, *folders: str, checkout: bool) -> None:
    for folder in ("edge", *folders):
        (root / folder).mkdir(parents=True)
    if checkout:
        (root / "pyproject.toml").touch()
    monkeypatch.setattr(resources, "_PACKAGE", root / "edge")


def test_a_checkout_uses_its_top_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lay_out(monkeypatch, tmp_path, "models", "pipelines", checkout=True)
    assert resources.checkout_root() == tmp_path
    assert resources.models_dir() == tmp_path / "models"
    assert resources.pipelines_dir() == tmp_path / "pipelines"


def test_a_wheel_uses_what_it_ships(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lay_out(monkeypatch, tmp_path, "edge/_shipped/models", checkout=False)
    assert resources.checkout_root() is None
    assert resources.models_dir() == tmp_path / "edge/_shipped/models"


def test_a_folder_called_models_beside_an_installed_package_is_not_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lay_out(monkeypatch, tmp_path, "models", checkout=False)
    with pytest.raises(StartError, match="incomplete"):
        resources.models_dir()
