"""Workers in real processes, which die, hang and fail in every way; the live path never notices."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from onlooker import Onlooker
from quick_painter import GENERATOR, MODEL, make_job, make_setup

from edge.flow import StageMeter
from edge.ipg import station
from edge.ipg.supervisor import Supervisor
from edge.records import Decision, Prototype
from edge.stores import PrototypeStore

PATIENCE_S = 60.0  # the machine may be busy


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Supervisor]]:
    """Starts supervisors, which are closed in the end."""
    monkeypatch.setattr(station, "BACKOFF_S", (0.01, 0.1))
    started: list[Supervisor] = []

    def start(painter: str = "open_quick", meters: object = dict, **given: object) -> Supervisor:
        one = Supervisor(make_setup(tmp_path, painter, **given), "gallery", meters)  # type: ignore[arg-type]
        started.append(one)
        one.start()
        return one

    yield start
    for one in started:
        one.close()
        one.release()


def until(reached: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline_s, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.02)


def gather(supervisor: Supervisor, into: dict[int, Prototype]) -> int:
    arrivals = supervisor.take()
    if arrivals is not None:
        into.update({one.identity: one for one in arrivals.prototypes})
    return len(into)


def test_what_is_asked_for_arrives_with_everything_but_the_pictures(
    start: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervisor = start()
    for identity in range(1, 8):
        supervisor.ask(make_job(identity))
    found: dict[int, Prototype] = {}
    until(lambda: gather(supervisor, found) == 7, "seven prototypes")
    one = found[3]
    assert (one.version, one.model, one.generator, one.poses) == (1, MODEL, GENERATOR, ("front", "back"))
    assert one.generated.shape == (2, 8)
    np.testing.assert_array_equal(one.real, make_job(3).real)
    assert one.pictures_bgr_mhwc.size == 0
    row = supervisor.row()
    assert (row.identities, row.pictures, row.rejected_too_far, row.restarts) == (7, 14, 7, 0)
    assert row.generator == GENERATOR
    assert row.queue == 0


def test_several_workers_share_the_jobs(start: Callable[..., Supervisor]) -> None:
    supervisor = start("open_slow", workers=2, batch_max=1)
    until(lambda: supervisor.row().state == "idle" and len(supervisor.pids) == 2, "two workers")
    for identity in range(1, 5):
        supervisor.ask(make_job(identity))
    most = 0
    found: dict[int, Prototype] = {}

    def done() -> bool:
        nonlocal most
        most = max(most, supervisor.row().in_hand)
        return gather(supervisor, found) == 4

    until(done, "four prototypes")
    assert most == 2


@pytest.mark.parametrize("give_way", [True, False])
def test_the_worker_gives_way_to_everything_else_unless_it_has_cores_of_its_own(
    start: Callable[..., Supervisor], give_way: bool
) -> None:
    supervisor = start(budget={"give_way": give_way})
    until(lambda: supervisor.row().state == "idle", "a worker")
    (pid,) = supervisor.pids
    assert os.getpriority(os.PRIO_PROCESS, pid) == (19 if give_way else os.getpriority(os.PRIO_PROCESS, 0))
    if sys.platform == "linux":
        assert (os.sched_getscheduler(pid) == os.SCHED_IDLE) is give_way
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"


def test_a_job_that_kills_its_worker_twice_is_set_aside_and_the_others_are_done(
    start: Callable[..., Supervisor],
) -> None:
    supervisor = start(batch_max=4)
    supervisor.ask(make_job(1, value=5.0, camera="kills"))
    for identity in (2, 3, 4):
        supervisor.ask(make_job(identity))
    found: dict[int, Prototype] = {}
    until(lambda: gather(supervisor, found) == 3 and supervisor.row().set_aside == 1, "three done, one aside")
    row = supervisor.row()
    assert sorted(found) == [2, 3, 4]
    assert row.set_aside_jobs[0][0] == 1
    assert "exit code 7" in row.set_aside_jobs[0][1]
    assert row.restarts >= 2
    supervisor.ask(make_job(1, value=5.0, camera="kills"))  # the same crop is not tried again
    assert supervisor.row().queue == 0


def test_a_job_that_cannot_be_drawn_leaves_the_worker_alive(start: Callable[..., Supervisor]) -> None:
    supervisor = start()
    supervisor.ask(make_job(1, camera="raises"))
    until(lambda: supervisor.row().set_aside == 1, "set aside")
    assert supervisor.row().restarts == 0
    assert supervisor.row().set_aside_jobs == ((1, "ValueError: cannot draw this"),)


def test_a_worker_that_hangs_is_started_again(start: Callable[..., Supervisor]) -> None:
    supervisor = start(hang_s=2.0)
    supervisor.ask(make_job(1, camera="hangs"))
    supervisor.ask(make_job(2))
    found: dict[int, Prototype] = {}
    until(lambda: gather(supervisor, found) == 1 and supervisor.row().set_aside == 1, "the other one done")
    assert list(found) == [2]
    assert "no sign of life" in supervisor.row().set_aside_jobs[0][1]


def test_a_worker_without_memory_is_started_again(start: Callable[..., Supervisor]) -> None:
    supervisor = start()
    supervisor.ask(make_job(1, camera="eats"))
    supervisor.ask(make_job(2))
    found: dict[int, Prototype] = {}
    until(lambda: gather(supervisor, found) == 1 and supervisor.row().set_aside == 1, "the other one done")
    assert "out of memory" in supervisor.row().set_aside_jobs[0][1]
    assert supervisor.row().restarts >= 1


def test_missing_weights_turn_the_worker_off_with_one_line(
    start: Callable[..., Supervisor], caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = start("open_none")
    until(lambda: supervisor.row().state == "off", "off")
    supervisor.ask(make_job(1))
    time.sleep(0.3)
    row = supervisor.row()
    assert row.reason == "generator 'quick': no weights found; put them there"
    assert (row.restarts, row.queue) == (0, 0)
    lines = [record.message for record in caplog.records]
    assert lines == [f"generated prototypes are off: {row.reason}; the run goes on without"]


def test_a_worker_that_dies_while_it_loads_is_tried_again_and_closes_in_bounded_time(
    start: Callable[..., Supervisor],
) -> None:
    supervisor = start("open_dead")
    until(lambda: supervisor.row().restarts >= 2, "two restarts")
    begun_s = time.monotonic()
    supervisor.close()
    assert time.monotonic() - begun_s < 6.0


def test_closing_ends_a_worker_that_hangs(start: Callable[..., Supervisor]) -> None:
    supervisor = start()
    supervisor.ask(make_job(1, camera="hangs"))
    until(lambda: supervisor.row().in_hand == 1, "in hand")
    (pid,) = supervisor.pids
    begun_s = time.monotonic()
    supervisor.close()
    assert time.monotonic() - begun_s < 6.0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from quick_painter import make_job, make_setup
        from edge.ipg.supervisor import Supervisor
        if __name__ == "__main__":
            supervisor = Supervisor(make_setup(Path(sys.argv[1])), "gallery")
            supervisor.start()
            while supervisor.row().state != "idle":
                time.sleep(0.05)
            supervisor.ask(make_job(1, camera="hangs"))
            while supervisor.row().in_hand != 1:
                time.sleep(0.05)
            print(supervisor.pids[0], flush=True)
            time.sleep(600)
        """
    )
    (tmp_path / "live.py").write_text(script)
    path = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", ""), *sys.path])
    live = subprocess.Popen(
        [sys.executable, str(tmp_path / "live.py"), str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert live.stdout is not None
    try:
        pid = int(live.stdout.readline())
        os.kill(pid, 0)
    finally:
        live.kill()
        live.wait()
        live.stdout.close()
    until(lambda: _is_gone(pid), "the worker gone")


def _is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"  # nobody has asked for its exit code; init will


def test_the_worker_pauses_while_a_live_stage_is_above_its_bound(start: Callable[..., Supervisor]) -> None:
    meter = StageMeter("frame")
    supervisor = start(
        meters=lambda: {"frame": meter},
        protect={"p95_ms": {"frame": 100}, "over_s": 0.5, "least_items": 5, "calm_s": 0.2},
    )
    until(lambda: supervisor.row().state == "idle", "a worker")
    for _ in range(20):
        meter.record(0.4)
    until(lambda: supervisor.row().state == "paused", "paused")
    assert supervisor.row().reason.startswith("frame takes 3")
    supervisor.ask(make_job(1))
    for _ in range(5):
        meter.record(0.4)
        time.sleep(0.1)
        assert supervisor.row().identities == 0
    found: dict[int, Prototype] = {}
    until(lambda: gather(supervisor, found) == 1, "drawn, once the stage is quick again")
    assert supervisor.row().paused_s > 0.3


def test_no_more_people_are_drawn_than_the_budget_allows(start: Callable[..., Supervisor]) -> None:
    supervisor = start(batch_max=2, budget={"per_minute": 60})
    until(lambda: supervisor.row().state == "idle", "a worker")
    begun_s = time.monotonic()
    for identity in range(1, 6):
        supervisor.ask(make_job(identity))
    found: dict[int, Prototype] = {}
    until(lambda: gather(supervisor, found) == 5, "five prototypes")
    assert time.monotonic() - begun_s > 2.0  # two at once, and then one per second


def test_what_is_drawn_of_somebody_goes_to_whom_they_turned_out_to_be(
    start: Callable[..., Supervisor],
) -> None:
    supervisor = start()
    supervisor.ask(make_job(5))
    found: dict[int, Prototype] = {}
    until(lambda: gather(supervisor, found) == 1, "a prototype")
    supervisor.decide([Decision("identity.merge", 0, "", 0, "", 2, 5, 0.5)])
    until(lambda: gather(supervisor, found) == 2, "the same under another number")
    np.testing.assert_array_equal(found[2].generated, found[5].generated)


def test_what_was_drawn_of_people_who_are_seen_is_kept_longer(
    start: Callable[..., Supervisor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.ipg import reader

    monkeypatch.setattr(reader, "TOUCH_S", 0.0)
    supervisor = start()
    for identity in (1, 2):
        supervisor.ask(make_job(identity))
    found: dict[int, Prototype] = {}
    until(lambda: gather(supervisor, found) == 2, "two prototypes")
    store = PrototypeStore(tmp_path / "prototypes.db", ttl_s=3600.0, bytes_max=100_000_000)
    before = {one.identity: one.used_at_ns for one in store.kept()}
    supervisor.decide([Decision("tracklet", 0, "door", 1, "door/1/0", 1, 0, 0.9)])

    def later(identity: int) -> bool:
        return {one.identity: one.used_at_ns for one in store.kept()}[identity] > before[identity]

    until(lambda: later(1), "the first one used again")
    assert not later(2)
    store.close()


def test_a_store_that_is_busy_at_the_start_is_waited_for(
    start: Callable[..., Supervisor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.errors import StoreError
    from edge.ipg import supervisor as module

    monkeypatch.setattr(module, "STORE_RETRY_S", 0.05)
    claims: list[str] = []
    claim = PrototypeStore.claim

    def busy_twice(store: PrototypeStore, owner: str) -> int:
        claims.append(owner)
        if len(claims) < 3:
            raise StoreError("the file is locked by another process")
        return claim(store, owner)

    monkeypatch.setattr(PrototypeStore, "claim", busy_twice)
    supervisor = start()
    until(lambda: supervisor.row().state == "idle", "a worker")
    assert claims == ["gallery"] * 3


def test_a_machine_without_room_for_a_process_is_waited_for(
    start: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = station.Station.start
    tries: list[int] = []

    def no_room_twice(one: station.Station) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        begin(one)

    monkeypatch.setattr(station.Station, "start", no_room_twice)
    supervisor = start()
    until(lambda: supervisor.row().state == "idle", "a worker")
    assert supervisor.row().last_loss == "it could not be started: Resource temporarily unavailable"


def test_a_full_disk_is_survived_and_told_once(
    start: Callable[..., Supervisor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from edge.ipg import supervisor as module

    monkeypatch.setattr(module, "STORE_RETRY_S", 0.1)
    supervisor = start()
    until(lambda: supervisor.row().state == "idle", "a worker")
    blocker = PrototypeStore(tmp_path / "prototypes.db", ttl_s=3600.0, bytes_max=100_000_000)
    with blocker.database.writing():  # as good as a full disk: nobody else can write
        supervisor.ask(make_job(1))
        until(lambda: any("cannot be kept" in record.message for record in caplog.records), "a line")
        assert supervisor.row().set_aside == 0
    blocker.close()
    found: dict[int, Prototype] = {}
    until(lambda: gather(supervisor, found) == 1, "kept in the end")
    assert sum("cannot be kept" in record.message for record in caplog.records) == 1


def test_nothing_published_is_lost_while_the_worker_is_killed_again_and_again(
    start: Callable[..., Supervisor], tmp_path: Path
) -> None:
    rng = random.Random(5)
    supervisor = start(batch_max=2)
    until(lambda: supervisor.row().state == "idle", "a worker")
    taken: dict[int, Prototype] = {}
    dead: set[int] = set()
    identity, longest_s = 0, 0.0
    deadline_s = time.monotonic() + PATIENCE_S
    with Onlooker(tmp_path / "prototypes.db", MODEL, GENERATOR) as onlooker:
        while len(dead) < 4:
            assert time.monotonic() < deadline_s
            identity += 1
            begun_s = time.perf_counter()
            supervisor.ask(make_job(1 + identity % 300))
            gather(supervisor, taken)
            longest_s = max(longest_s, time.perf_counter() - begun_s)
            alive = [pid for pid in supervisor.pids if pid not in dead]
            if alive and supervisor.row().in_hand:
                time.sleep(rng.random() * 0.02)
                os.kill(alive[0], signal.SIGKILL)
                dead.add(alive[0])
            time.sleep(0.005)
        supervisor.ask(make_job(1000, value=9.0))
        until(lambda: bool(gather(supervisor, taken)) and 1000 in taken, "alive at the end")
        until(lambda: onlooker.published.keys() >= taken.keys(), "seen by the onlooker too")
    assert onlooker.lost == []
    assert supervisor.row().restarts >= 4
    assert supervisor.row().state != "off"
    assert longest_s < 1.0  # the live path has not waited
