"""`edge site render`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli.main import app
from edge.site import PRESETS

runner = CliRunner()
ARGUMENTS = ["site", "render", "--preset", "handover", "--duration-s", "0.2", "--seed", "4"]


def test_a_site_is_rendered_then_reused_and_rendered_anew_when_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.cli.progress.processors", lambda: 1)
    monkeypatch.setattr("edge.site.calibration._SURVEY_S", 20.0)
    out = tmp_path / "site"
    line = [*ARGUMENTS, "--out", str(out)]
    first = runner.invoke(app, [*line, "--json"])
    assert first.exit_code == 0, first.output
    made = json.loads(first.stdout)
    assert made["rendered"] is True
    assert (made["preset"], made["seed"], made["frames"]) == ("handover", 4, 2)
    assert made["cameras"] == ["lobby", "office", "store", "dock"]
    again = runner.invoke(app, [*line, "--json"])
    assert json.loads(again.stdout)["rendered"] is False
    assert "up to date" in again.stderr
    facts = json.loads((out / "site.json").read_text())
    (out / "site.json").write_text(json.dumps(facts | {"renderer": "older"}))
    anew = runner.invoke(app, line)
    assert "was made by another version; rendering it anew" in anew.stderr
    assert "4 cameras, 12 people" in anew.stdout
    assert f"edge-run --cameras {out / 'cams.yaml'}" in anew.stdout


def test_an_unknown_preset_is_one_line_that_lists_them(tmp_path: Path) -> None:
    result = runner.invoke(app, ["site", "render", "--preset", "moon", "--out", str(tmp_path / "x")])
    assert result.exit_code == 2
    assert result.stderr.strip() == (
        "--preset: no preset is called 'moon'; there are: demo, twins, night, crowd, handover, large"
    )
    assert not (tmp_path / "x").exists()


def test_the_help_names_every_preset() -> None:
    text = runner.invoke(app, ["site", "render", "--help"]).stdout
    assert all(preset in text for preset in PRESETS)
