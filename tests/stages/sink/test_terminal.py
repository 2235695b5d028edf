from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from edge.stages.sink import CameraLine, LiveSnapshot, StageLine, TerminalView

SNAPSHOT = LiveSnapshot(
    elapsed_s=75.4,
    cameras=[
        CameraLine("door", "connected", 9.84, 738, 12, 2),
        CameraLine("[bold]yard", "lost", 0.0, 0, 0, 0),
    ],
    stages=[StageLine("detect", 738, 12.34, 15.9, 1)],
    identities=7,
    unknown=2,
)


def test_elsewhere_than_on_a_terminal_a_line_is_logged_every_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_s = [0.0]
    with caplog.at_level(logging.INFO), TerminalView(False, now_s=lambda: now_s[0]) as view:
        for time_s in (0.0, 9.9, 10.0, 10.1, 19.9, 20.0):
            now_s[0] = time_s
            view.update(SNAPSHOT)
    assert [record.getMessage() for record in caplog.records] == [
        "75 s: 7 identities, 2 unknown; door connected 9.8 fps (12 dropped) queue 2, "
        "[bold]yard lost 0.0 fps; detect 12.3/15.9 ms"
    ] * 2


def test_on_a_terminal_a_table_shows_the_same_numbers() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    with TerminalView(True, console=console) as view:
        view.update(SNAPSHOT)
    shown = screen.getvalue()
    for wanted in ("7 identities", "2 unknown", "1:15", "door", "[bold]yard", "9.8", "738", "12", "15.9"):
        assert wanted in shown
    assert shown.endswith("\x1b[?25h"), "the cursor is not given back"


def test_the_table_is_redrawn_four_times_a_second_at_most() -> None:
    now_s = [0.0]
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    with TerminalView(True, console=console, now_s=lambda: now_s[0]) as view:
        view.update(SNAPSHOT)
        length = len(screen.getvalue())
        now_s[0] = 0.1
        view.update(SNAPSHOT)
        assert len(screen.getvalue()) == length
        now_s[0] = 0.25
        view.update(SNAPSHOT)
        assert len(screen.getvalue()) > length


def test_log_lines_go_above_the_table() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    view = TerminalView(True, console=console)
    view.log_handler().emit(logging.LogRecord("x", logging.WARNING, "", 0, "camera [door] lost", (), None))
    view.close()
    assert "camera [door] lost" in screen.getvalue()
    assert type(TerminalView(False).log_handler()) is logging.StreamHandler
