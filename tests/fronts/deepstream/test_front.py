"""A whole run behind both drivers: stand-in frames, the probe, tracklets, identities, events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from deepstream_metadata import Person, Picture
from deepstream_runtime import EOS, EOSMessage, GstRuntime, ServiceMaker, Step, element_message
from deepstream_site import cameras_of, graph_of, pipeline_of

from edge.clock import FakeClock
from edge.config.catalog import load_card
from edge.config.secrets import redact
from edge.errors import StartError
from edge.flow import StopSignals
from edge.fronts import Association, Board, Facts, Run
from edge.fronts.deepstream.driver import Driver
from edge.fronts.deepstream.graph import Graph
from edge.fronts.deepstream.plan import plan_deepstream
from edge.fronts.deepstream.pyds_driver import PydsDriver
from edge.fronts.deepstream.servicemaker_driver import ServiceMakerDriver
from edge.stages.identify import Identifier
from edge.stages.refine import Refiner
from edge.stages.sink import open_outputs
from edge.stages.tracklet import TrackletBuilder

NOW_NS = 1_700_000_000_000_000_000
DIM = 192
FPS = 10
NAMES = ("door", "yard-2")

rng = np.random.default_rng(11)
LOOKS = [rng.normal(size=DIM) for _ in range(4)]


def person(who: int, track: int, step: int) -> Person:
    look = (LOOKS[who] + rng.normal(scale=0.15, size=DIM)).astype(np.float32)
    left = 200.0 + 400 * (who % 2) + 4 * step
    return Person(track, (left, 400, 160, 420), 0.9, look)


def walk(source: int, who: int, track: int, start_s: float, seconds: float = 4.0) -> list[Picture]:
    """Somebody in front of one camera, alone."""
    pictures = []
    for step in range(round(seconds * FPS)):
        time_ns = round((start_s + step / FPS) * 1e9)
        number = round(start_s * FPS) + step
        pictures.append(Picture(source, number, [person(who, track, step)], time_ns, NOW_NS + time_ns))
    return pictures


def site() -> list[list[Picture]]:
    """Four people pass the door one after the other, and each comes to the yard later; batches by time."""
    pictures = [
        picture
        for who in range(4)
        for source, start_s in ((0, 8.0 * who), (1, 8.0 * who + 14.0))
        for picture in walk(source, who, 10 * source + who, start_s)
    ]
    pictures.sort(key=lambda one: one.ntp_ns)
    batches: dict[int, list[Picture]] = {}
    for picture in pictures:
        batches.setdefault(picture.ntp_ns, []).append(picture)
    return list(batches.values())


Runtime = GstRuntime | ServiceMaker


def by_pyds(script: Sequence[Step]) -> GstRuntime:
    return GstRuntime([*script, EOS])


def by_service_maker(script: Sequence[Step]) -> ServiceMaker:
    return ServiceMaker([*script, EOSMessage()])


def driver_of(runtime: Runtime, graph: Graph, folder: Path) -> Driver:
    if isinstance(runtime, GstRuntime):
        return PydsDriver(graph, folder, runtime.modules)
    return ServiceMakerDriver(graph, folder, runtime)


def fingerprint(name: str) -> str:
    return load_card(name).fingerprint


@pytest.fixture
def parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A compiled parser for the detector, so that no compiler is needed."""
    folder = tmp_path / "parsers"
    folder.mkdir()
    library = folder / f"{fingerprint('demo-detector').replace('@', '-')}.so"
    library.touch()
    monkeypatch.setenv("EDGE_DEEPSTREAM_PARSERS", str(folder))
    return library


def run_of(folder: Path, runtime: Runtime) -> Run:
    """A run whose script goes on when the association has caught up, as live video would."""
    clock = FakeClock(NOW_NS)
    cameras, pipeline = cameras_of(folder), pipeline_of()
    out = folder / "out"
    plan = plan_deepstream(
        cameras,
        pipeline,
        graph_of(folder),
        out,
        clock,
        opener=lambda graph, target: driver_of(runtime, graph, target),
    )
    outputs = open_outputs(out, site="hall", run="r1", cameras=NAMES)
    identifier = Identifier(pipeline.identify, Refiner(pipeline.refine), NAMES)
    builders = {name: TrackletBuilder(name, pipeline.tracklet) for name in NAMES}
    association = Association(builders, identifier, outputs, frozenset(NAMES))
    board = Board()
    front = plan.front(association, board, NOW_NS)
    runtime.pace = lambda: wait_until(lambda: front.channel_rows()["associate"].depth < 8)
    facts = Facts("r1", "hall", NOW_NS, 30.0, "deepstream", plan.models)
    return Run(facts, front, association, board, outputs, ExitStack(), redact)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s, "it never came to that"
        time.sleep(0.001)


def events_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "out" / "events.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("runtime", [by_pyds, by_service_maker])
def test_people_keep_one_identity_over_both_cameras(
    runtime: Callable[[Sequence[Step]], Runtime], parser: Path, tmp_path: Path
) -> None:
    result = run_of(tmp_path, runtime(site())).run()
    assert (result.exit_code, result.problems) == (0, ())
    assert result.summary.identities == 4
    closed: dict[tuple[object, object], object] = {
        (one["camera"], one["track"]): one["identity"]
        for one in events_of(tmp_path)
        if one["type"] == "tracklet"
    }
    for who in range(4):
        assert closed["door", who + 1] == closed["yard-2", 11 + who] != 0
    assert {one["type"] for one in events_of(tmp_path)} >= {"identity.new", "identity.match"}
    assert all((tmp_path / "out" / "tracks" / f"{name}.txt").read_text() for name in NAMES)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["cameras"]["door"]["frames"] == 160
    assert list(summary["stages"]) == ["deepstream", "tracklet", "identify", "sink", "frame"]
    assert summary["models"] == [fingerprint("demo-detector"), fingerprint("demo-reid")]


def test_the_set_is_written_beside_the_outputs_with_the_parser_that_was_compiled(
    parser: Path, tmp_path: Path
) -> None:
    run_of(tmp_path, by_pyds([])).run()
    folder = tmp_path / "out" / "deepstream"
    assert f"custom-lib-path={parser}" in (folder / "nvinfer_detector.txt").read_text()
    assert not (folder / "parser").exists()
    assert (folder / "models" / "demo_reid.onnx").stat().st_size == 1735982
    assert "s3cret" not in (folder / "deepstream_app.txt").read_text()


def test_a_camera_that_is_dropped_is_told_and_the_others_go_on(parser: Path, tmp_path: Path) -> None:
    script: list[Step] = [*site()[:5]]
    script += [element_message("attempt-exceeded", source_id=0), *walk_batches(1)]
    result = run_of(tmp_path, by_pyds(script)).run()
    assert result.exit_code == 4
    assert [str(one) for one in result.problems] == [
        "camera 'door': DeepStream gave up rtsp://***@10.0.0.2/ch1: its reconnect.attempts are used up"
    ]
    rows = result.summary.cameras
    assert (rows["door"].state, rows["yard-2"].state) == ("failed", "ended")
    assert rows["yard-2"].frames == 40


def walk_batches(source: int) -> list[list[Picture]]:
    return [[picture] for picture in walk(source, 0, 3, 5.0)]


def test_a_camera_may_leave_and_come_back_under_another_number(parser: Path, tmp_path: Path) -> None:
    script: list[Step] = [*([picture] for picture in walk(0, 1, 5, 0.0))]
    script += [element_message("stream-remove", source_id=0, sensor_id="door")]
    script += [element_message("stream-add", source_id=2, sensor_id="door")]
    script += [[picture] for picture in walk(2, 1, 6, 6.0)]
    script += [element_message("stream-add", source_id=3, sensor_id="stranger"), *walk_batches(3)]
    result = run_of(tmp_path, by_pyds(script)).run()
    assert result.exit_code == 0
    assert result.summary.cameras["door"].frames == 80
    assert result.summary.cameras["door"].reconnects == 1
    assert result.summary.cameras["yard-2"].frames == 0


def test_an_error_in_the_probe_ends_the_run_with_what_was_known(parser: Path, tmp_path: Path) -> None:
    bad = [Picture(0, 50, [person(0, 3, 0)], size_px=(0, 0), ntp_ns=NOW_NS + 10**10)]
    run = run_of(tmp_path, by_pyds([*site()[:30], bad]))
    run._front._probe._boxes = lambda *_: (_ for _ in ()).throw(KeyError("box"))  # type: ignore[attr-defined]
    result = run.run()
    assert result.exit_code == 4
    assert "KeyError" in str(result.problems[0])


def test_a_stop_request_ends_deepstream_and_completes_the_rest(parser: Path, tmp_path: Path) -> None:
    signals = StopSignals()
    runtime = GstRuntime([*site()[:40], signals.ask, lambda: time.sleep(0.5)])
    result = run_of(tmp_path, runtime).run(signals)
    assert (result.exit_code, result.problems) == (0, ())
    assert result.summary.cameras["door"].frames == 40


def test_deepstream_that_does_not_start_is_exit_code_3(parser: Path, tmp_path: Path) -> None:
    runtime = GstRuntime([], missing="nvinfer")
    result = run_of(tmp_path, runtime).run()
    assert result.exit_code == StartError.exit_code == 3
    assert "no GStreamer plugin 'nvinfer'" in str(result.problems[0])
