"""The DeepStream graph, made of cams.yaml, pipeline.yaml and the cards of the networks.

Everything a network needs (size, colours, scale, decoder) comes from its card, every time and threshold from
pipeline.yaml, every camera from cams.yaml; so a file and a driver cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config.card import ModelCard
from edge.errors import ConfigError
from edge.fronts.deepstream.codes import BROKER_PORTS, BrokerName, Target, Version
from edge.fronts.deepstream.graph import (
    DETECTOR_ID,
    REID_ID,
    Broker,
    Graph,
    Inference,
    Mux,
    Source,
    Tracker,
)
from edge.fronts.deepstream.scaling import scaling_of

if TYPE_CHECKING:
    from edge.config.cameras import Camera, CamerasFile
    from edge.config.pipeline import PipelineSpec

__all__ = ["build_graph", "parse_broker", "source_of"]

_TRACKER_SIDE = 32  # width and height of the tracker's pictures are multiples of it
_TRACKER_SIZE = {"dgpu": (960, 544), "jetson": (640, 384)}
_REID_BATCH = {"dgpu": 32, "jetson": 16}


def build_graph(
    cameras: CamerasFile,
    pipeline: PipelineSpec,
    detector: tuple[ModelCard, Path],
    embedder: tuple[ModelCard, Path],
    *,
    version: Version,
    target: Target = "dgpu",
    broker: Broker | None = None,
) -> Graph:
    """Make the graph.

    Args:
        cameras: the cameras.
        pipeline: models and numbers; its section ``deepstream`` above all.
        detector: card and ONNX file of the network that finds people.
        embedder: card and ONNX file of the ReID network.
        version: the generation of DeepStream.
        target: the kind of machine.
        broker: where deepstream-app sends messages; None: nowhere.

    Raises:
        ConfigError: a camera or a network is one that DeepStream cannot take.
    """
    spec = pipeline.deepstream
    sources = tuple(source_of(camera) for camera in cameras.cameras)
    _check_variables(sources)
    detect_card, detect_weights = detector
    embed_card, embed_weights = embedder
    reid = Inference(
        embed_card,
        embed_weights,
        scaling_of(embed_card),
        spec.precision,
        embed_card.batch or _REID_BATCH[target],
        REID_ID,
    )
    inside = spec.reid == "tracker" or spec.tracker == "nvdeepsort"
    width, height = _TRACKER_SIZE[target]
    score_min = _first(pipeline.detect.score_min, detect_card.score_min)
    return Graph(
        version=version,
        target=target,
        sources=sources,
        mux=Mux(
            spec.width,
            spec.height,
            len(sources),
            round(spec.batch_wait_ms * 1000),
            any(source.live for source in sources),
        ),
        detector=Inference(
            detect_card,
            detect_weights,
            scaling_of(detect_card),
            spec.precision,
            detect_card.batch or len(sources),
            DETECTOR_ID,
        ),
        tracker=Tracker(
            spec.tracker,
            min(width, _whole_sides(spec.width)),
            min(height, _whole_sides(spec.height)),
            reid if inside else None,
            max(1, round(pipeline.track.lost_s * spec.frame_rate)),
            pipeline.track.confirm_frames,
            score_min,
            pipeline.track.high_score,
            pipeline.track.match_iou,
            max(1, round(pipeline.crop.refresh_s * spec.frame_rate)),
        ),
        reid=None if inside else reid,
        broker=broker,
        interval=spec.interval,
        score_min=score_min,
        nms_iou=_first(pipeline.detect.nms_iou, detect_card.nms_iou),
        person_height_min_px=round(pipeline.crop.height_min_px),
        rest_port=spec.rest_port,
    )


def parse_broker(kind: BrokerName, address: str, topic: str) -> Broker:
    """Make a broker of ``HOST`` or ``HOST:PORT``.

    Raises:
        ConfigError: the address is neither.
    """
    host, colon, port = address.partition(":")
    if not host or any(letter in host for letter in "; /@") or (colon and not port.isdecimal()):
        raise ConfigError(f"the broker's address must be HOST or HOST:PORT (got '{address}')")
    return Broker(kind, host, int(port) if colon else BROKER_PORTS[kind], topic)


def source_of(camera: Camera) -> Source:
    """Return a camera as DeepStream sees it.

    Raises:
        ConfigError: it is one that DeepStream cannot take.
    """
    from edge.config.urls import SecretUrl

    source = camera.source
    roi = tuple(tuple(polygon) for polygon in camera.roi or ())
    if source.kind == "device":
        raise ConfigError(
            f"camera '{camera.name}': the DeepStream front reads RTSP, HTTP and files; for {source.label} "
            "take the native front"
        )
    if source.kind == "file":
        if source.start_s or source.realtime:
            raise ConfigError(
                f"camera '{camera.name}': start_s and realtime are for the native front; leave them out"
            )
        url = SecretUrl(source.path.resolve().as_uri())
        return Source(camera.name, url, False, 0, True, 0, 0, source.loop, roi)
    reconnect = source.reconnect
    attempts = -1 if reconnect.attempts is None else reconnect.attempts
    retry_s = max(1, round(source.frozen_s))
    if source.kind == "rtsp":
        tcp = source.transport == "tcp"
        return Source(camera.name, source.url, True, source.latency_ms, tcp, retry_s, attempts, False, roi)
    return Source(camera.name, source.url, True, 0, True, retry_s, attempts, False, roi)


def _check_variables(sources: Sequence[Source]) -> None:
    taken: dict[str, str] = {}
    for source in sources:
        other = taken.setdefault(source.variable, source.name)
        if other != source.name:
            raise ConfigError(
                f"cameras '{other}' and '{source.name}' would share the variable {source.variable}; "
                "rename one"
            )


def _first(chosen: float | None, advised: float | None) -> float:
    return chosen if chosen is not None else (advised or 0.0)


def _whole_sides(pixels: int) -> int:
    return max(_TRACKER_SIDE, pixels // _TRACKER_SIDE * _TRACKER_SIDE)
