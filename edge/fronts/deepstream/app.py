"""Configuration of ``deepstream-app``, of nvdsanalytics, and of the message converter and broker."""

from __future__ import annotations

from edge.fronts.deepstream.codes import BROKER_LIBRARIES, TRACKER_LIBRARY
from edge.fronts.deepstream.graph import PERSON_CLASS, Broker, Graph, Source
from edge.fronts.deepstream.ini import Sections

__all__ = [
    "ANALYTICS_FILE",
    "BROKER_FILE",
    "CONVERTER_FILE",
    "DETECTOR_FILE",
    "REID_FILE",
    "TRACKER_FILE",
    "analytics_sections",
    "app_sections",
    "broker_sections",
    "converter_sections",
    "shown_uri",
]

DETECTOR_FILE = "nvinfer_detector.txt"
REID_FILE = "nvinfer_reid.txt"
TRACKER_FILE = "nvtracker.yml"
ANALYTICS_FILE = "nvdsanalytics.txt"
CONVERTER_FILE = "nvmsgconv.txt"
BROKER_FILE = "nvmsgbroker.txt"

_TCP, _ANY = "4", "7"  # select-rtp-protocol: TCP alone, or whatever the camera offers
_FAKE, _MESSAGES = "1", "6"  # sink types
_MINIMAL_PAYLOAD = "1"
_FRAMES_BETWEEN_MESSAGES = "10"


def app_sections(graph: Graph) -> Sections:
    """Return the sections of deepstream-app's file; paths are relative to it."""
    gpu = {} if graph.target == "jetson" else {"gpu-id": "0"}
    mux, tracker, reid = graph.mux, graph.tracker, graph.reid
    return {
        "application": {"enable-perf-measurement": "1", "perf-measurement-interval-sec": "5"},
        "tiled-display": {"enable": "0"},
        "source-list": _source_list(graph),
        "source-attr-all": _source_attributes(graph, gpu),
        "streammux": {
            **gpu,
            "batch-size": str(mux.batch),
            "width": str(mux.width),
            "height": str(mux.height),
            "batched-push-timeout": str(mux.timeout_us),
            "live-source": "1" if mux.live else "0",
            "enable-padding": "0",
            "attach-sys-ts-as-ntp": "0",
        },
        "primary-gie": {
            "enable": "1",
            **gpu,
            "gie-unique-id": str(graph.detector.unique_id),
            "batch-size": str(graph.detector.batch),
            "interval": str(graph.interval),
            "config-file": DETECTOR_FILE,
        },
        "tracker": {
            "enable": "1",
            **gpu,
            "tracker-width": str(tracker.width),
            "tracker-height": str(tracker.height),
            "ll-lib-file": TRACKER_LIBRARY,
            "ll-config-file": TRACKER_FILE,
            "display-tracking-id": "1",
        },
        "secondary-gie0": {}
        if reid is None
        else {
            "enable": "1",
            **gpu,
            "gie-unique-id": str(reid.unique_id),
            "operate-on-gie-id": str(graph.detector.unique_id),
            "operate-on-class-ids": str(PERSON_CLASS),
            "batch-size": str(reid.batch),
            "config-file": REID_FILE,
        },
        "nvds-analytics": {"enable": "1", "config-file": ANALYTICS_FILE} if _regions(graph) else {},
        "osd": {"enable": "0"},
        "sink0": {"enable": "1", "type": _FAKE, "sync": "0"},
        "sink1": _message_sink(graph.broker) if graph.broker is not None else {},
        "tests": {"file-loop": "0"},
    }


def analytics_sections(graph: Graph) -> Sections:
    """Return nvdsanalytics' regions; without any camera's region, no sections at all."""
    regions = _regions(graph)
    if not regions:
        return {}
    width, height = graph.mux.width, graph.mux.height
    sections = {
        "property": {"enable": "1", "config-width": str(width), "config-height": str(height), "osd-mode": "0"}
    }
    for number, source in regions:
        section = {"enable": "1"}
        for index, polygon in enumerate(source.roi, start=1):
            corners = (f"{round(x * width)};{round(y * height)}" for x, y in polygon)
            section[f"roi-{source.name}-{index}"] = ";".join(corners)
        section |= {"inverse-roi": "0", "class-id": str(PERSON_CLASS)}
        sections[f"roi-filtering-stream-{number}"] = section
    return sections


def converter_sections(graph: Graph) -> Sections:
    """Return nvmsgconv's sensors: one per camera, whose id is the camera's name."""
    sections = {
        f"sensor{number}": {
            "enable": "1",
            "type": "Camera",
            "id": source.name,
            "location": "0;0;0",
            "description": source.name,
        }
        for number, source in enumerate(graph.sources)
    }
    version = graph.detector.card.fingerprint
    sections["analytics0"] = {
        "enable": "1",
        "id": "edge-reid",
        "description": "people",
        "source": graph.detector.card.name,
        "version": version.partition("@")[2],
    }
    return sections


def broker_sections(broker: Broker) -> Sections:
    """Return the protocol adaptor's settings; passwords are never among them (see docs/deepstream.md)."""
    if broker.kind == "kafka":
        return {"message-broker": {"partition-key": "sensorId"}}
    if broker.kind == "mqtt":
        return {"message-broker": {"client-id": "edge-reid", "keep-alive": "60", "set-threaded": "1"}}
    return {"message-broker": {"payloadkey": "metadata", "streamsize": "10000"}}


def shown_uri(source: Source) -> str:
    """Return the address for a file: a reference to the environment where the address holds credentials."""
    return f"${{{source.variable}}}" if source.is_secret else source.url.reveal()


def _regions(graph: Graph) -> list[tuple[int, Source]]:
    return [(number, source) for number, source in enumerate(graph.sources) if source.roi]


def _source_list(graph: Graph) -> dict[str, str]:
    names = ";".join(source.name for source in graph.sources)
    section = {
        "num-source-bins": str(len(graph.sources)),
        "list": ";".join(shown_uri(source) for source in graph.sources),
        "sensor-id-list": names,
        "sensor-name-list": names,
        "use-nvmultiurisrcbin": "1",
        "max-batch-size": str(graph.mux.batch),
    }
    if graph.rest_port:
        section |= {"http-ip": "127.0.0.1", "http-port": str(graph.rest_port)}
    return section


def _source_attributes(graph: Graph, gpu: dict[str, str]) -> dict[str, str]:
    """What nvmultiurisrcbin has once for all cameras: the most patient of the cameras' wishes."""
    live = [source for source in graph.sources if source.live]
    section = {"enable": "1", "type": "3", "num-sources": "1", **gpu}
    if graph.target == "dgpu":
        section["cudadec-memtype"] = "0"
    if live:
        retry_s = str(min(source.retry_s for source in live))
        section |= {
            "latency": str(max(source.latency_ms for source in live)),
            "select-rtp-protocol": _TCP if all(source.tcp for source in live) else _ANY,
            "rtsp-reconnect-interval-sec": retry_s,
            "init-rtsp-reconnect-interval-sec": retry_s,
            "rtsp-reconnect-attempts": str(attempts_of(graph)),
        }
    return section


def attempts_of(graph: Graph) -> int:
    """Return how often a camera is tried again: for ever where any camera wants that."""
    wishes = [source.attempts for source in graph.sources if source.live]
    return -1 if not wishes or min(wishes) < 0 else max(wishes)


def _message_sink(broker: Broker) -> dict[str, str]:
    return {
        "enable": "1",
        "type": _MESSAGES,
        "sync": "0",
        "msg-conv-config": CONVERTER_FILE,
        "msg-conv-payload-type": _MINIMAL_PAYLOAD,
        "msg-conv-msg2p-new-api": "1",
        "msg-conv-frame-interval": _FRAMES_BETWEEN_MESSAGES,
        "msg-broker-proto-lib": BROKER_LIBRARIES[broker.kind],
        "msg-broker-conn-str": f"{broker.host};{broker.port}",
        "msg-broker-config": BROKER_FILE,
        "topic": broker.topic,
    }
