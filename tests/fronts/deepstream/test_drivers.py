"""Both drivers build one graph, pass every batch on, and end as they should."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from deepstream_metadata import Person, Picture
from deepstream_runtime import (
    EOS,
    DynamicSourceMessage,
    EOSMessage,
    GstRuntime,
    ServiceMaker,
    element_message,
    error_message,
)
from deepstream_site import graph_of

from edge.errors import RunError, StartError
from edge.fronts.deepstream.driver import Notice, open_driver, require_version
from edge.fronts.deepstream.elements import chain_of
from edge.fronts.deepstream.graph import Graph
from edge.fronts.deepstream.pyds_driver import PydsDriver
from edge.fronts.deepstream.seen import SeenFrame
from edge.fronts.deepstream.servicemaker_driver import ServiceMakerDriver

BATCH = [Picture(0, 1, [Person(1, (0, 0, 20, 50))]), Picture(1, 1)]


class Ears:
    """What a driver said."""

    def __init__(self) -> None:
        self.frames: list[SeenFrame] = []
        self.notices: list[Notice] = []

    def take(self, frames: Sequence[SeenFrame]) -> None:
        self.frames += frames

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    return graph_of(tmp_path)


@pytest.fixture
def ears() -> Ears:
    return Ears()


def test_both_build_the_same_chain(graph: Graph, ears: Ears, tmp_path: Path) -> None:
    runtime, maker = GstRuntime([BATCH, EOS]), ServiceMaker([BATCH, EOSMessage()])
    PydsDriver(graph, tmp_path, runtime.modules).run(ears.take, ears.notice)
    ServiceMakerDriver(graph, tmp_path, maker).run(ears.take, ears.notice)
    chain = chain_of(graph, tmp_path)
    assert [one.plugin for one in chain if one.plugin != "queue"] == [
        "nvmultiurisrcbin",
        "nvinfer",
        "nvtracker",
        "nvinfer",
        "fakesink",
    ]
    assert list(runtime.elements) == list(maker.added) == maker.links == [one.name for one in chain]
    for one in chain:
        assert runtime.elements[one.name].properties == maker.added[one.name][1] == one.properties
    links = [runtime.elements[one.name].linked for one in chain]
    assert links == [*(runtime.elements[one.name] for one in chain[1:]), None]
    assert list(maker.attached) == ["probed"]
    assert runtime.states == ["playing", "null"]
    assert [frame.source for frame in ears.frames] == [0, 1, 0, 1]


def test_addresses_are_whole_only_in_the_pipeline(graph: Graph, tmp_path: Path) -> None:
    source = chain_of(graph, tmp_path)[0].properties
    assert source["uri-list"] == "rtsp://admin:s3cret!@10.0.0.2/ch1,rtsp://10.0.0.3:8554/yard"
    assert source["sensor-id-list"] == "door,yard-2"
    assert (source["attach-sys-ts"], source["drop-pipeline-eos"]) == (False, True)
    assert (source["select-rtp-protocol"], source["latency"], source["port"]) == (4, 200, "9000")


def test_reid_inside_the_tracker_needs_no_second_network(tmp_path: Path) -> None:
    chain = chain_of(graph_of(tmp_path, reid="tracker"), tmp_path)
    assert [one.plugin for one in chain].count("nvinfer") == 1
    assert next(one for one in chain if one.name == "probed").plugin == "nvtracker"


def test_what_happens_to_sources_is_told(graph: Graph, ears: Ears, tmp_path: Path) -> None:
    script = [
        element_message("stream-add", source_id=1, sensor_id="yard-2"),
        element_message("stream-remove", source_id=0, sensor_id="door"),
        element_message("stream-eos", stream_id=1),
        element_message("attempt-exceeded", source_id=1),
        element_message("something-else"),
        error_message("rtsp://admin:s3cret!@10.0.0.2/ch1 refused", "/GstPipeline:edge/GstBin:source/GstX:y"),
        EOS,
    ]
    PydsDriver(graph, tmp_path, GstRuntime(script).modules).run(ears.take, ears.notice)
    assert ears.notices == [
        Notice("added", 1, "yard-2"),
        Notice("removed", 0, "door"),
        Notice("ended", 1),
        Notice("given up", 1),
        Notice("trouble", text="rtsp://***@10.0.0.2/ch1 refused"),
    ]
    ears.notices.clear()
    maker = ServiceMaker(
        [
            DynamicSourceMessage(source_added=True, source_id=3, sensor_id="door"),
            DynamicSourceMessage(source_added=False, source_id=3, sensor_id="door"),
            EOSMessage(),
        ]
    )
    ServiceMakerDriver(graph, tmp_path, maker).run(ears.take, ears.notice)
    assert ears.notices == [Notice("added", 3, "door"), Notice("removed", 3, "door")]


def test_an_error_elsewhere_ends_the_run_with_its_words(graph: Graph, ears: Ears, tmp_path: Path) -> None:
    script = [BATCH, error_message("cannot build the engine", "/GstPipeline:edge/GstNvInfer:detector")]
    driver = PydsDriver(graph, tmp_path, GstRuntime(script).modules)
    with pytest.raises(RunError, match="DeepStream broke off: cannot build the engine"):
        driver.run(ears.take, ears.notice)
    with pytest.raises(RunError, match="ended by itself"):
        ServiceMakerDriver(graph, tmp_path, ServiceMaker([BATCH])).run(ears.take, ears.notice)


def test_a_probe_that_breaks_ends_the_run_and_not_the_process(
    graph: Graph, ears: Ears, tmp_path: Path
) -> None:
    def broken(frames: Sequence[SeenFrame]) -> None:
        raise ValueError("out of order")

    runtime, maker = GstRuntime([BATCH, BATCH]), ServiceMaker([BATCH, BATCH])
    for driver in (
        PydsDriver(graph, tmp_path, runtime.modules),
        ServiceMakerDriver(graph, tmp_path, maker),
    ):
        with pytest.raises(RunError, match="the probe in DeepStream broke off: ValueError: out of order"):
            driver.run(broken, ears.notice)
    assert maker.stops == 1


def test_a_stop_ends_the_run_at_once_also_before_it_began(graph: Graph, ears: Ears, tmp_path: Path) -> None:
    stopped = PydsDriver(graph, tmp_path, GstRuntime([BATCH]).modules)
    stopped.stop()
    stopped.run(ears.take, ears.notice)
    assert ears.frames == []
    runtime = GstRuntime([BATCH])
    driver = PydsDriver(graph, tmp_path, runtime.modules)
    runtime.script.append(driver.stop)
    driver.run(ears.take, ears.notice)
    maker = ServiceMaker([BATCH])
    service = ServiceMakerDriver(graph, tmp_path, maker)
    maker.script.append(service.stop)
    service.run(ears.take, ears.notice)
    assert len(ears.frames) == 4
    assert maker.stops == 1


def test_a_missing_plugin_says_what_to_install(graph: Graph, ears: Ears, tmp_path: Path) -> None:
    driver = PydsDriver(graph, tmp_path, GstRuntime([], missing="nvtracker").modules)
    with pytest.raises(StartError, match=r"no GStreamer plugin 'nvtracker'; install DeepStream 7\.1"):
        driver.run(ears.take, ears.notice)
    service = ServiceMakerDriver(graph, tmp_path, ServiceMaker([], missing="nvinfer"))
    with pytest.raises(StartError, match=r"failed to create nvinfer.*install DeepStream 9\.1"):
        service.run(ears.take, ears.notice)


def test_without_deepstream_one_line_says_what_to_install_for_which_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("gi", "pyds", "pyservicemaker"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for wanted, words in (
        ("7.1", r"pyds 1\.2\.0"),
        ("9.1", "pyservicemaker wheel"),
        ("auto", " or DeepStream 9"),
    ):
        with pytest.raises(StartError, match=words) as caught:
            require_version(wanted)  # type: ignore[arg-type]
        assert caught.value.exit_code == 3
    for version, words in (("7.1", "bindings cannot be imported"), ("9.1", "cannot be imported")):
        with pytest.raises(StartError, match=words):
            open_driver(graph_of(tmp_path, version), tmp_path)  # type: ignore[arg-type]
