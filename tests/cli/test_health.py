from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge.cli.health import health, judge

NOW_S = 1_700_000_000.0


def write(folder: Path, *, age_s: float = 3.0, **changes: object) -> None:
    summary = {"exit": None, "cameras": {"a": {"state": "connected"}, "b": {"state": "frozen"}}, **changes}
    file = folder / "summary.json"
    file.write_text(json.dumps(summary))
    os.utime(file, (NOW_S - age_s, NOW_S - age_s))


def judged(folder: Path, *, cameras: bool = False) -> tuple[bool, int, str]:
    found = judge(folder, 30.0, cameras=cameras, now_s=NOW_S)
    return found.alive, found.exit_code, found.reason


def test_a_run_that_writes_is_alive(tmp_path: Path) -> None:
    write(tmp_path)
    assert judged(tmp_path) == (True, 0, "1 of 2 cameras connected")


def test_a_run_that_hangs_or_has_ended_is_not(tmp_path: Path) -> None:
    write(tmp_path, age_s=31)
    assert judged(tmp_path)[:2] == (False, 4)
    assert "31 s old" in judged(tmp_path)[2]
    write(tmp_path, exit=3)
    assert judged(tmp_path) == (False, 4, "the run ended with exit code 3")


def test_before_the_first_summary_it_has_not_begun(tmp_path: Path) -> None:
    assert judged(tmp_path)[:2] == (False, 3)


def test_without_any_camera_it_is_alive_unless_cameras_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path, cameras={"a": {"state": "retrying"}})
    assert judged(tmp_path)[0]
    assert judged(tmp_path, cameras=True) == (False, 4, "0 of 1 cameras connected")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"exit": null}', '{"exit": null, "cameras": 3}'])
def test_a_broken_summary_is_no_sign_of_life(content: str, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(content)
    assert judged(tmp_path)[:2] == (False, 4)


def test_it_is_printed_as_a_line_or_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert health(tmp_path, 30.0, False, json=False) == 3
    assert capsys.readouterr().out.startswith("not alive: there is no ")
    assert health(tmp_path, 30.0, False, json=True) == 3
    assert json.loads(capsys.readouterr().out)["alive"] is False
