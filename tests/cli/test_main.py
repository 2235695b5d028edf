"""The command line `edge`: which work each command calls, and with what."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

import edge
import edge.cli
from edge.cli.main import app

runner = CliRunner()


class Recorder(ModuleType):
    """Stands in for a command's module; every function notes its call and returns the exit code 3."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.calls: list[tuple[str, tuple[object, ...]]] = []

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)

        def record(*arguments: object) -> int:
            self.calls.append((name, arguments))
            return 3

        return record


@pytest.mark.parametrize(
    ("line", "module", "call"),
    [
        ("check --cameras c.yaml", "check", ("run", (Path("c.yaml"), None, False))),
        ("check --cameras c.yaml --pipeline p --json", "check", ("run", (Path("c.yaml"), "p", True))),
        ("models list --json", "models", ("list_models", (True,))),
        ("models pull yolox-nano osnet-x0-25", "models", ("pull", (["yolox-nano", "osnet-x0-25"], False))),
        ("models verify", "models", ("verify", ([], False, None))),
        ("models verify --ckpt-dir w --json", "models", ("verify", ([], True, Path("w")))),
        ("poses draw --out p", "generate", ("draw_poses", (Path("p"), None, False))),
        (
            "poses draw --out p --keypoints k.json --json",
            "generate",
            ("draw_poses", (Path("p"), Path("k.json"), True)),
        ),
        (
            "eval tracking --truth t.txt --result r.txt --scale 0.625 --json",
            "evaluate",
            ("tracking", (Path("t.txt"), Path("r.txt"), 0.625, True, None, None)),
        ),
        (
            "eval tracking --truth t.txt --result r.txt --same s.txt --per-visit 20",
            "evaluate",
            ("tracking", (Path("t.txt"), Path("r.txt"), 1.0, False, Path("s.txt"), 20)),
        ),
        (
            "eval return-probe --video v.avi --truth t.txt --empty-frames 300 --out o",
            "evaluate",
            (
                "return_probe",
                (Path("v.avi"), Path("t.txt"), 1.0, 300, None, Path("o"), False, None, None),
            ),
        ),
        (
            "eval return-probe --video v.avi --truth t.txt --same s.txt --per-visit 9 --pipeline p --json",
            "evaluate",
            ("return_probe", (Path("v.avi"), Path("t.txt"), 1.0, 20, "p", None, True, Path("s.txt"), 9)),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_a_command_calls_its_work_and_returns_its_exit_code(
    line: str, module: str, call: tuple[str, tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(f"edge.cli.{module}")
    monkeypatch.setitem(sys.modules, recorder.__name__, recorder)
    monkeypatch.setattr(edge.cli, module, recorder, raising=False)
    result = runner.invoke(app, line.split())
    assert recorder.calls == [call]
    assert result.exit_code == 3


def test_a_command_line_that_makes_no_sense_is_exit_code_2() -> None:
    assert runner.invoke(app, ["check"]).exit_code == 2
    assert runner.invoke(app, ["chekc"]).exit_code == 2


def test_the_version_is_printed() -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.strip() == f"edge-reid {edge.__version__}"


@pytest.mark.parametrize("group", [[], ["models"], ["eval"]], ids=["edge", "edge models", "edge eval"])
def test_help_names_every_command(group: list[str]) -> None:
    result = runner.invoke(app, [*group, "--help"])
    expected = {"models": {"list", "pull", "verify"}, "eval": {"tracking", "return-probe"}}
    for command in expected.get("".join(group), {"check", "models", "eval"}):
        assert command in result.stdout
