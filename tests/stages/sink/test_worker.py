from __future__ import annotations

import json
from dataclasses import replace

from edge.stages.sink import LiveSnapshot, RunSummary, WorkerRow
from edge.stages.sink.terminal import describe
from edge.stages.sink.worker import worker_json, worker_line

ROW = WorkerRow(
    state="drawing",
    reason="",
    workers=1,
    generator="demo-ipg@0123",
    queue=3,
    oldest_s=12.3456,
    in_hand=2,
    asked=20,
    dropped=4,
    replaced=1,
    identities=9,
    identities_per_minute=6.0,
    pictures=60,
    rejected_too_far=10,
    rejected_like_another=2,
    restarts=1,
    last_loss="it was ended by SIGKILL",
    set_aside=1,
    set_aside_jobs=((7, "ValueError: no"),),
    busy_s=33.33333,
    paused_s=1.5,
)


def test_the_summary_says_what_the_worker_did_and_nothing_where_there_is_none() -> None:
    bare = RunSummary("r", "hall", 0, 1.0, 0, {}, {})
    assert "worker" not in json.loads(bare.to_json())
    told = json.loads(replace(bare, worker=ROW).to_json())["worker"]
    assert told == worker_json(ROW)
    assert told["queue"] == 3
    assert told["oldest_s"] == 12.346
    assert told["rejected"] == {"too_far": 10, "like_another": 2}
    assert told["set_aside_jobs"] == [{"identity": 7, "reason": "ValueError: no"}]


def test_one_line_tells_queue_age_rate_rejections_restarts_and_what_was_set_aside() -> None:
    assert worker_line(ROW) == (
        "worker drawing, 3 waiting for 12 s, 9 people drawn, 6.0 per minute, 12 of 72 pictures rejected, "
        "4 dropped, 1 restarts, 1 set aside"
    )


def test_a_worker_that_is_off_says_why() -> None:
    assert worker_line(replace(ROW, state="off", reason="no weights")).startswith(
        "worker off (no weights), 9"
    )


def test_the_live_view_has_the_line() -> None:
    snapshot = LiveSnapshot(5.0, [], [], 2, worker=ROW)
    assert describe(snapshot).endswith(worker_line(ROW))
    assert "worker" not in describe(LiveSnapshot(5.0, [], [], 2))
