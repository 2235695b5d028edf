"""A small site for the DeepStream tests: two cameras, the project's own two networks, and its graph."""

from __future__ import annotations

from pathlib import Path

from edge.assemble import deepstream_graph
from edge.config.cameras import CamerasFile, load_cameras
from edge.config.pipeline import PipelineSpec, load_pipeline
from edge.fronts.deepstream.codes import Target, Version
from edge.fronts.deepstream.graph import Broker, Graph

CAMERAS = """\
site: {name: hall}
cameras:
  - name: door
    source: rtsp://admin:s3cret!@10.0.0.2/ch1
    roi: [[[0.0, 0.2], [1.0, 0.2], [1.0, 1.0], [0.0, 1.0]]]
  - name: yard-2
    source: {rtsp: "rtsp://10.0.0.3:8554/yard", latency_ms: 100}
"""


def cameras_of(folder: Path, text: str = CAMERAS) -> CamerasFile:
    file = folder / "cams.yaml"
    file.write_text(text, encoding="utf-8")
    return load_cameras(file)


def pipeline_of(**deepstream: object) -> PipelineSpec:
    """The demo pipeline with DeepStream as its front."""
    pipeline = load_pipeline("demo")
    spec = pipeline.deepstream.model_copy(update=deepstream)
    return pipeline.model_copy(update={"front": "deepstream", "deepstream": spec})


def graph_of(
    folder: Path,
    version: Version = "7.1",
    *,
    target: Target = "dgpu",
    broker: Broker | None = None,
    text: str = CAMERAS,
    **deepstream: object,
) -> Graph:
    cameras, pipeline = cameras_of(folder, text), pipeline_of(**deepstream)
    return deepstream_graph(cameras, pipeline, version=version, target=target, broker=broker)
