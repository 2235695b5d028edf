"""The DeepStream graph as data: what both drivers build and what the configuration files describe.

:mod:`edge.fronts.deepstream.build` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config.card import ModelCard
from edge.errors import ConfigError
from edge.fronts.deepstream.codes import BrokerName, Precision, Target, TrackerName, Version
from edge.fronts.deepstream.scaling import Scaling

if TYPE_CHECKING:
    from edge.config.urls import SecretUrl

__all__ = [
    "DETECTOR_ID",
    "PERSON_CLASS",
    "REID_ID",
    "Broker",
    "Graph",
    "Inference",
    "Mux",
    "Source",
    "Tracker",
]

DETECTOR_ID = 1
REID_ID = 2
PERSON_CLASS = 0


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
