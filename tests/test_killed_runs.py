"""`edge-run` killed with SIGKILL and started again: what was reported is known, nothing is told twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from small_videos import write_video
from tiny_models import write_pipeline

from edge.stores import StateStore

PATIENCE_S = 100.0
NUMBERS = "tracklet: {length_max_s: 2}\nidentify: {revise_s: 10, recent_s: 5}\n"
COMMAND = [sys.executable, "-c", "from edge.cli.run import main; main()"]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two cameras whose videos go on for ever, as fast as they can."""
    write_video(tmp_path / "door.mp4", 200, size_px=(64, 48))
    write_pipeline(tmp_path, NUMBERS)
    monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path))
    sources = "".join(
        f"  - {{name: {name}, source: {{path: door.mp4, loop: true}}}}\n" for name in ("door", "yard")
    )
    (tmp_path / "cams.yaml").write_text(f"pipeline: ./pipeline.yaml\ncameras:\n{sources}")
    return tmp_path


def events_of(out: Path) -> list[dict[str, Any]]:
    """The whole lines of events.jsonl; nothing else may be in it but one line cut short at the end."""
    path = out / "events.jsonl"
    lines = path.read_text("utf-8").split("\n") if path.exists() else [""]
    return [json.loads(line) for line in lines[:-1]]


def edge_run(site: Path, *options: str) -> subprocess.Popen[str]:
    arguments = ["--cameras", str(site / "cams.yaml"), "--out", str(site / "out"), "--quiet", *options]
    return subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)


def stop_after(site: Path, events: int, number: int, delay_s: float = 0.0) -> int:
    """Start a run, send it a signal ``delay_s`` after it has reported so many more events; its exit code."""
    before = len(events_of(site / "out"))
    with edge_run(site) as run:
        deadline_s = time.monotonic() + PATIENCE_S
        while len(events_of(site / "out")) < before + events and time.monotonic() < deadline_s:
            assert run.poll() is None, run.stderr and run.stderr.read()
            time.sleep(0.005)
        time.sleep(delay_s)  # any moment is as good as another
        run.send_signal(number)
    assert len(events_of(site / "out")) >= before + events
    return run.returncode


def kill_after(site: Path, events: int, delay_s: float) -> None:
    """Start a run, and kill it outright."""
    assert stop_after(site, events, signal.SIGKILL, delay_s) == -signal.SIGKILL


def finish(site: Path) -> None:
    """Start it once more, and let it end as it should."""
    assert stop_after(site, 20, signal.SIGINT) == 0


def check(site: Path) -> None:
    """What must hold after any number of kills."""
    events = events_of(site / "out")
    ids = [event["event_id"] for event in events]
    assert len(ids) == len(set(ids))  # none twice, even before readers drop those they know
    announced: dict[object, object] = {}
    for event in events:
        if event["type"] in ("identity.new", "identity.split"):
            assert event["identity"] not in announced, "a number was given twice"
            announced[event["identity"]] = event["run"]
        assert event["identity"] in (0, *announced), "somebody was reported before it was said who that is"
    unseen = {
        event["identity"]
        for event in events
        if event["type"] == "identity.new" and event["evidence"].get("embeddings") == 0
    }
    store = StateStore(site / "out" / "state.db", exclusive=False)
    try:
        remembered = {one.identity for one in store.people()}
        reported = {int(str(event["identity"])) for event in events} - {0} - unseen
        assert {store.heir_of(identity) for identity in reported} <= remembered
        assert all(json.loads(line)["event_id"] in ids for _, line in store.outbox())
        # The same two videos in every run: whoever is in them is who it was in the first.
        names: dict[object, set[int]] = {}
        for event in events:
            if event["type"] == "tracklet" and event["identity"] in reported:
                names.setdefault(event["camera"], set()).add(store.heir_of(int(str(event["identity"]))))
        assert {camera: len(found) for camera, found in names.items()} == {"door": 1, "yard": 1}
    finally:
        store.close()


@pytest.mark.timeout(400)
def test_a_run_killed_twice_goes_on_where_it_was(site: Path) -> None:
    kill_after(site, 3, 0.0)
    kill_after(site, 30, 0.05)
    runs = [event["run"] for event in events_of(site / "out")]
    finish(site)
    check(site)
    earlier = {path.name for path in (site / "out" / "earlier").iterdir()}
    assert earlier == set(runs)
    for run in earlier:
        folder = site / "out" / "earlier" / run
        assert json.loads((folder / "summary.json").read_text())["exit"] is None
        for camera in ("door", "yard"):
            rows = [
                line.split(",") for line in (folder / "tracks" / f"{camera}.txt").read_text().splitlines()
            ]
            frames = [int(row[0]) for row in rows]
            assert frames == sorted(set(frames))
            told = [
                event["evidence"]
                for event in events_of(site / "out")
                if (event["run"], event["type"], event["camera"]) == (run, "tracklet", camera)
            ]
            assert frames[-1] >= max(int(one["last_frame"]) for one in told)  # type: ignore[index]
    assert not list((site / "out").glob(".state.db*"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_killed_ten_times_at_random_moments_goes_on_where_it_was(site: Path) -> None:
    seed = int(os.environ.get("EDGE_SEED", "0"))
    draw = random.Random(seed)
    for _ in range(10):
        kill_after(site, draw.randint(0, 60), draw.random())
    finish(site)
    check(site)
