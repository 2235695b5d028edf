"""The loop of a worker, without a process of its own: what it says, when it pauses, how it ends."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from quick_painter import MODEL, QuickPainter, make_job, make_setup

from edge.errors import StoreError
from edge.ipg.gauge import Beat, Gauge, Stopping
from edge.ipg.messages import Done, Draw, Failed, Idle, Ready, Stop, Unusable
from edge.ipg.worker import Drawn, Worker, serve
from edge.records import IpgJob, Prototype

CONTEXT = multiprocessing.get_context("spawn")


class Shelf:
    """Keeps prototypes in memory; full when told so."""

    def __init__(self, full: bool = False) -> None:
        self.full = full
        self.kept: list[Prototype] = []

    def put(self, prototype: Prototype) -> int:
        if self.full:
            raise StoreError("the disk is full; free some space")
        self.kept.append(prototype)
        return len(self.kept)


class Bench:
    """A worker in a thread, and our end of its pipe."""

    def __init__(self, painter: Any = None, shelf: Shelf | None = None, share: float = 1.0) -> None:
        self.pipe, theirs = CONTEXT.Pipe()
        self.gauge = Gauge(CONTEXT)
        self.shelf = shelf or Shelf()
        self.worker = Worker(painter or QuickPainter(), self.shelf, theirs, self.gauge, share=share)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.ended: BaseException | None = None
        self.thread.start()

    def _run(self) -> None:
        try:
            self.worker.run()
        except SystemExit as error:
            self.ended = error

    def draw(self, *jobs: IpgJob) -> None:
        self.pipe.send(Draw(tuple(range(len(jobs))), list(jobs)))

    def hear(self, count: int) -> list[Any]:
        heard = []
        for _ in range(count):
            assert self.pipe.poll(30.0)
            heard.append(self.pipe.recv())
        return heard

    def stop(self) -> None:
        self.pipe.send(Stop())
        self.thread.join(30.0)
        assert not self.thread.is_alive()


def test_each_person_of_a_batch_is_kept_and_told() -> None:
    bench = Bench()
    bench.draw(make_job(4), make_job(9))
    heard = bench.hear(3)
    assert heard[:2] == [Done(0, 4, 2, 1, 0), Done(1, 9, 2, 1, 0)]
    assert isinstance(heard[2], Idle)
    assert heard[2].busy_s > 0.004
    assert [one.identity for one in bench.shelf.kept] == [4, 9]
    bench.stop()


def test_a_painter_that_raises_costs_the_batch_and_not_the_worker() -> None:
    bench = Bench()
    bench.draw(make_job(1, camera="raises"), make_job(2))
    failed, idle = bench.hear(2)
    assert failed == Failed((0, 1), "ValueError: cannot draw this")
    assert isinstance(idle, Idle)
    bench.draw(make_job(2))
    assert bench.hear(2)[0] == Done(0, 2, 2, 1, 0)
    bench.stop()


def test_without_memory_the_process_ends_after_saying_so() -> None:
    bench = Bench()
    bench.draw(make_job(1, camera="eats"))
    assert bench.hear(1) == [Failed((0,), "out of memory: nothing left")]
    bench.thread.join(30.0)
    assert isinstance(bench.ended, SystemExit)
    assert bench.ended.code


def test_a_store_that_cannot_be_written_is_not_the_jobs_fault() -> None:
    bench = Bench(shelf=Shelf(full=True))
    bench.draw(make_job(1))
    assert bench.hear(1) == [Failed((0,), "the disk is full; free some space", to_blame=False)]
    bench.stop()


def test_it_ends_when_the_live_process_is_gone() -> None:
    bench = Bench()
    bench.pipe.close()
    bench.thread.join(30.0)
    assert not bench.thread.is_alive()


class Endless:
    """Never finishes, but makes steps."""

    generator = "endless@1"

    def paint(self, jobs: Sequence[IpgJob], beat: Callable[[], None]) -> list[Drawn]:
        while True:
            time.sleep(0.001)
            beat()


def test_it_stops_in_the_middle_of_a_batch() -> None:
    bench = Bench(Endless())
    bench.draw(make_job(1))
    time.sleep(0.05)
    bench.stop()


def test_it_pauses_between_steps_and_shows_that_it_lives() -> None:
    bench = Bench()
    bench.gauge.pause(True)
    bench.draw(make_job(1))
    time.sleep(0.3)
    assert not bench.pipe.poll()
    before_s = bench.gauge.progress_at_s
    time.sleep(0.2)
    assert bench.gauge.progress_at_s > before_s
    bench.gauge.pause(False)
    assert bench.hear(2)[0] == Done(0, 1, 2, 1, 0)
    bench.stop()


def test_it_rests_so_long_that_its_share_of_the_time_is_kept() -> None:
    gauge = Gauge(CONTEXT)
    beat = Beat(gauge, lambda: False, share=0.25)
    begun_s = time.perf_counter()
    beat.begin()
    for _ in range(5):
        time.sleep(0.02)
        beat()
    took_s = time.perf_counter() - begun_s
    assert beat.busy_s == pytest.approx(0.25 * took_s, rel=0.2)


def test_a_rest_ends_at_once_when_the_worker_shall_stop() -> None:
    asked: list[bool] = []
    beat = Beat(Gauge(CONTEXT), lambda: bool(asked), share=0.001)
    beat.begin()
    time.sleep(0.01)
    threading.Timer(0.1, lambda: asked.append(True)).start()
    begun_s = time.perf_counter()
    with pytest.raises(Stopping):
        beat()
    assert time.perf_counter() - begun_s < 5.0


def test_what_cannot_be_loaded_is_said_in_one_line(tmp_path: Path) -> None:
    ours, theirs = CONTEXT.Pipe()
    serve(make_setup(tmp_path, "open_none"), theirs, Gauge(CONTEXT))
    assert ours.recv() == Unusable("generator 'quick': no weights found; put them there")


def test_a_store_that_cannot_be_opened_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "prototypes.db").mkdir()
    ours, theirs = CONTEXT.Pipe()
    serve(make_setup(tmp_path), theirs, Gauge(CONTEXT))
    said = ours.recv()
    assert isinstance(said, Unusable)
    assert "\n" not in said.reason


def test_it_says_when_it_is_ready_and_what_it_draws_with(tmp_path: Path) -> None:
    ours, theirs = CONTEXT.Pipe()
    ours.send(Stop())
    serve(make_setup(tmp_path), theirs, Gauge(CONTEXT))
    assert ours.recv() == Ready("quick@1")
    assert make_job(1).model == MODEL
