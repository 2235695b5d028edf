"""A run whose worker is killed at random, while somebody else has its store open: nobody notices."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from onlooker import Onlooker
from quick_painter import GENERATOR, make_setup
from synthetic_site import Run, Site, Walk

from edge.ipg import station
from edge.ipg.supervisor import Supervisor

PATIENCE_S = 60.0
MODEL = "reid@1"  # of the synthetic people


def walks(until_s: float) -> list[Walk]:
    """Five people who go to and fro through two cameras, one after the other."""
    found, start_s, track = [], 0.0, 1
    while start_s + 14.0 < until_s:
        person = 1 + track % 5
        y = 200.0 + 40.0 * person
        found.append(Walk(person, "door", ((start_s, 60.0, y), (start_s + 6.0, 580.0, y)), track))
        found.append(Walk(person, "hall", ((start_s + 7.0, 60.0, y), (start_s + 13.0, 580.0, y)), track))
        start_s, track = start_s + 3.0, track + 1
    return found


@pytest.mark.parametrize(
    ("kills", "until_s", "frame_s"),
    [
        pytest.param(3, 45.0, 0.003, marks=pytest.mark.timeout(300)),
        pytest.param(20, 120.0, 0.1, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
def test_killing_the_worker_at_random_changes_no_identity_and_loses_no_prototype(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int, until_s: float, frame_s: float
) -> None:
    monkeypatch.setattr(station, "BACKOFF_S", (0.01, 0.1))
    expected = Site(walks(until_s)).run(until_s)
    rng = random.Random(3)
    due_s = sorted(rng.uniform(0.1, 0.8) * until_s for _ in range(kills))
    dead: set[int] = set()
    supervisor = Supervisor(make_setup(tmp_path, "open_faithful", MODEL), "gallery")

    def alive() -> list[int]:
        return [pid for pid in supervisor.pids if pid not in dead]

    def is_at_first_job(before: int) -> bool:
        """Whether the worker has still to show that it lives."""
        row = supervisor.row()
        return row.state == "starting" or (row.identities == before and bool(row.queue + row.in_hand))

    def watch(time_s: float, run: Run) -> None:
        time.sleep(frame_s)
        arrivals = supervisor.take()
        if arrivals is not None:
            run.identifier.offer(arrivals)
        supervisor.decide(run.decisions[told[0] :])
        told[0] = len(run.decisions)
        if due_s and time_s >= due_s[0]:
            due_s.pop(0)
            deadline_s = time.monotonic() + PATIENCE_S
            before = supervisor.row().identities
            while not alive() or is_at_first_job(before):
                assert time.monotonic() < deadline_s, "no new worker"
                time.sleep(0.01)
            pid = alive()[0]
            time.sleep(rng.random() * 0.05)
            os.kill(pid, signal.SIGKILL)
            dead.add(pid)

    told = [0]
    supervisor.start()
    try:
        with Onlooker(tmp_path / "prototypes.db", MODEL, GENERATOR) as onlooker:
            run = Site(walks(until_s)).run(until_s, watch, supervisor)
    finally:
        supervisor.close()
        supervisor.release()
    row = supervisor.row()
    assert len(dead) == kills
    assert row.restarts >= kills - 1  # the last one may have come too late for a new start
    assert onlooker.published
    assert onlooker.lost == []
    assert run.rows() == expected.rows()
    assert any("prototype" in one.evidence for one in run.decisions)
