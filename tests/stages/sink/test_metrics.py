from __future__ import annotations

import dataclasses
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import ConfigError, MissingExtraError, OutputError
from edge.stages.sink import Address, MetricsServer, RunSummary, open_outputs
from edge.stages.sink.device import DeviceRow
from edge.stages.sink.metrics import LOOPBACK
from edge.stages.sink.worker import WorkerRow

parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")

HERE = Address(LOOPBACK, 0)


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    server = MetricsServer(HERE, every_s=0.0)
    yield server
    server.close()


def scrape(port: int) -> dict[tuple[str, ...], float]:
    """Name and values of the labels (these in order of their names) -> number."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_numbers_of_a_summary_are_served(server: MetricsServer, summary: RunSummary) -> None:
    server.progress(lambda: dataclasses.replace(summary, unknown=3, events=12))
    found = scrape(server.port)
    assert found["edge_identities",] == 2
    assert found["edge_unknown_people",] == 3
    assert found["edge_events_total",] == 12
    assert found["edge_camera_up", "yard"] == 0  # it is lost
    assert found["edge_camera_reconnects_total", "yard"] == 4
    assert found["edge_camera_frames_dropped_total", "yard"] == 3
    assert found["edge_stage_items_total", "detect"] == 120
    assert found["edge_stage_latency_seconds", "0.95", "detect"] == pytest.approx(0.0095)
    assert found["edge_run_start_time_seconds",] == pytest.approx(1714566605.125)
    assert found["edge_run_info", summary.pipeline, summary.run, summary.site] == 1
    assert not any(name.startswith("edge_worker") for name, *_ in found)


def test_what_a_worker_does_is_served(server: MetricsServer, summary: RunSummary) -> None:
    row = WorkerRow(
        state="drawing",
        reason="",
        workers=1,
        generator="g",
        queue=4,
        oldest_s=2.5,
        in_hand=1,
        asked=9,
        dropped=1,
        replaced=0,
        identities=5,
        identities_per_minute=3.0,
        pictures=30,
        rejected_too_far=6,
        rejected_like_another=2,
        restarts=1,
        last_loss="",
        set_aside=0,
        set_aside_jobs=(),
        busy_s=8.0,
        paused_s=1.0,
    )
    server.progress(lambda: dataclasses.replace(summary, worker=row))
    found = scrape(server.port)
    assert found["edge_worker_up",] == 1
    assert (found["edge_worker_queue",], found["edge_worker_queue_oldest_seconds",]) == (4, 2.5)
    assert found["edge_worker_pictures_total",] == 30
    assert found["edge_worker_pictures_rejected_total", "like_another"] == 2


def test_what_a_device_copies_is_served(server: MetricsServer, summary: RunSummary) -> None:
    row = DeviceRow("cuda (T4)", {"door": "cpu"}, {"door": 2}, uploads=5, downloads=3, peak_bytes=1 << 20)
    server.progress(lambda: dataclasses.replace(summary, device=row))
    found = scrape(server.port)
    assert found["edge_camera_decoder_refusals_total", "door"] == 2
    assert (found["edge_device_uploads_total",], found["edge_device_peak_bytes",]) == (5, 1 << 20)


def test_before_the_first_look_there_is_an_empty_page(server: MetricsServer) -> None:
    assert scrape(server.port) == {}


def test_it_looks_at_the_run_no_oftener_than_is_wanted(summary: RunSummary) -> None:
    clock = iter((0.0, 0.0, 0.0, 0.5, 1.0, 1.0))
    made = 0

    def make() -> RunSummary:
        nonlocal made
        made += 1
        return dataclasses.replace(summary, events=made)

    server = MetricsServer(HERE, every_s=1.0, now_s=lambda: next(clock))
    try:
        for _ in range(3):
            server.progress(make)
        assert made == 2
        assert scrape(server.port)["edge_events_total",] == 2
    finally:
        server.close()


def test_a_client_that_says_nothing_holds_nobody_for_ever(
    server: MetricsServer, summary: RunSummary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.stages.sink.metrics._Handler.timeout", 0.2)
    server.progress(lambda: summary)
    with socket.create_connection((LOOPBACK, server.port), timeout=10):
        assert scrape(server.port)["edge_identities",] == 2


def test_nobody_listens_after_it_is_closed() -> None:
    server = MetricsServer(HERE)
    assert [thread.name for thread in threading.enumerate()].count("metrics") == 1
    server.close()
    assert "metrics" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, server.port), timeout=10)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", Address("127.0.0.1", 9464)),
        ("0.0.0.0:9464", Address("0.0.0.0", 9464)),
        ("[::1]:9464", Address("::1", 9464)),
        (":9464", Address("127.0.0.1", 9464)),
    ],
)
def test_an_address_without_a_host_is_loopback(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "1:2:x", "70000", "-1", "²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--metrics: must be \[HOST:\]PORT"):
        Address.parse(text)


def test_a_port_that_is_taken_is_named_before_any_output_is_touched(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            OutputError, match=rf"cannot listen at 127\.0\.0\.1:{port} for --metrics: .*; give"
        ):
            open_outputs(tmp_path / "out", site="s", run="r", cameras=["a"], metrics=Address(LOOPBACK, port))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_used_leaves_no_server_behind(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError):
        open_outputs(tmp_path / "out", site="s", run="r", cameras=["a"], metrics=HERE)
    assert "metrics" not in [thread.name for thread in threading.enumerate()]


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'edge-reid\[metrics\]'"):
        MetricsServer(HERE)


def test_the_outputs_of_a_run_serve_until_they_are_closed(tmp_path: Path, summary: RunSummary) -> None:
    with socket.create_server((LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    outputs = open_outputs(
        tmp_path, site="s", run="r", cameras=["door", "yard"], metrics=Address(LOOPBACK, port)
    )
    outputs.progress(lambda: summary)
    assert scrape(port)["edge_identities",] == 2
    outputs.close(summary)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port), timeout=10)
