"""A run's numbers for Prometheus, over HTTP: those of summary.json, no picture, no name, no vector.

The format and its names follow Prometheus' own conventions (base units, ``_total`` for what only grows).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from edge.errors import ConfigError, MissingExtraError, OutputError
from edge.stages.sink.device import DeviceRow
from edge.stages.sink.summary import RunSummary
from edge.stages.sink.worker import WorkerRow

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["Address", "MetricsServer"]

LOOPBACK = "127.0.0.1"
_PATIENCE_S = 5.0  # with a client that does not go on
_SEEN = frozenset({"connected", "ended"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @staticmethod
    def parse(text: str) -> Address:
        """Read ``[HOST:]PORT``; without a host it is this machine alone that can ask.

        Raises:
            ConfigError: it is none.
        """
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (port.isascii() and port.isdigit() and 0 <= int(port) <= 65535):
            raise ConfigError(f"must be [HOST:]PORT, e.g. 9464 (got '{text}')", key="--metrics")
        return Address(host or LOOPBACK, int(port))


class MetricsServer:
    """Answers ``GET /metrics`` with the newest numbers, one request at a time, in a thread of its own.

    :meth:`progress` and :meth:`close` belong to one thread.

    Args:
        address: where; port 0 takes any that is free.
        every_s: seconds between two looks at the run.
        now_s: a monotonic clock.

    Raises:
        MissingExtraError: the package that writes the format is missing.
        OutputError: the address cannot be listened at.
    """

    def __init__(
        self, address: Address, every_s: float = 1.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        try:
            from prometheus_client import CollectorRegistry, make_wsgi_app
        except ModuleNotFoundError:
            raise MissingExtraError(
                "--metrics needs the package 'prometheus_client'; pip install 'edge-reid[metrics]'"
            ) from None
        self._every_s = every_s
        self._now_s = now_s
        self._due_s = now_s()
        self._newest: tuple[RunSummary, float] | None = None
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            self._server = make_server(
                address.host, address.port, make_wsgi_app(registry), _server_class(address), _Handler
            )
        except OSError as error:
            raise OutputError(
                f"cannot listen at {address.host}:{address.port} for --metrics: "
                f"{error.strerror or error}; give another [HOST:]PORT"
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def progress(self, make: Callable[[], RunSummary]) -> None:
        """Look at the run if that is due; ``make`` is called only then."""
        if self._now_s() >= self._due_s:
            self._newest = (make(), time.time())
            self._due_s = self._now_s() + self._every_s

    def close(self) -> None:
        """Stop listening; a request under way is answered."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2 * _PATIENCE_S)

    def collect(self) -> Iterator[Metric]:
        """The numbers as Prometheus' client library wants them; called by the server's thread."""
        newest = self._newest
        if newest is not None:
            yield from _families(*newest)


def _families(summary: RunSummary, at_s: float) -> Iterator[Metric]:
    from prometheus_client.core import InfoMetricFamily

    told = {"run": summary.run, "site": summary.site, "pipeline": summary.pipeline}
    yield InfoMetricFamily("edge_run", "The run that is going on.", value=told)
    started_s = summary.started_at_ns / 1e9
    yield _gauge("edge_run_start_time_seconds", "Start of the run, since the epoch.", started_s)
    yield _gauge("edge_run_updated_time_seconds", "When these numbers were true, since the epoch.", at_s)
    yield _gauge("edge_identities", "People known now.", summary.identities)
    yield _gauge("edge_unknown_people", "People in view whom nobody is named for yet.", summary.unknown)
    yield _counter("edge_events", "Events written.", summary.events)
    yield _counter("edge_boxes_left_out", "Boxes nobody could be named for.", summary.boxes_left_out)
    up = [((camera,), row.state in _SEEN) for camera, row in summary.cameras.items()]
    yield _gauge("edge_camera_up", "1 while the camera is connected, or has ended in order.", up, "camera")
    yield from _table("camera", summary.cameras, _CAMERAS)
    yield from _table("stage", summary.stages, _STAGES)
    latencies = [
        ((stage, quantile), value / 1e3)
        for stage, row in summary.stages.items()
        for quantile, value in (("0.5", row.p50_ms), ("0.95", row.p95_ms))
    ]
    yield _gauge("edge_stage_latency_seconds", "Latency of an item, lately.", latencies, "stage", "quantile")
    yield from _table("channel", summary.channels, _CHANNELS)
    if summary.device is not None:
        yield from _device(summary.device)
    if summary.worker is not None:
        yield from _worker(summary.worker)


def _device(row: DeviceRow) -> Iterator[Metric]:
    refusals = [((camera,), count) for camera, count in row.refusals.items()]
    about = "Times a hardware decoder refused a camera, which the CPU decodes since."
    yield _counter("edge_camera_decoder_refusals", about, refusals, "camera")
    for column in _DEVICES:
        yield column.family(f"edge_device_{column.name}", getattr(row, column.field))


def _worker(row: WorkerRow) -> Iterator[Metric]:
    up = row.state not in ("off", "ended")
    yield _gauge("edge_worker_up", "1 unless the background worker is off or has ended.", up)
    for column in _WORKERS:
        yield column.family(f"edge_worker_{column.name}", getattr(row, column.field))
    refused = [(("too_far",), row.rejected_too_far), (("like_another",), row.rejected_like_another)]
    about = "Pictures the fidelity gate refused."
    yield _counter("edge_worker_pictures_rejected", about, refused, "reason")


def _table(kind: str, rows: Mapping[str, object], columns: Sequence[_Column]) -> Iterator[Metric]:
    """One family for each column, labelled with what the rows are about."""
    for column in columns:
        values = [((name,), getattr(row, column.field)) for name, row in rows.items()]
        yield column.family(f"edge_{kind}_{column.name}", values, kind)


_Values = float | Sequence[tuple[tuple[str, ...], float]]  # one number, or each with its labels


def _gauge(name: str, about: str, values: _Values, *labels: str) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return _filled(GaugeMetricFamily(name, about, labels=labels), values)


def _counter(name: str, about: str, values: _Values, *labels: str) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    return _filled(CounterMetricFamily(name, about, labels=labels), values)


def _filled(family: Any, values: _Values) -> Metric:
    for labels, value in values if isinstance(values, Sequence) else [((), values)]:
        family.add_metric(labels, float(value))
    filled: Metric = family
    return filled


@dataclass(frozen=True, slots=True)
class _Column:
    """A number that every row has: what it is called here, what about it, and its attribute there."""

    name: str
    about: str
    field: str
    grows: bool = True  # a counter; else a gauge

    def family(self, name: str, values: _Values, *labels: str) -> Metric:
        """The rows' values as Prometheus' client library wants them."""
        return (_counter if self.grows else _gauge)(name, self.about, values, *labels)


_CAMERAS = (
    _Column("frames", "Frames that went on to detection.", "frames"),
    _Column("frames_dropped", "Frames dropped because the stages were late.", "dropped"),
    _Column("reconnects", "Connections after the first.", "reconnects"),
)
_STAGES = (
    _Column("items", "Items worked on.", "items"),
    _Column("dropped", "Items given up.", "drops"),
    _Column("busy_seconds", "Time at work.", "busy_s"),
)
_CHANNELS = (
    _Column("size", "Items a channel holds at most.", "size", grows=False),
    _Column("depth", "Items that wait in it now.", "depth", grows=False),
    _Column("puts", "Items put into it.", "puts"),
    _Column("drops", "Items it dropped.", "drops"),
)
_DEVICES = (
    _Column("uploads", "Pictures copied to the device.", "uploads"),
    _Column("downloads", "Pictures copied to the host.", "downloads"),
    _Column("downloaded_bytes", "Bytes of those.", "downloaded_bytes"),
    _Column("evictions", "Cut-out people that went to the host for lack of room.", "evictions"),
    _Column("peak_bytes", "Most of the device's memory in use so far.", "peak_bytes", grows=False),
)
_WORKERS = (
    _Column("queue", "Jobs that wait.", "queue", grows=False),
    _Column("queue_oldest_seconds", "How long the oldest of them has waited.", "oldest_s", grows=False),
    _Column("in_hand", "Jobs being drawn.", "in_hand", grows=False),
    _Column("jobs", "Jobs asked for.", "asked"),
    _Column("jobs_dropped", "Jobs there was no room for.", "dropped"),
    _Column("jobs_set_aside", "Jobs a worker failed with twice.", "set_aside"),
    _Column("identities", "People drawn.", "identities"),
    _Column("pictures", "Generated pictures that were kept.", "pictures"),
    _Column("restarts", "Processes started after the first ones.", "restarts"),
    _Column("busy_seconds", "Time the workers computed.", "busy_s"),
    _Column("paused_seconds", "Time they were told to pause.", "paused_s"),
)


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE_S  # a client that sends nothing does not hold the only thread for longer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a scrape every few seconds is no news."""


class _Server(WSGIServer):
    request_queue_size = 8

    def server_bind(self) -> None:
        """Listen, without the look-up of a name that the base class makes."""
        TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the run."""


def _server_class(address: Address) -> type[WSGIServer]:
    if ":" not in address.host:
        return _Server
    return type("_Server6", (_Server,), {"address_family": socket.AF_INET6})
