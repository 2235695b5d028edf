from __future__ import annotations

from pathlib import Path

import pytest
from deepstream_site import graph_of

from edge.config.card import ModelCard
from edge.config.catalog import load_card
from edge.errors import ConfigError
from edge.fronts.deepstream.build import parse_broker
from edge.fronts.deepstream.codes import NVINFER_PRECISION, NVTRACKER_PRECISION
from edge.fronts.deepstream.graph import Broker
from edge.fronts.deepstream.nvinfer import detector_sections, reid_sections
from edge.fronts.deepstream.nvtracker import tracker_sections
from edge.fronts.deepstream.scaling import scaling_of

FILES = "cameras:\n- name: a\n  source: {source}\n"


def with_input(card: ModelCard, **changes: object) -> ModelCard:
    return card.model_copy(update={"input": card.input.model_copy(update=changes)})


def test_scaling_says_the_same_as_the_card() -> None:
    card = with_input(load_card("demo-reid"), scale=1 / 255, mean=(0.5, 0.25, 0.0), std=(0.2, 0.2, 0.2))
    scaling = scaling_of(card)
    assert scaling.note == ""
    for pixel, mean, offset in zip((0.0, 100.0, 255.0), card.input.mean, scaling.offsets, strict=True):
        wanted = (pixel * card.input.scale - mean) / 0.2
        assert scaling.factor * (pixel - offset) == pytest.approx(wanted, abs=1e-9)


def test_imagenets_deviations_are_evened_out_and_that_is_said() -> None:
    scaling = scaling_of(load_card("osnet-x0-25"))
    assert scaling.factor == pytest.approx(1 / (255 * 0.226))
    assert scaling.offsets == pytest.approx((123.675, 116.28, 103.53))
    assert "0.226" in scaling.note


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"std": (0.1, 0.2, 0.3)}, "one factor for all"), ({"dtype": "float16"}, "feeds float32")],
)
def test_what_deepstream_cannot_feed_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        scaling_of(with_input(load_card("demo-reid"), **changes))


def test_the_two_enumerations_of_precision_are_each_their_plugins(tmp_path: Path) -> None:
    assert (NVINFER_PRECISION["int8"], NVINFER_PRECISION["fp16"]) == (1, 2)
    assert (NVTRACKER_PRECISION["int8"], NVTRACKER_PRECISION["fp16"]) == (2, 1)
    graph = graph_of(tmp_path, precision="int8", reid="tracker")
    assert detector_sections(graph)["property"]["network-mode"] == "1"
    assert tracker_sections(graph)["ReID"]["networkMode"] == 2


def test_reid_runs_in_one_place_only(tmp_path: Path) -> None:
    secondary = graph_of(tmp_path)
    assert secondary.reid is not None
    assert secondary.tracker.reid is None
    assert "ReID" not in tracker_sections(secondary)
    assert reid_sections(secondary, secondary.reid)["property"]["network-type"] == "100"
    for options in ({"reid": "tracker"}, {"tracker": "nvdeepsort"}):
        inside = graph_of(tmp_path, **options)
        assert inside.reid is None
        reid = tracker_sections(inside)["ReID"]
        assert (reid["outputReidTensor"], reid["reidFeatureSize"]) == (1, 192)
        assert reid["inferDims"] == (3, 128, 64)


def test_nvdcf_runs_the_network_inside_only_where_it_may_reassociate(tmp_path: Path) -> None:
    sections = tracker_sections(graph_of(tmp_path, reid="tracker", frame_rate=10.0))
    assert sections["TrajectoryManagement"]["enableReAssoc"] == 1
    assert (
        sections["TrajectoryManagement"]["reidExtractionInterval"] == 4
    )  # crop.refresh_s 0.4 at 10 a second
    assert sections["TargetManagement"]["maxShadowTrackingAge"] == 10  # track.lost_s 1.0
    assert tracker_sections(graph_of(tmp_path))["TrajectoryManagement"]["enableReAssoc"] == 0


def test_a_card_of_fixed_batch_is_obeyed(tmp_path: Path) -> None:
    graph = graph_of(tmp_path)
    assert graph.detector.batch == 2
    assert graph.detector.engine_name == "demo_detector.onnx_b2_gpu0_fp16.engine"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("0", "reads RTSP, HTTP and files; for device 0 take the native front"),
        ("{path: x.mp4, realtime: true}", "start_s and realtime are for the native front"),
        ("{path: x.mp4, start_s: 3}", "start_s and realtime are for the native front"),
    ],
)
def test_a_source_that_deepstream_cannot_take_is_named(source: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").touch()
    with pytest.raises(ConfigError, match=f"camera 'a': .*{words}"):
        graph_of(tmp_path, text=FILES.format(source=source))


def test_cameras_whose_variables_would_be_one_are_refused(tmp_path: Path) -> None:
    text = "cameras:\n- {name: a-b, source: rtsp://h/1}\n- {name: a.b, source: rtsp://h/2}\n"
    with pytest.raises(ConfigError, match="share the variable EDGE_URI_A_B"):
        graph_of(tmp_path, text=text)


def test_a_brokers_address_has_a_default_port_and_no_credentials() -> None:
    assert parse_broker("redis", "broker", "people") == Broker("redis", "broker", 6379, "people")
    assert parse_broker("kafka", "10.0.0.9:9093", "people").port == 9093
    for wrong in ("", "u:p@host", "host:x", "a;b"):
        with pytest.raises(ConfigError, match="HOST or HOST:PORT"):
            parse_broker("kafka", wrong, "people")
