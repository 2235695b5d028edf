from __future__ import annotations

import logging

import pytest
from front_parts import FakeReader

from edge.errors import SourceBroken, SourceError, StageError
from edge.flow import ChannelStats
from edge.fronts import Board
from edge.stages.capture import CameraState


def stats(*, puts: int = 0, gets: int = 0, drops: int = 0) -> ChannelStats:
    return ChannelStats("lane", 2, puts - gets - drops, puts, gets, drops)


def state(kind: str, attempt: int = 0) -> CameraState:
    return CameraState("door", kind, f"camera 'door': {kind} {attempt}", 0, 0, attempt)  # type: ignore[arg-type]


@pytest.fixture
def board() -> Board:
    board = Board()
    board.attach(FakeReader("door", 0, live=True), lambda: stats(puts=100, gets=88, drops=10))
    board.attach(FakeReader("yard", 0), lambda: stats())
    return board


def test_a_row_counts_the_frames_that_were_not_dropped(board: Board) -> None:
    rows = board.rows(9.0)
    assert (rows["door"].frames, rows["door"].dropped, rows["door"].fps) == (90, 10, 10.0)
    assert (rows["yard"].frames, rows["yard"].state) == (0, "opening")


def test_at_the_very_start_no_rate_is_known(board: Board) -> None:
    assert board.rows(0.0)["door"].fps == 0.0


def test_the_live_rate_is_that_of_the_last_seconds() -> None:
    now = {"gets": 0}
    board = Board()
    board.attach(FakeReader("door", 0), lambda: stats(puts=now["gets"], gets=now["gets"]))
    rates = []
    for second, gets in enumerate((0, 10, 20, 30, 30, 30), start=1):
        now["gets"] = gets
        rates.append(board.lines(float(second))[0].fps)
    assert rates == [0.0, 10.0, 10.0, 10.0, 10.0, 0.0]


def test_changes_of_state_are_logged_but_not_every_attempt_of_a_camera_that_stays_away(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    board.on_state(state("connected"))
    board.on_state(state("lost"))
    for attempt in range(1, 31):
        board.on_state(state("retrying", attempt))
    board.on_state(state("failed"))
    assert [record.levelname for record in caplog.records[:2]] == ["INFO", "WARNING"]
    attempts = [record.message.split()[-1] for record in caplog.records[2:]]
    assert attempts == ["1", "2", "3", "10", "20", "30"]


def test_failures_are_told_in_the_order_of_the_cameras(board: Board) -> None:
    board.fail("yard", SourceBroken("yard broke"))
    board.fail("door", SourceBroken("door broke"))
    assert [str(error) for error in board.failures] == ["door broke", "yard broke"]


def test_a_failure_is_logged_at_once_where_others_go_on(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    board.fail("door", SourceBroken("door broke"))
    assert caplog.messages == ["door broke; the other cameras go on"]
    assert caplog.records[0].exc_info is None
    mistake = StageError("capture", "yard", TypeError("x"))
    mistake.__cause__ = TypeError("x")
    board.fail("yard", mistake)
    assert caplog.records[1].exc_info


def test_silence_is_the_error_or_the_last_words_of_each_camera() -> None:
    board = Board()
    words = "camera 'b': no answer from rtsp://***@h/1; retrying in 4 s"
    for reader in (FakeReader("a", 0), FakeReader("b", 0, words=words), FakeReader("c", 0)):
        board.attach(reader, stats)
    board.fail("c", SourceError("camera 'c': no video"))
    assert [str(error) for error in board.silence("look")] == [
        "camera 'a': no answer yet; look",
        "camera 'b': no answer from rtsp://***@h/1; look",
        "camera 'c': no video",
    ]


def test_frames_are_known_of_as_soon_as_one_lane_has_had_one(board: Board) -> None:
    assert board.has_frames
    empty = Board()
    empty.attach(FakeReader("door", 0), stats)
    assert not empty.has_frames
