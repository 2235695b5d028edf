"""Runs `edge eval …` in this process, as a user would type it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.cli.main import main

__all__ = ["Ended", "eval_command"]


@dataclass(frozen=True)
class Ended:
    """How it ended, and what it printed."""

    code: int
    out: str
    err: str


def eval_command(
    name: str, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Return what runs ``edge eval NAME --data FOLDER OPTIONS…`` with a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))

    def run_edge(folder: Path, *options: object) -> Ended:
        words = ["edge", "eval", name, "--data", folder, *options]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run_edge
