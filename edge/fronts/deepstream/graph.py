"""The DeepStream graph as data: what both drivers build and what the configuration files describe.

Everything a network needs (size, colours, scale, decoder) comes from its card, every time and threshold from
pipeline.yaml, every camera from cams.yaml; so a file and a driver cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config.card import ModelCard
from edge.errors import ConfigError
from edge.fronts.deepstream.codes import BROKER_PORTS, BrokerName, Precision, Target, TrackerName, Version
from edge.fronts.deepstream.scaling import Scaling, scaling_of

if TYPE_CHECKING:
    from edge.config.cameras import Camera, CamerasFile
    from edge.config.pipeline import PipelineSpec
    from edge.config.urls import SecretUrl

__all__ = [
    "Broker",
    "Graph",
    "Inference",
    "Mux",
    "Source",
    "Tracker",
    "build_graph",
    "parse_broker",
    "source_of",
]

DETECTOR_ID = 1
REID_ID = 2
PERSON_CLASS = 0
_TRACKER_SIDE = 32  # width and height of the tracker's pictures are multiples of it
_TRACKER_SIZE = {"dgpu": (960, 544), "jetson": (640, 384)}
_REID_BATCH = {"dgpu": 32, "jetson": 16}


@dataclass(frozen=True, slots=True)
class Source:
    """One camera.

    name: as in cams.yaml; DeepStream's sensor id.
    url: what is opened; with its credentials only inside.
    live: False for a file.
    latency_ms, tcp: of an RTSP stream.
    retry_s: silence after which the camera is opened anew, and the pause between attempts.
    attempts: how often in a row; -1 for ever.
    loop: a file begins again at its end.
    roi: polygons in fractions of the picture; empty: all of it.
    """

    name: str
    url: SecretUrl
    live: bool
    latency_ms: int
    tcp: bool
    retry_s: int
    attempts: int
    loop: bool
    roi: tuple[tuple[tuple[float, float], ...], ...]

    @property
    def variable(self) -> str:
        """Environment variable that gives ``deepstream-app`` the address, where that holds credentials."""
        plain = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in self.name)
        return f"EDGE_URI_{plain.upper()}"

    @property
    def is_secret(self) -> bool:
        """Whether the address holds credentials."""
        from edge.config.urls import credentials_of

        return bool(credentials_of(self.url.reveal()))


@dataclass(frozen=True, slots=True)
class Mux:
    """Where frames of all cameras become one batch; boxes are in its pixels.

    width, height: of every picture in the batch.
    batch: most frames in it, one per camera.
    timeout_us: longest wait for a full batch, in microseconds.
    live: whether any camera is live.
    """

    width: int
    height: int
    batch: int
    timeout_us: int
    live: bool


@dataclass(frozen=True, slots=True)
class Inference:
    """One network.

    card: what it is.
    weights: its ONNX file.
    scaling: what is done to each pixel.
    precision: what TensorRT may compute in.
    batch: pictures of one call.
    unique_id: DeepStream's number for it.
    """

    card: ModelCard
    weights: Path
    scaling: Scaling
    precision: Precision
    batch: int
    unique_id: int

    @property
    def engine_name(self) -> str:
        """File name under which nvinfer writes and finds the TensorRT engine."""
        return f"{self.card.file}_b{self.batch}_gpu0_{self.precision}.engine"


@dataclass(frozen=True, slots=True)
class Tracker:
    """The low-level tracker, and the ReID network inside it if there is one.

    name: which of the two.
    width, height: of the pictures it works on; multiples of 32.
    reid: the network inside; None where ReID is a secondary nvinfer.
    lost_frames: a track unseen for longer is over.
    confirm_frames: boxes before a track counts.
    score_min, score_high, match_iou: as pipeline.yaml's ``track`` and ``detect``.
    refresh_frames: how often a track is embedded by the network inside.
    """

    name: TrackerName
    width: int
    height: int
    reid: Inference | None
    lost_frames: int
    confirm_frames: int
    score_min: float
    score_high: float
    match_iou: float
    refresh_frames: int


@dataclass(frozen=True, slots=True)
class Broker:
    """Where deepstream-app sends its messages."""

    kind: BrokerName
    host: str
    port: int
    topic: str


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole: sources, mux, detector, tracker, perhaps a secondary ReID network, perhaps a broker.

    interval: batches between two that the detector looks at.
    nms_iou, score_min: of the detector.
    person_height_min_px: smaller people are not embedded; in the mux's pixels.
    rest_port: where nvmultiurisrcbin listens, on loopback, for cameras to add or remove; 0: nowhere.
    """

    version: Version
    target: Target
    sources: tuple[Source, ...]
    mux: Mux
    detector: Inference
    tracker: Tracker
    reid: Inference | None
    broker: Broker | None
    interval: int
    score_min: float
    nms_iou: float
    person_height_min_px: int
    rest_port: int

    @property
    def embedder(self) -> Inference:
        """The ReID network, wherever it runs."""
        inference = self.reid or self.tracker.reid
        if inference is None:  # never so: build_graph puts it in one of the two places
            raise ConfigError("the graph has no ReID network")
        return inference

    @property
    def networks(self) -> tuple[Inference, Inference]:
        """Detector and ReID network."""
        return self.detector, self.embedder


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
