"""How a command ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from edge.cli.exits import run_and_exit
from edge.errors import ConfigError, EdgeError, ModelError, SourceBroken


def raising(error: BaseException) -> Callable[[], int]:
    def body() -> int:
        raise error

    return body


def exit_code(body: Callable[[], int]) -> object:
    with pytest.raises(SystemExit) as caught:
        run_and_exit(body)
    return caught.value.code


def test_the_body_decides_the_exit_code() -> None:
    assert exit_code(lambda: 0) == 0
    assert exit_code(lambda: 2) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("must be 0 or more (got -5)", file="cams.yaml", line=7, key="fps_max"), 2),
        (ModelError("weights missing"), 3),
        (SourceBroken("camera 'door': ended early"), 4),
    ],
    ids=["configuration", "start", "run"],
)
def test_an_error_of_ours_is_one_line_and_its_own_exit_code(
    error: EdgeError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(raising(error)) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{error}\n"


def test_a_message_of_several_lines_becomes_one(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code(raising(ModelError("first\nsecond")))
    assert capsys.readouterr().err == "first second\n"


def test_everything_wrong_with_a_file_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError("unknown key", file="cams.yaml", line=3)
    error.more = (ConfigError("must be above 0", file="cams.yaml", line=9),)  # type: ignore[attr-defined]
    assert exit_code(raising(error)) == 2
    assert capsys.readouterr().err.splitlines() == [
        "cams.yaml:3: unknown key",
        "cams.yaml:9: must be above 0",
    ]


def test_credentials_in_a_message_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code(raising(SourceBroken("lost rtsp://admin:hunter2@10.0.0.2/ch1")))
    assert "hunter2" not in capsys.readouterr().err


def test_credentials_in_a_traceback_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(raising(ValueError("lost rtsp://admin:hunter2@10.0.0.2/ch1"))) == 4
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "hunter2@10" not in said.split("ValueError:")[1]


def test_ctrl_c_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_goes_away_causes_no_traceback() -> None:
    code = "from edge.cli.exits import run_and_exit\nrun_and_exit(lambda: print('x' * 200_000) or 0)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.close()
    _, said = child.communicate(timeout=30)
    assert child.returncode == 141
    assert said == b""
