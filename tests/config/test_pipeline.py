from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.document import problems_of
from edge.config.pipeline import (
    DetectSpec,
    EmbedSpec,
    PipelineSpec,
    find_pipeline,
    list_pipelines,
    load_pipeline,
    load_pipeline_document,
)
from edge.errors import ConfigError

SMALL = "detect: {model: yolox-nano}\nembed: {model: reid-retail-0031}\n"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "pipeline.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_shipped_pipeline_is_right() -> None:
    assert "default" in list_pipelines()
    for name in list_pipelines():
        assert load_pipeline(name).detect.model


def test_the_default_takes_two_small_networks() -> None:
    spec = load_pipeline()
    assert spec.detect.model == "yolox-nano"
    assert spec.embed.model == "reid-retail-0248"


def test_what_is_not_given_has_its_default(tmp_path: Path) -> None:
    expected = PipelineSpec(detect=DetectSpec(model="yolox-nano"), embed=EmbedSpec(model="reid-retail-0031"))
    assert load_pipeline(written(tmp_path, SMALL)) == expected
    assert load_pipeline(tmp_path) == expected


def test_a_card_is_a_name_or_lies_relative_to_the_pipeline(tmp_path: Path) -> None:
    text = SMALL.replace("yolox-nano", "mine/card.yaml")
    assert load_pipeline(written(tmp_path, text)).detect.model == str(tmp_path / "mine/card.yaml")


@pytest.mark.parametrize("name", ["nope", "", ".."])
def test_an_unknown_name_lists_those_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match=r"there are: .*default"):
        find_pipeline(name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "no.yaml", tmp_path):
        with pytest.raises(ConfigError, match="no such pipeline file"):
            load_pipeline(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("detect: {model: a}\n", ":1: embed: this key is required"),
        (SMALL + "trak: {}\n", ":3: trak: unknown key; did you mean 'track'?"),
        (SMALL + "track:\n  name: sort\n", ":4: track.name: must be 'bytetrack' or 'ocsort' (got 'sort')"),
        (SMALL + "track:\n  lost_frames: 3\n", ":4: track.lost_frames: unknown key; did you mean 'lost_s'?"),
        (SMALL + "track:\n  match_iou: 30\n", ":4: track.match_iou: must be 1 or less (got 30)"),
        (
            SMALL.replace("yolox-nano", "yolox-nano, score_min: 0.9"),
            ":1: detect.score_min: must not be above track.activation_score (0.7) (got 0.9)",
        ),
        (
            SMALL + "identify:\n  decide_s: 1\n  revise_s: 24.5\n",
            ":5: identify.revise_s: must be 25 or more, twice tracklet.length_max_s and 5 (got 24.5)",
        ),
        (
            SMALL + "tracklet: {length_max_s: 60}\n",
            ":3: tracklet.length_max_s: must be 57.5 or less while identify.revise_s is 120 (got 60)",
        ),
        (
            SMALL + "identify:\n  revise_s: 30\n",
            ":4: identify.revise_s: must be more than identify.recent_s (30) (got 30)",
        ),
        (
            SMALL + "identify:\n  recent_s: 120\n",
            ":4: identify.recent_s: must be less than identify.revise_s (120) (got 120)",
        ),
        (
            SMALL + "capture:\n  device: gpu\n",
            ":4: capture.device: must be 'cpu', 'auto', 'cuda' or 'cpu-tensors' (got 'gpu')",
        ),
        (
            SMALL + "capture: {decode: hardware}\n",
            ":3: capture.decode: must be 'auto', 'cpu' or 'nvdec' (got 'hardware')",
        ),
        (
            SMALL + "front: deepstream\ncapture:\n  device: cuda\n",
            ":5: capture.device: must be cpu where front is deepstream, which decodes by itself (got cuda)",
        ),
        (
            SMALL + "front: deepstream\ncapture:\n  decode: nvdec\n",
            ":5: capture.decode: must be auto where front is deepstream, which decodes by itself (got nvdec)",
        ),
        (
            SMALL.replace("yolox-nano", "yolox-nano, threads: yes"),
            ":1: detect.threads: must be a number (got true)",
        ),
    ],
)
def test_each_mistake_has_its_line(tmp_path: Path, text: str, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_pipeline(file)
    assert str(caught.value) == f"{file}{says}"
    assert problems_of(caught.value) == (caught.value,)


def test_the_document_knows_the_lines(tmp_path: Path) -> None:
    _, document = load_pipeline_document(written(tmp_path, SMALL))
    assert document.line_of(("embed", "model")) == 2


def test_decisions_may_be_revised_for_just_long_enough(tmp_path: Path) -> None:
    text = SMALL + "tracklet: {length_max_s: 5}\nidentify: {recent_s: 14.9, revise_s: 15}\n"
    assert load_pipeline(written(tmp_path, text)).identify.revise_s == 15
