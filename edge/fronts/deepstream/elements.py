"""The graph as a chain of GStreamer elements with their properties: the same for both drivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.fronts.deepstream.app import DETECTOR_FILE, REID_FILE, TRACKER_FILE, attempts_of
from edge.fronts.deepstream.codes import TRACKER_LIBRARY
from edge.fronts.deepstream.graph import Graph

__all__ = ["PROBED", "SOURCE", "Element", "chain_of"]

SOURCE = "source"
PROBED = "probed"
"""Name of the element behind whose source pad everything is known: the probe sits there."""

_TCP, _ANY = 4, 7  # select-rtp-protocol


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its plugin, its name in the pipeline, its properties."""

    plugin: str
    name: str
    properties: Mapping[str, str | int | bool]


def chain_of(graph: Graph, folder: Path) -> tuple[Element, ...]:
    """Return the elements in the order they are linked.

    Args:
        graph: the graph.
        folder: where its set of configuration files is.
    """
    tracker = graph.tracker
    tracking = Element(
        "nvtracker",
        "tracker" if graph.reid is not None else PROBED,
        {
            "ll-lib-file": TRACKER_LIBRARY,
            "ll-config-file": str(folder / TRACKER_FILE),
            "tracker-width": tracker.width,
            "tracker-height": tracker.height,
        },
    )
    chain = [
        Element("nvmultiurisrcbin", SOURCE, _source_properties(graph)),
        Element("queue", "queue_detector", {}),
        Element("nvinfer", "detector", {"config-file-path": str(folder / DETECTOR_FILE)}),
        Element("queue", "queue_tracker", {}),
        tracking,
    ]
    if graph.reid is not None:
        chain += [
            Element("queue", "queue_reid", {}),
            Element("nvinfer", PROBED, {"config-file-path": str(folder / REID_FILE)}),
        ]
    # Every sink behind sources that come and go needs async=0.
    chain.append(Element("fakesink", "sink", {"sync": False, "async": False, "enable-last-sample": False}))
    return tuple(chain)


def _source_properties(graph: Graph) -> dict[str, str | int | bool]:
    """Properties of the sources and of the mux inside; addresses with their credentials are set here only."""
    names = ",".join(source.name for source in graph.sources)
    properties: dict[str, str | int | bool] = {
        "uri-list": ",".join(source.url.reveal().replace(",", "%2C") for source in graph.sources),
        "sensor-id-list": names,
        "sensor-name-list": names,
        "max-batch-size": graph.mux.batch,
        "width": graph.mux.width,
        "height": graph.mux.height,
        "batched-push-timeout": graph.mux.timeout_us,
        "live-source": graph.mux.live,
        "attach-sys-ts": False,  # the time of RTCP sender reports instead
        "drop-pipeline-eos": graph.mux.live,
        "disable-audio": True,
        "file-loop": any(source.loop for source in graph.sources),
        "ip-address": "127.0.0.1",
        "port": str(graph.rest_port),
    }
    live = [source for source in graph.sources if source.live]
    if live:
        retry_s = min(source.retry_s for source in live)
        properties |= {
            "latency": max(source.latency_ms for source in live),
            "select-rtp-protocol": _TCP if all(source.tcp for source in live) else _ANY,
            "rtsp-reconnect-interval": retry_s,
            "init-rtsp-reconnect-interval": retry_s,
            "rtsp-reconnect-attempts": attempts_of(graph),
        }
    if graph.target == "dgpu":
        properties["gpu-id"] = 0
    return properties
