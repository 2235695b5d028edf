"""The one part that knows every other: it makes a run out of cams.yaml and pipeline.yaml."""

from __future__ import annotations

from edge.assemble.fronts import deepstream_graph
from edge.assemble.run import assemble, pipeline_title
from edge.assemble.site import places_and_times

__all__ = ["assemble", "deepstream_graph", "pipeline_title", "places_and_times"]
