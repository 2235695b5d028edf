"""Each test has its own registry of secrets, so that none masks the words of another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config import secrets

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_registry", secrets._Registry())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a cams.yaml and give its path."""

    def write_text(text: str) -> Path:
        file = tmp_path / "cams.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_text
