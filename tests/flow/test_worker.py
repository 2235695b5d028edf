from __future__ import annotations

import logging
import os
import signal
import threading
import time

import pytest

from edge.errors import SourceBroken, StageError
from edge.flow import Channel, Closed, StageMeter, StopSignals, Workers, pump

PATIENCE_S = 10.0


def chain(workers: Workers, *, fail_at: str = "", items: int | None = 50) -> list[int]:
    """Spawn camera → stage → sink over channels of one item; ``items`` None never ends by itself."""
    first: Channel[int] = Channel("first", 1)
    second: Channel[int] = Channel("second", 1)
    stop = threading.Event()
    taken: list[int] = []

    def hurt(name: str, item: int) -> int:
        if fail_at == name and item == 5:
            raise ZeroDivisionError(name)
        return item

    def camera() -> None:
        number = 0
        while (items is None or number < items) and not stop.is_set():
            first.put(hurt("camera", number))
            number += 1

    def sink() -> None:
        for item in second:
            taken.append(hurt("sink", item))

    workers.on_stop(stop.set)
    workers.on_abort(first.fail)
    workers.on_abort(second.fail)
    meter = StageMeter("stage")
    workers.spawn("camera", camera, at_end=[first.close_producer], stage="capture", camera="door")
    workers.spawn(
        "stage",
        lambda: pump(first, lambda item: [hurt("stage", item)], second, meter),
        at_end=[first.close_consumer, second.close_producer],
    )
    workers.spawn("sink", sink, at_end=[second.close_consumer])
    return taken


def test_everything_drains_when_the_camera_ends() -> None:
    workers = Workers()
    taken = chain(workers)
    workers.supervise(tick_s=0.01)
    assert taken == list(range(50))
    assert (workers.error, workers.failed, workers.aborted) == (None, "", False)


@pytest.mark.parametrize("name", ["camera", "stage", "sink"])
def test_a_worker_that_dies_stops_all_the_others_and_is_named(name: str) -> None:
    workers = Workers()
    chain(workers, fail_at=name, items=None)
    with pytest.raises(StageError) as caught:
        workers.supervise(tick_s=0.01)
    assert workers.join(PATIENCE_S) == ()
    assert workers.failed == name
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    expected = {"camera": "stage 'capture', camera 'door'"}.get(name, f"stage '{name}'")
    assert str(caught.value) == f"{expected}: ZeroDivisionError: {name}"


def test_an_edge_error_is_not_wrapped_and_only_the_first_is_kept() -> None:
    workers = Workers()
    first = SourceBroken("camera 'door': ended early")
    workers.on_abort(lambda error: workers.abort(KeyError("second")))

    def die() -> None:
        raise first

    workers.spawn("a", die)
    with pytest.raises(SourceBroken) as caught:
        workers.supervise(tick_s=0.01)
    assert caught.value is first


def test_stop_asks_once_and_lets_the_rest_drain() -> None:
    workers = Workers()
    taken = chain(workers, items=None)
    asked: list[int] = []
    workers.on_stop(lambda: asked.append(1))
    while len(taken) < 10:
        time.sleep(0.001)
    workers.stop()
    workers.stop()
    workers.supervise(tick_s=0.01)
    assert asked == [1]
    assert taken == list(range(len(taken)))
    assert workers.stopping
    assert not workers.aborted


def test_the_first_request_stops_and_the_second_aborts() -> None:
    workers, signals = Workers(), StopSignals()
    held: Channel[int] = Channel("held", 1)
    workers.on_abort(held.fail)
    workers.on_stop(signals.ask)  # the user asks again because "waiter" does not end
    workers.spawn("waiter", held.get)
    signals.ask()
    workers.supervise(signals, tick_s=0.01)
    assert workers.aborted
    assert workers.error is None
    assert workers.join(PATIENCE_S) == ()


def test_a_worker_that_hangs_after_an_abort_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    workers, release = Workers(), threading.Event()
    workers.spawn("stuck", lambda: release.wait(PATIENCE_S))
    workers.abort(SourceBroken("gone"))
    with caplog.at_level(logging.WARNING), pytest.raises(SourceBroken):
        workers.supervise(tick_s=0.01, patience_s=0.05)
    assert "left behind, still busy: stuck" in caplog.text
    release.set()
    assert workers.join(PATIENCE_S) == ()


def test_at_end_callbacks_all_run_even_when_one_raises() -> None:
    workers = Workers()
    ran: list[str] = []

    def bad() -> None:
        ran.append("bad")
        raise OSError("disk full")

    workers.spawn("a", lambda: None, at_end=[bad, lambda: ran.append("good")])
    with pytest.raises(StageError, match="disk full"):
        workers.supervise(tick_s=0.01)
    assert ran == ["bad", "good"]


def test_a_stopper_that_raises_does_not_keep_the_others_from_being_called() -> None:
    workers, called = Workers(), threading.Event()

    def bad() -> None:
        raise OSError("already gone")

    workers.on_stop(bad)
    workers.on_stop(called.set)
    workers.stop()
    assert called.is_set()


def test_stoppers_registered_late_are_called_at_once() -> None:
    workers = Workers()
    workers.abort()
    seen: list[str] = []
    workers.on_stop(lambda: seen.append("stop"))
    workers.on_abort(lambda error: seen.append(type(error).__name__))
    assert seen == ["stop", Closed.__name__]


def test_what_a_tick_raises_aborts_the_run() -> None:
    workers = Workers()
    chain(workers, items=None)

    def tick() -> None:
        raise SourceBroken("no camera gave a frame")

    with pytest.raises(SourceBroken):
        workers.supervise(on_tick=tick, tick_s=0.01)
    assert workers.join(PATIENCE_S) == ()


def test_two_workers_of_one_name_are_refused() -> None:
    workers, release = Workers(), threading.Event()
    workers.spawn("a", lambda: release.wait(PATIENCE_S))
    with pytest.raises(ValueError, match="'a' runs already"):
        workers.spawn("a", lambda: None)
    release.set()
    workers.supervise(tick_s=0.01)


def test_threads_carry_the_workers_name() -> None:
    workers = Workers()
    names: list[str] = []
    workers.spawn("detect", lambda: names.append(threading.current_thread().name))
    workers.supervise(tick_s=0.01)
    assert names == ["detect"]


def test_signals_are_counted_and_the_former_handlers_come_back_after_the_second() -> None:
    former = signal.getsignal(signal.SIGINT)
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.count == 1
        assert signal.getsignal(signal.SIGINT) != former
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.count == 2
        assert signal.getsignal(signal.SIGINT) == former
    assert signal.getsignal(signal.SIGINT) == former


def test_ctrl_c_under_a_running_chain_finishes_cleanly() -> None:
    workers = Workers()
    taken = chain(workers, items=None)
    with StopSignals() as signals:
        while len(taken) < 10:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        workers.supervise(signals, tick_s=0.01)
    assert taken == list(range(len(taken)))
    assert workers.error is None


def test_outside_the_main_thread_no_handler_is_installed() -> None:
    former = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def embed() -> None:
        with StopSignals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=embed)
    thread.start()
    thread.join()
    assert seen == [former]
